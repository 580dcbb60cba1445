//! The door of one queue, as `drain` and `resume` find it, and what they say in the end.

use crate::commands::CommandOutcome;
use crate::daemon::{DaemonFiles, closing_note_path};
use crate::failure::{Failure, Status};
use crate::instances::{directory_of_next_start, unit_name};
use crate::output::{StyledText, Text};
use crate::target::{QueueOptions, Target};
use msgq_core::escape::escape;
use msgq_core::instance::LockState;
use msgq_core::queue::{QueueKey, QueueSettings, QueueStat};
use msgq_core::serving::{UnreachableServer, directories_of_msgqd_units, unreachable_server};
use serde::Serialize;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a server may take to see the note; it looks every second.
const REACTION: Duration = Duration::from_secs(10);

/// Between two looks at a queue that is to change.
pub(in crate::commands) const POLL_PAUSE: Duration = Duration::from_millis(50);

/// Result of `drain` and `resume`.
#[derive(Debug, Serialize)]
struct DoorReport {
    is_closed: bool,
    sentence: String,
}

impl Text for DoorReport {
    fn text(&self) -> StyledText {
        format!("{}\n", self.sentence).into()
    }
}

pub(in crate::commands) fn door_is(is_closed: bool, sentence: String) -> CommandOutcome {
    CommandOutcome::done(DoorReport { is_closed, sentence })
}

/// A queue that may not be there, and whose daemon would serve it.
pub(in crate::commands) struct QueueDoor {
    pub(in crate::commands) key: QueueKey,
    pub(in crate::commands) queue: Option<(Target, QueueStat)>,
    /// The queue's owner, or without a queue this user.
    pub(in crate::commands) owner: u32,
}

impl QueueDoor {
    pub(in crate::commands) fn find(options: &QueueOptions) -> Result<Self, Failure> {
        let key = options.resolve_key()?;
        let queue = match options.open() {
            Ok(target) => {
                let stat = target.stat()?;
                Some((target, stat))
            }
            Err(failure) if failure.status == Status::NoQueue => None,
            Err(failure) => return Err(failure),
        };
        let owner = queue.as_ref().map_or_else(|| nix::unistd::geteuid().as_raw(), |(_, stat)| stat.uid);
        Ok(Self { key, queue, owner })
    }

    fn files(&self) -> Option<DaemonFiles> {
        DaemonFiles::find(self.key, self.owner)
    }

    /// True when a daemon keeps files for this queue, be it dead.
    pub(in crate::commands) fn has_daemon(&self) -> bool {
        self.files().is_some()
    }

    /// The queue, if it is that of another program; an error where a daemon may serve it that could not follow the change.
    pub(in crate::commands) fn without_daemon(&self) -> Result<Option<(Target, QueueStat)>, Failure> {
        let Some(queue) = self.queue.clone().filter(|_| !self.has_daemon()) else { return Ok(None) };
        unreachable_server(self.key, self.owner).map_or(Ok(Some(queue)), |server| Err(out_of_reach(self.key, &server)))
    }

    /// The queue, if a daemon serves it now.
    pub(in crate::commands) fn served(&self) -> Option<(Target, QueueStat)> {
        self.queue.clone().filter(|_| self.files().is_some_and(|files| files.lock != LockState::Free))
    }

    /// Where the note that closes the door is, or belongs.
    pub(in crate::commands) fn note_path(&self) -> Result<PathBuf, Failure> {
        closing_note_path(self.key, self.owner).ok_or_else(|| {
            let message = format!(
                "no msgqd has kept files for queue {} on this machine since it was started, so there is no door; start \
                 msgqd first, or set RUNTIME_DIRECTORY to where it keeps them",
                self.key
            );
            Failure::new(Status::NoQueue, message)
        })
    }

    /// As [`QueueDoor::note_path`], where the daemon of this queue will look: an error where nothing tells which of several
    /// directories is its own.
    pub(in crate::commands) fn path_of_new_note(&self) -> Result<PathBuf, Failure> {
        let path = self.note_path()?;
        let of_units = directories_of_msgqd_units();
        let is_one_of_several = of_units.len() > 1 && of_units.iter().any(|it| Some(it.as_path()) == path.parent());
        let is_configured = directory_of_next_start(self.key).is_some_and(|it| Some(it.as_path()) == path.parent());
        let is_told = is_configured
            || self.has_daemon()
            || path.symlink_metadata().is_ok()
            || std::env::var_os("RUNTIME_DIRECTORY").is_some();
        if is_told || !is_one_of_several {
            return Ok(path);
        }
        let names: Vec<String> = of_units.iter().map(|it| escape(it.as_os_str().as_bytes())).collect();
        let message = format!(
            "no msgqd runs for queue {}, and nothing tells which of these directories its next start uses: {}; name it with \
             --instance, start it first, or set RUNTIME_DIRECTORY to the one",
            self.key,
            names.join(", ")
        );
        Err(Failure::new(Status::NoQueue, message))
    }
}

/// Its door is a note in its directory: a mode that is changed by others it would take for its own, and never give back.
fn out_of_reach(key: QueueKey, server: &UnreachableServer) -> Failure {
    let message = match server {
        UnreachableServer::InDirectory(pid, directory) => format!(
            "msgqd (PID {pid}) serves queue {key}, but its files in {} cannot be had from here, so nothing was changed: run \
             msgqctl in the mount namespace of that process (a container?); if the files were removed, restart msgqd first",
            escape(directory.as_os_str().as_bytes())
        ),
        UnreachableServer::Hidden(pid) => format!(
            "msgqd (PID {pid}) may serve queue {key}, and where it keeps its files is hidden from here, so nothing was \
             changed: run msgqctl as root outside of sandboxes, or set RUNTIME_DIRECTORY to the directory of that msgqd"
        ),
    };
    Failure::new(Status::Permission, message)
}

pub(in crate::commands) fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let status = if error.kind() == io::ErrorKind::PermissionDenied { Status::Permission } else { Status::Other };
    let message = format!(
        "cannot change {}: {error}; only root and the user that runs msgqd may open and close its door",
        path.display()
    );
    Failure::new(status, message)
}

/// Waits until the server has done what the note asks for.
pub(in crate::commands) fn wait_for_server(
    target: &Target,
    is_done: impl Fn(&QueueStat) -> bool,
    what: &str,
) -> Result<(), Failure> {
    let limit = Instant::now() + REACTION;
    loop {
        let stat = target.stat()?;
        if is_done(&stat) {
            return Ok(());
        }
        if Instant::now() >= limit {
            let unit = DaemonFiles::of_queue(&stat).map_or_else(|| unit_name(None), |files| files.unit());
            let message = format!(
                "the server did not {what} within {} s; it hangs, or may not change the queue: see msgqctl stat, and \
                 its log (journalctl -u {unit}). It will when it goes on",
                REACTION.as_secs()
            );
            return Err(Failure::new(Status::Timeout, message));
        }
        std::thread::sleep(POLL_PAUSE);
    }
}

pub(in crate::commands) fn set_mode(target: &Target, mode: u32) -> Result<(), Failure> {
    let settings = QueueSettings { mode: Some(mode), ..QueueSettings::default() };
    target.queue.set(&settings).map_err(|error| target.failure(&error))?;
    Ok(())
}
