//! The files with the dead letters of a queue, as far as this user may look at them.

use crate::failure::{Failure, Status};
use crate::output::shown_path;
use crate::target::QueueOptions;
use msgq_core::dead_letters::{DeadLetter, DeadLetters, files_of_queue};
use msgq_core::queue::{QueueKey, find_listed_queue};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// All files of one queue.
pub(super) struct LetterFiles {
    pub(super) key: QueueKey,
    pub(super) files: Vec<DeadLetters>,
}

impl LetterFiles {
    /// Of the queue that the command line names, which need not be there. What is not the file of this queue's daemon and may
    /// not be read is passed over.
    pub(super) fn find(queue: &QueueOptions) -> Result<Self, Failure> {
        let key = queue.resolve_key()?;
        let owner = find_listed_queue(key).map(|row| row.uid);
        let own = nix::unistd::geteuid().as_raw();
        let mut hidden = None;
        let mut files = Vec::new();
        for file in files_of_queue(key, owner.unwrap_or(own)) {
            match file.list() {
                Ok(_) => files.push(file),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    if owner.is_none_or(|owner| is_kept_by(owner, file.path())) {
                        hidden = Some(error);
                    }
                }
                Err(error) => return Err(failure_of_file(&error)),
            }
        }
        match hidden {
            Some(error) if files.iter().all(|file| !file.path().exists()) => Err(failure_of_file(&error)),
            _ => Ok(Self { key, files }),
        }
    }

    /// Shows every letter, the oldest of each file first, and returns how many lines are damaged.
    pub(super) fn for_each(
        &self,
        mut show: impl FnMut(&DeadLetters, DeadLetter) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut damaged = 0;
        for file in &self.files {
            let mut letters = file.list().map_err(|error| failure_of_file(&error))?;
            for letter in letters.by_ref() {
                show(file, letter.map_err(|error| failure_of_file(&error))?)?;
            }
            damaged += letters.damaged();
        }
        Ok(damaged)
    }
}

/// True when the directory of this file belongs to that user.
fn is_kept_by(owner: u32, file: &Path) -> bool {
    file.parent().and_then(|directory| directory.symlink_metadata().ok()).is_some_and(|it| it.uid() == owner)
}

/// Of an error that names the file.
pub(super) fn failure_of_file(error: &io::Error) -> Failure {
    if error.kind() == ErrorKind::PermissionDenied {
        let message = format!("{error}; dead letters are for the user of the queue's server and for root");
        return Failure::new(Status::Permission, message);
    }
    Failure::new(Status::Other, error.to_string())
}

/// That lines are no letters: a sentence for standard error.
pub(super) fn damage_note(damaged: usize, files: &LetterFiles) -> Option<String> {
    let paths: Vec<_> =
        files.files.iter().filter(|file| file.path().exists()).map(|file| shown_path(file.path())).collect();
    let (lines, are) = if damaged == 1 { ("line", "is") } else { ("lines", "are") };
    (damaged > 0).then(|| {
        format!(
            "{damaged} {lines} of {} {are} damaged, as a loss of power leaves them, and passed over; `msgqctl dead drop \
             --all` removes them as well",
            paths.join(", ")
        )
    })
}
