//! `resume`: opens the door that `drain` closed.

use super::drain::queue_door::{self, QueueDoor, door_is, set_mode, wait_for_server};
use super::{CommandOutcome, RunCommand};
use crate::daemon::closing_note;
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::{QueueOptions, Target};
use clap::Args;
use msgq_core::drain_note::{self, WRITE_FOR_OTHERS};
use msgq_core::queue::QueueStat;

const EXAMPLES: &str = "\
Examples:
  msgqctl resume              open the door again
  msgqctl resume --mode 0660  of a queue of another program, whose mode nobody noted";

/// Open the door that `drain` closed
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ResumeArguments {
    /// Give the queue this mode, in octal: for the queue of another program, whose mode `drain` has changed
    #[arg(long, value_name = "MODE", value_parser = parse_mode)]
    pub(crate) mode: Option<u32>,
}

fn parse_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "expected nine permission bits in octal, for example 0660".into())
}

impl RunCommand for ResumeArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let door = QueueDoor::find(queue)?;
        if self.mode.is_some() && door.has_daemon() && closing_note(door.key, door.owner).is_some() {
            let message = "`drain` keeps this door closed, whatever mode the queue is given: open it with `msgqctl resume`, \
                           without --mode";
            return Err(Failure::new(Status::Usage, message));
        }
        let foreign = if self.mode.is_some() { door.queue.clone() } else { door.without_daemon()? };
        if let Some((target, _)) = foreign {
            return open_foreign(&target, self.mode);
        }
        let path = door.note_path()?;
        let was_closed = drain_note::remove(&path).map_err(|error| queue_door::cannot_write(&path, &error))?;
        if !was_closed {
            return Ok(without_note(door.queue.map(|(_, stat)| stat)));
        }
        let Some((target, before)) = door.served() else {
            return Ok(door_is(false, "the next start comes up with the door open".to_owned()));
        };
        // With a configured mode that lets nobody but the owner send, only the time of the change shows it.
        let is_open =
            |now: &QueueStat| now.mode & WRITE_FOR_OTHERS != 0 || now.last_change_time != before.last_change_time;
        wait_for_server(&target, is_open, "open the door")?;
        Ok(door_is(false, "open: new requests are welcome".to_owned()))
    }
}

/// There is no note, so no drain: the queue may have been closed by its mode all the same.
fn without_note(queue: Option<QueueStat>) -> CommandOutcome {
    match queue {
        Some(stat) if stat.mode & WRITE_FOR_OTHERS == 0 => door_is(
            true,
            format!(
                "no `drain` closes it, but mode {:04o} of the queue lets nobody but its owner send; unless its configuration \
                 says so, give it the mode that stands there, for example: msgqctl resume --mode 0660",
                stat.mode
            ),
        ),
        _ => door_is(false, "the door was open".to_owned()),
    }
}

fn open_foreign(target: &Target, mode: Option<u32>) -> Result<CommandOutcome, Failure> {
    let Some(mode) = mode else {
        let message = "no msgqd serves this queue, so nobody knows which mode it had: say it with --mode, for example \
                       --mode 0660";
        return Err(Failure::new(Status::Usage, message));
    };
    set_mode(target, mode)?;
    Ok(door_is(mode & WRITE_FOR_OTHERS == 0, format!("the queue has mode {mode:04o}")))
}
