//! The door of one queue, as `drain` and `resume` find it, and what they say in the end.

use crate::commands::CommandOutcome;
use crate::daemon::{DaemonFiles, closing_note_path};
use crate::failure::{Failure, Status};
use crate::output::{StyledText, Text};
use crate::target::{QueueOptions, Target};
use msgq_core::instance::LockState;
use msgq_core::queue::{QueueKey, QueueSettings, QueueStat};
use serde::Serialize;
use std::io;
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
            Ok(target) => Some((target, target.stat()?)),
            Err(failure) if failure.status == Status::NoQueue => None,
            Err(failure) => return Err(failure),
        };
        let owner = queue.map_or_else(|| nix::unistd::geteuid().as_raw(), |(_, stat)| stat.uid);
        Ok(Self { key, queue, owner })
    }

    fn files(&self) -> Option<DaemonFiles> {
        DaemonFiles::find(self.key, self.owner)
    }

    /// The queue, if it is that of another program.
    pub(in crate::commands) fn without_daemon(&self) -> Option<(Target, QueueStat)> {
        self.queue.filter(|_| self.files().is_none())
    }

    /// The queue, if a daemon serves it now.
    pub(in crate::commands) fn served(&self) -> Option<(Target, QueueStat)> {
        self.queue.filter(|_| self.files().is_some_and(|files| files.lock != LockState::Free))
    }

    /// Where the note that closes the door belongs.
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
    while !is_done(&target.stat()?) {
        if Instant::now() >= limit {
            let message = format!(
                "the server did not {what} within {} s; it hangs, or may not change the queue: see msgqctl stat, and \
                 its log (journalctl -u msgqd). It will when it goes on",
                REACTION.as_secs()
            );
            return Err(Failure::new(Status::Timeout, message));
        }
        std::thread::sleep(POLL_PAUSE);
    }
    Ok(())
}

pub(in crate::commands) fn set_mode(target: &Target, mode: u32) -> Result<(), Failure> {
    let settings = QueueSettings { mode: Some(mode), ..QueueSettings::default() };
    target.queue.set(&settings).map_err(|error| target.failure(&error))?;
    Ok(())
}
