//! The note on a closed door: a file beside the daemon's table that says that no new requests are wanted, who said so,
//! when and why.
//!
//! The operator's tool writes it, also while no daemon runs; the daemon that serves the queue takes write permission
//! from group and others as long as it is there. So it outlives a restart, and ends with the machine.

use nix::libc;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Write permission of group and others: who loses it gets EACCES from msgsnd, also when blocked in it.
pub const WRITE_FOR_OTHERS: u32 = 0o022;

/// The longest reason, in bytes.
pub const MAX_REASON_LEN: usize = 200;

/// What stands in the note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// User name, or the number where nobody has a name for it.
    pub by: String,
    /// Unix time, in seconds.
    pub at_s: u64,
    /// Why; any text, and to be escaped before it is shown.
    pub reason: String,
}

/// The note at `path`; `None` when there is none, and the door is open.
///
/// # Errors
/// When there is something that is no note: a directory, a symbolic link (ELOOP, it is not followed), garbage.
pub fn read(path: &Path) -> io::Result<Option<Closed>> {
    let mut options = OpenOptions::new();
    // A FIFO in its place must not hold the reader up.
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    file.take(MAX_NOTE_LEN).read_to_string(&mut text)?;
    toml::from_str(&text).map(Some).map_err(|error| io::Error::other(error.message().to_owned()))
}

/// Writes a note; false when there is one already, which stays.
///
/// # Errors
/// When the directory may not be written, or is full.
pub fn write(path: &Path, closed: &Closed) -> io::Result<bool> {
    let text = toml::to_string(closed).map_err(io::Error::other)?;
    // Nobody sees half a note: it is linked to its name when it is complete.
    let draft = path.with_extension(format!("closed.{}", std::process::id()));
    let written = write_draft(&draft, &text).and_then(|()| std::fs::hard_link(&draft, path));
    let _ = std::fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        written => written.map(|()| true),
    }
}

fn write_draft(draft: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644).custom_flags(libc::O_NOFOLLOW);
    let mut file: File = options.open(draft)?;
    file.write_all(text.as_bytes())
}

/// Removes the note; false when there was none.
///
/// # Errors
/// When the directory may not be written.
pub fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// Longer than any note.
const MAX_NOTE_LEN: u64 = 4096;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;

    fn note(reason: &str) -> Closed {
        Closed { by: "root".to_owned(), at_s: 1_700_000_000, reason: reason.to_owned() }
    }

    #[test]
    fn a_note_comes_back_as_it_was_written_whatever_its_reason() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.closed");
        assert_eq!(read(&path).unwrap(), None);
        for reason in ["", "disk", "\u{1b}[31m\n\"\\\u{202e}", &"x".repeat(MAX_REASON_LEN)] {
            assert!(write(&path, &note(reason)).unwrap());
            assert_eq!(read(&path).unwrap(), Some(note(reason)));
            assert!(!write(&path, &note("another")).unwrap(), "the first note stays");
            assert_eq!(read(&path).unwrap(), Some(note(reason)));
            assert!(remove(&path).unwrap());
            assert!(!remove(&path).unwrap());
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "no draft is left");
    }

    #[test]
    fn what_is_no_note_is_an_error_and_is_never_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.closed");
        let elsewhere = directory.path().join("elsewhere");
        assert!(write(&elsewhere, &note("not here")).unwrap());
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(read(&path).is_err());
        assert!(!write(&path, &note("here")).unwrap());
        assert!(remove(&path).unwrap());
        assert_eq!(read(&elsewhere).unwrap(), Some(note("not here")));
        std::fs::create_dir(&path).unwrap();
        assert!(read(&path).is_err());
        std::fs::remove_dir(&path).unwrap();
        for garbage in [&b"\xff\xfe"[..], b"by = 3", &[b'x'; 10_000]] {
            std::fs::write(&path, garbage).unwrap();
            assert!(read(&path).is_err());
        }
    }
}
