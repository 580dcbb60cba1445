//! The note on a closed door: a file beside the daemon's table that says that no new requests are wanted, who said so,
//! when and why.
//!
//! The operator's tool writes it, also while no daemon runs; the daemon that serves the queue takes write permission
//! from group and others as long as it is there. So it outlives a restart, and ends with the machine. A note of an IPC
//! namespace that is gone means nothing in a new one that has its number by now.

use crate::instance::{ipc_namespace_id, may_be_own_namespace};
use crate::trusted_file::{TrustedUsers, open_trusted};
use nix::libc;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Write permission of group and others: who loses it gets EACCES from msgsnd, also when blocked in it.
pub const WRITE_FOR_OTHERS: u32 = 0o022;

/// The longest reason, in bytes.
pub const MAX_REASON_LEN: usize = 200;

/// What stands in the note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// User name, or the number where nobody has a name for it.
    pub by: String,
    /// Unix time, in seconds.
    pub at_s: u64,
    /// Why; any text, and to be escaped before it is shown.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
struct Note {
    by: String,
    at_s: u64,
    reason: String,
    /// Identity of the namespace of the queue; 0: unknown.
    #[serde(default)]
    ipc_namespace_id: u64,
}

/// The note at `path`; `None` when there is none, and the door is open.
///
/// # Errors
/// When there is something that is no note: a directory, a symbolic link (ELOOP, it is not followed), garbage, a file of
/// somebody else.
pub fn read(path: &Path, users: TrustedUsers) -> io::Result<Option<Closed>> {
    let file = match open_trusted(path, OpenOptions::new().read(true), users, MAX_NOTE_LEN) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(MAX_NOTE_LEN).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => no_note(),
        _ => error,
    })?;
    let note: Note = toml::from_str(&text).map_err(|_| no_note())?;
    let Note { by, at_s, reason, ipc_namespace_id } = note;
    Ok(may_be_own_namespace(ipc_namespace_id).then_some(Closed { by, at_s, reason }))
}

/// What a parser says of it helps nobody: it is removed, not mended.
fn no_note() -> io::Error {
    io::Error::other("it is no note that `msgqctl drain` wrote")
}

/// Writes a note; false when there is one already, which stays. One of another namespace is replaced, if it is of a trusted
/// user.
///
/// # Errors
/// When the directory may not be written, or is full.
pub fn write(path: &Path, closed: &Closed, users: TrustedUsers) -> io::Result<bool> {
    let Closed { by, at_s, reason } = closed.clone();
    let note = Note { by, at_s, reason, ipc_namespace_id: ipc_namespace_id() };
    let text = toml::to_string(&note).map_err(io::Error::other)?;
    // Nobody sees half a note: it is linked to its name when it is complete.
    let draft = path.with_extension(format!("closed.{}", std::process::id()));
    let link = || match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && matches!(read(path, users), Ok(None)) => {
            remove(path)?;
            std::fs::hard_link(&draft, path)
        }
        linked => linked,
    };
    let written = write_draft(&draft, &text).and_then(|()| link());
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
    // The server reads it as another user than the operator, whose umask may keep all others out.
    file.set_permissions(Permissions::from_mode(0o644))?;
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
        assert_eq!(read(&path, TrustedUsers::own()).unwrap(), None);
        for reason in ["", "disk", "\u{1b}[31m\n\"\\\u{202e}", &"x".repeat(MAX_REASON_LEN)] {
            assert!(write(&path, &note(reason), TrustedUsers::own()).unwrap());
            assert_eq!(read(&path, TrustedUsers::own()).unwrap(), Some(note(reason)));
            assert!(!write(&path, &note("another"), TrustedUsers::own()).unwrap(), "the first note stays");
            assert_eq!(read(&path, TrustedUsers::own()).unwrap(), Some(note(reason)));
            assert!(remove(&path).unwrap());
            assert!(!remove(&path).unwrap());
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "no draft is left");
    }

    #[test]
    fn a_note_of_another_namespace_is_none_and_is_replaced_while_one_of_an_unknown_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.closed");
        let of_namespace = |id: u64| format!("by = \"root\"\nat_s = 7\nreason = \"\"\nipc_namespace_id = {id}\n");
        let unknown = [of_namespace(0), "by = \"root\"\nat_s = 7\nreason = \"\"\n".to_owned()];
        for text in unknown {
            std::fs::write(&path, text).unwrap();
            assert!(read(&path, TrustedUsers::own()).unwrap().is_some());
            assert!(!write(&path, &note("another"), TrustedUsers::own()).unwrap());
        }
        if ipc_namespace_id() == 0 {
            return eprintln!("not shown: namespaces have no identity before Linux 6.18");
        }
        std::fs::write(&path, of_namespace(ipc_namespace_id() + 1)).unwrap();
        assert_eq!(read(&path, TrustedUsers::own()).unwrap(), None);
        if nix::unistd::geteuid().is_root() {
            let server = 0x4200_0001;
            nix::unistd::chown(&path, Some(server.into()), None).unwrap();
            assert!(!write(&path, &note("here"), TrustedUsers::own()).unwrap(), "it is a stranger's");
            assert!(write(&path, &note("here"), TrustedUsers::with_queue_owner(server)).unwrap());
            std::fs::write(&path, of_namespace(ipc_namespace_id() + 1)).unwrap();
        }
        assert!(write(&path, &note("here"), TrustedUsers::own()).unwrap());
        assert_eq!(read(&path, TrustedUsers::own()).unwrap(), Some(note("here")));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn what_is_no_note_is_an_error_and_is_never_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.closed");
        let elsewhere = directory.path().join("elsewhere");
        assert!(write(&elsewhere, &note("not here"), TrustedUsers::own()).unwrap());
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(read(&path, TrustedUsers::own()).is_err());
        assert!(!write(&path, &note("here"), TrustedUsers::own()).unwrap());
        assert!(remove(&path).unwrap());
        assert_eq!(read(&elsewhere, TrustedUsers::own()).unwrap(), Some(note("not here")));
        std::fs::create_dir(&path).unwrap();
        assert!(read(&path, TrustedUsers::own()).is_err());
        std::fs::remove_dir(&path).unwrap();
        for garbage in [&b"\xff\xfe"[..], b"by = 3", &[b'x'; 10_000]] {
            std::fs::write(&path, garbage).unwrap();
            let error = read(&path, TrustedUsers::own()).unwrap_err().to_string();
            assert!(!["invalid", "expected", "UTF-8"].iter().any(|jargon| error.contains(jargon)), "{error}");
        }
    }
}
