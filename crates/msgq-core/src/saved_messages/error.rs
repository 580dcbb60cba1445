//! Why messages could not be saved, or a file of them not be read.

use crate::escape::escape;
use crate::queue::QueueError;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why messages could not be saved, or a file of them not be read.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file cannot be made, written or read.
    #[error("{}: {error}", shown(.path))]
    File {
        /// The file.
        path: PathBuf,
        /// What failed.
        error: io::Error,
    },
    /// Nothing was saved in it: whoever made it was ended at once.
    #[error("{}: it is empty, so nothing was saved in it", shown(.path))]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is not what it should be.
    #[error("{}, line {line}: {reason}", shown(.path))]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The file has messages of another queue.
    #[error("{}: its messages are of queue {of}, not of {queue}", shown(.path))]
    OtherQueue {
        /// The file.
        path: PathBuf,
        /// The queue of its messages.
        of: String,
        /// The queue that was named.
        queue: String,
    },
    /// A message came out of the queue that could neither be written nor put back; this is the line it would be.
    #[error(
        "{}: {error}; another program received from the queue at the same time, and the message that came out instead could \
         neither be written there nor be put back ({put_back}). It is lost unless this line is added to the file: {line}",
        shown(.path)
    )]
    Unsaved {
        /// The file.
        path: PathBuf,
        /// Why it could not be written.
        error: io::Error,
        /// Why it could not be put back.
        put_back: QueueError,
        /// The line.
        line: String,
    },
    /// Messages that nobody can copy.
    #[error(
        "{0} longer than kernel.msgmax is now, so the kernel shows no copy and nothing could be saved first; raise \
         kernel.msgmax for as long as this takes"
    )]
    Hidden(String),
    /// A message that is longer than what is saved.
    #[error("{0}")]
    TooLong(String),
    /// The queue is in use, so that it could not be saved as a whole.
    #[error("messages come and go in {queue}: what was copied ({copied}) is not what is in it now ({present})")]
    InUse {
        /// The queue.
        queue: String,
        /// How many messages were copied.
        copied: usize,
        /// How many are in the queue.
        present: u64,
    },
    /// A message that the queue can never take.
    #[error("{}, line {line}: a message of {len} bytes, and {limit}, so nothing was put back", shown(.path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The number of its line, from 1.
        line: usize,
        /// Length of its body, in bytes.
        len: usize,
        /// What the limit is, and how it is changed.
        limit: String,
    },
    /// A call on the queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl SaveError {
    pub(super) fn of_file(path: &Path, error: io::Error) -> Self {
        Self::File { path: path.to_owned(), error }
    }
}

fn shown(path: &Path) -> String {
    escape(path.as_os_str().as_bytes())
}
