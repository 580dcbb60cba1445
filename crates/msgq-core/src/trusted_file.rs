//! Opening files in places where others may have put something first: what is not of a trusted user is not believed.
//!
//! Nothing that may stand there is followed or waited for, and all that is asked is asked of what was opened.

use nix::libc;
use std::fs::{File, OpenOptions, symlink_metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Users whose files are believed: root, the user of this process, and the owner of the queue that they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedUsers {
    own: u32,
    queue_owner: u32,
}

impl TrustedUsers {
    /// Root and the user of this process.
    #[must_use]
    pub fn own() -> Self {
        Self::with_queue_owner(nix::unistd::geteuid().as_raw())
    }

    /// As [`TrustedUsers::own`], and the owner of a queue.
    #[must_use]
    pub fn with_queue_owner(uid: u32) -> Self {
        Self { own: nix::unistd::geteuid().as_raw(), queue_owner: uid }
    }

    /// As [`TrustedUsers::with_queue_owner`], for files in `directory`: its owner is trusted too where not everybody could
    /// have made it, as in /run. So a daemon is known also where its queue cannot be seen.
    #[must_use]
    pub fn in_directory(directory: &Path, queue_owner: u32) -> Self {
        let own = nix::unistd::geteuid().as_raw();
        match symlink_metadata(directory) {
            // The queue's owner, where there is a queue, says more.
            Ok(it) if queue_owner == own && it.is_dir() && directory.parent().is_some_and(is_closed_directory) => {
                Self::with_queue_owner(it.uid())
            }
            _ => Self::with_queue_owner(queue_owner),
        }
    }

    fn trusts(self, uid: u32) -> bool {
        uid == 0 || uid == self.own || uid == self.queue_owner
    }

    fn check(self, uid: u32) -> io::Result<()> {
        if self.trusts(uid) {
            return Ok(());
        }
        Err(io::Error::other(format!("it belongs to uid {uid}, who has no part in this queue, so it is not believed")))
    }
}

/// Opens a regular file of at most `max_len` bytes that belongs to a trusted user and that nobody but its owner may
/// write. `options` say how; it is neither created nor cut here unless they say so.
///
/// # Errors
/// As open(2), and a sentence where it is something else: a FIFO, a file of somebody else.
pub fn open_trusted(path: &Path, options: &mut OpenOptions, users: TrustedUsers, max_len: u64) -> io::Result<File> {
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    users.check(metadata.uid())?;
    if metadata.mode() & WRITE_FOR_OTHERS != 0 {
        let message = format!(
            "others than its owner may write it (mode {:04o}), so it is not believed",
            metadata.mode() & 0o7777
        );
        return Err(io::Error::other(message));
    }
    if metadata.len() > max_len {
        return Err(io::Error::other(format!(
            "it has {} bytes, more than the {max_len} that it can have",
            metadata.len()
        )));
    }
    Ok(file)
}

/// Refuses a directory of somebody who is not trusted: what lies in it is of his choice, whoever it belongs to. A symbolic
/// link is no directory.
///
/// # Errors
/// As lstat(2), and a sentence where it is something else.
pub fn check_directory(directory: &Path, users: TrustedUsers) -> io::Result<()> {
    let metadata = symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("it is not a directory"));
    }
    users.check(metadata.uid())
}

/// True for a directory in which only its owner and root can make files. A symbolic link is no directory.
#[must_use]
pub fn is_closed_directory(directory: &Path) -> bool {
    symlink_metadata(directory).is_ok_and(|it| it.is_dir() && it.mode() & WRITE_FOR_OTHERS == 0)
}

/// What was made or renamed in the directory of this path is there after a loss of power.
///
/// # Errors
/// As open(2) and fsync(2).
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// Write permission of group and others.
const WRITE_FOR_OTHERS: u32 = 0o022;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use nix::sys::stat::Mode;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    fn refusal(path: &Path) -> String {
        let opened = open_trusted(path, OpenOptions::new().read(true), TrustedUsers::own(), 8);
        opened.map_or_else(|error| error.to_string(), |_| "it was opened".to_owned())
    }

    #[test]
    fn only_a_short_regular_file_that_others_cannot_write_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        assert!(refusal(&path).contains("No such file"));
        nix::unistd::mkfifo(&path, Mode::S_IRUSR).unwrap();
        assert_eq!(refusal(&path), "it is no regular file");
        std::fs::remove_file(&path).unwrap();
        write(&path, "12345678").unwrap();
        set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(refusal(&path), "it was opened");
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(refusal(&link).contains("symbolic link"), "{}", refusal(&link));
        for mode in [0o664, 0o646] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(refusal(&path).contains("may write it"), "{mode:o}");
        }
        set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        write(&path, "123456789").unwrap();
        assert!(refusal(&path).contains("9 bytes, more than the 8"));
    }

    #[test]
    fn files_of_root_of_this_user_and_of_the_queues_owner_are_believed_and_no_others() {
        let users = TrustedUsers { own: 1000, queue_owner: 990 };
        for uid in [0, 1000, 990] {
            assert!(users.check(uid).is_ok(), "{uid}");
        }
        assert!(users.check(65534).unwrap_err().to_string().contains("uid 65534"));
    }

    #[test]
    fn a_symbolic_link_is_no_directory() {
        let directory = tempfile::tempdir().unwrap();
        assert!(check_directory(directory.path(), TrustedUsers::own()).is_ok());
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        assert!(check_directory(&link, TrustedUsers::own()).unwrap_err().to_string().contains("not a directory"));
    }
}
