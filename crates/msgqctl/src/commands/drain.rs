//! `drain`: closes the door of a queue without stopping its server.

pub(super) mod queue_door;

use super::values::parse_timeout;
use super::{CommandOutcome, RunCommand};
use crate::daemon::{closing_note, closing_sentence, in_hand_slots, outbox_slots, read_table};
use crate::failure::{Failure, Status};
use crate::output::{Style, counted};
use crate::system::names::Named;
use crate::target::{QueueOptions, Target};
use clap::Args;
use msgq_core::drain_note::{self, Closed, MAX_REASON_LEN, WRITE_FOR_OTHERS};
use msgq_core::queue::QueueStat;
use msgq_core::time::unix_time_s;
use msgq_core::trusted_file::TrustedUsers;
use queue_door::{POLL_PAUSE, QueueDoor, door_is, set_mode, wait_for_server};
use std::path::Path;
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  msgqctl drain --reason migration  close the door
  msgqctl drain --wait=2m           and wait until all is answered, for 2 minutes at most";

/// Close the door: no new requests, while what is queued is answered and the server runs on
///
/// Takes write permission on the queue from group and others, so that msgsnd fails there with EACCES, also where it
/// waits already; its owner and root can still send. msgqd keeps the door closed until `resume`, also when it is
/// restarted or killed meanwhile, and not beyond the next boot. On a queue of another program the mode is changed at
/// once, where this user may do that.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DrainArguments {
    /// Wait until nothing is queued, in hand or in the outbox: for 30 seconds at most, or as long as given
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30", value_parser = parse_timeout)]
    pub(crate) wait: Option<Duration>,

    /// Why, for those who look at `stat` or at the log; at most 200 bytes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

impl RunCommand for DrainArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        if self.reason.len() > MAX_REASON_LEN {
            let message = format!("the reason has {} bytes; at most {MAX_REASON_LEN} are kept", self.reason.len());
            return Err(Failure::new(Status::Usage, message));
        }
        let door = QueueDoor::find(queue)?;
        if let Some((target, stat)) = door.without_daemon()? {
            return close_foreign(&target, &stat);
        }
        let path = door.path_of_new_note()?;
        let wish = Closed { by: own_name(), at_s: unix_time_s(), reason: self.reason.clone() };
        let users = TrustedUsers::with_queue_owner(door.owner);
        let is_new = drain_note::write(&path, &wish, users).map_err(|error| queue_door::cannot_write(&path, &error))?;
        let known = closing_sentence(&closing_note(door.key, door.owner).unwrap_or(wish));
        let said = if is_new { known } else { format!("{known}, already") };
        let Some((target, stat)) = door.served() else {
            return Ok(door_is(true, format!("{said}; {}", closed_for_the_next_start(&path, door.has_daemon()))));
        };
        wait_for_server(&target, |now| now.mode & WRITE_FOR_OTHERS == 0, "close the door")?;
        let said = match stat.mode & WRITE_FOR_OTHERS {
            0 if is_new => format!("{said}; its mode {:04o} lets nobody but its owner send anyway", stat.mode),
            _ => said,
        };
        match self.wait {
            None => Ok(door_is(true, format!("{said}; what is queued is answered"))),
            Some(limit) => {
                wait_until_empty(&target, limit)?;
                Ok(door_is(true, format!("{said}; nothing is queued or in hand any more")))
            }
        }
    }
}

/// Of a daemon that ended in order nothing is left that tells its directory.
fn closed_for_the_next_start(note: &Path, is_its_directory: bool) -> String {
    let closed = "no server runs: the next start comes up with the door closed";
    match note.parent() {
        Some(directory) if !is_its_directory => format!("{closed}, if it keeps its files in {}", directory.display()),
        _ => closed.to_owned(),
    }
}

/// As the user database has it: what stands in a note is escaped when it is shown.
fn own_name() -> String {
    let own = Named::user(nix::unistd::geteuid().as_raw());
    own.name.unwrap_or_else(|| own.id.to_string())
}

/// No msgqd: the mode is changed here and now, where that is allowed.
fn close_foreign(target: &Target, stat: &QueueStat) -> Result<CommandOutcome, Failure> {
    let closed = stat.mode & !WRITE_FOR_OTHERS;
    if closed == stat.mode {
        let said = format!(
            "nothing was changed: no msgqd serves this queue, and its mode {closed:04o} lets nobody but its owner and root send"
        );
        return Ok(door_is(true, said));
    }
    set_mode(target, closed)?;
    let said = format!(
        "closed for everybody but its owner and root: no msgqd serves this queue, so its mode was changed from {:04o} to \
         {closed:04o}; open it with: msgqctl resume --mode {:04o}",
        stat.mode, stat.mode
    );
    Ok(door_is(true, said))
}

fn wait_until_empty(target: &Target, limit: Duration) -> Result<(), Failure> {
    let end = Instant::now() + limit;
    loop {
        let stat = target.stat()?;
        let table = read_table(&stat);
        let held = table.map_or(0, |(_, table)| in_hand_slots(&table).count() + outbox_slots(&table).count());
        // A second queue that is not there holds nothing.
        let answers = match target.answers() {
            Err(failure) if failure.status == Status::NoQueue => None,
            answers => answers?.map(|answers| answers.stat()).transpose()?,
        };
        if stat.messages == 0 && held == 0 && answers.is_none_or(|answers| answers.messages == 0) {
            return Ok(());
        }
        if Instant::now() >= end {
            let messages = counted(stat.messages, "message");
            let unread =
                answers.map(|answers| format!(", {} in that of the answers", counted(answers.messages, "message")));
            let message = format!(
                "the door is closed, but after {} s there are still {messages} in the queue{} and {held} in hand or in the \
                 outbox; msgqctl stat shows whose they are",
                limit.as_secs(),
                unread.unwrap_or_default()
            );
            return Err(Failure::new(Status::Timeout, message));
        }
        std::thread::sleep(POLL_PAUSE);
    }
}
