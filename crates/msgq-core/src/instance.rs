//! Which daemon serves a queue: the lock file in the runtime directory, as daemon and CLI look at it.

use crate::queue::QueueKey;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a lock file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// No daemon of this directory serves the queue.
    Free,
    /// The daemon with this PID serves it. 0: its PID could not be read.
    Held(i32),
    /// The file may not be read by this user.
    Hidden,
}

/// Where a daemon of this user keeps its files: the first of `$RUNTIME_DIRECTORY` (systemd.exec(5)), `/run/msgqd` for
/// root, `$XDG_RUNTIME_DIR/msgqd`, or `/dev/shm/msgqd-UID`.
#[must_use]
pub fn runtime_directory() -> PathBuf {
    let directory = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(given) = std::env::var_os("RUNTIME_DIRECTORY").as_deref().and_then(first_of_several) {
        return given;
    }
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from(SERVICE_DIRECTORY);
    }
    match directory("XDG_RUNTIME_DIR") {
        Some(base) => base.join("msgqd"),
        None => shared_memory_directory(nix::unistd::geteuid().as_raw()),
    }
}

/// The manager joins several directories of a unit with colons.
fn first_of_several(given: &OsStr) -> Option<PathBuf> {
    let mut parts = given.as_bytes().split(|byte| *byte == b':').filter(|part| !part.is_empty());
    parts.next().map(|part| PathBuf::from(OsStr::from_bytes(part)))
}

/// Where a daemon whose queue belongs to `owner_uid` may keep its files, most likely first.
#[must_use]
pub fn candidate_directories(owner_uid: u32) -> Vec<PathBuf> {
    let mut candidates = vec![
        runtime_directory(),
        PathBuf::from(SERVICE_DIRECTORY),
        PathBuf::from(format!("/run/user/{owner_uid}/msgqd")),
        shared_memory_directory(owner_uid),
    ];
    candidates.dedup();
    candidates
}

const SERVICE_DIRECTORY: &str = "/run/msgqd";

fn shared_memory_directory(uid: u32) -> PathBuf {
    PathBuf::from(format!("/dev/shm/msgqd-{uid}"))
}

/// Where a daemon that starts now may keep its files, best first. The second is for a machine whose first is no memory
/// file system.
#[must_use]
pub fn directories_to_use() -> Vec<PathBuf> {
    let mut directories = vec![runtime_directory(), shared_memory_directory(nix::unistd::geteuid().as_raw())];
    directories.dedup();
    directories
}

/// The lock file of a queue in this process's IPC namespace. It tells whoever may read it that a server lives.
#[must_use]
pub fn lock_path(directory: &Path, key: QueueKey) -> PathBuf {
    directory.join(format!("{}.lock", stem(key)))
}

/// The file whose lock decides: nobody but its owner may open it, so nobody else can hold a lock on it.
#[must_use]
pub fn claim_path(directory: &Path, key: QueueKey) -> PathBuf {
    directory.join(format!("{}.claim", stem(key)))
}

/// The table file of a queue in this process's IPC namespace.
#[must_use]
pub fn table_path(directory: &Path, key: QueueKey) -> PathBuf {
    directory.join(format!("{}.table", stem(key)))
}

/// The key of the queue whose table has this file name, if it is one of this process's IPC namespace.
#[must_use]
pub fn key_of_table(name: &OsStr) -> Option<QueueKey> {
    let key = name.to_str()?.strip_prefix("queue-")?.strip_suffix(&format!("-ipc{}.table", ipc_namespace()))?;
    key.parse().ok()
}

/// A note that lets the next stop keep the queue whatever `on_stop` says: an upgrade restarts the daemon, and its clients
/// must not notice.
#[must_use]
pub fn keep_once_path(directory: &Path) -> PathBuf {
    directory.join("keep-queue-once")
}

/// The note that closes the door of a queue in this process's IPC namespace: see [`crate::drain_note`].
#[must_use]
pub fn closed_path(directory: &Path, key: QueueKey) -> PathBuf {
    directory.join(format!("{}.closed", stem(key)))
}

fn stem(key: QueueKey) -> String {
    format!("queue-{key}-ipc{}", ipc_namespace())
}

/// The inode of this process's IPC namespace; 0 where /proc hides it.
#[must_use]
pub fn ipc_namespace() -> u64 {
    std::fs::metadata("/proc/self/ns/ipc").map_or(0, |metadata| metadata.ino())
}

/// Asks the kernel whether the file is locked, without locking it.
#[must_use]
pub fn lock_state(path: &Path) -> LockState {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return LockState::Hidden,
        Err(_) => return LockState::Free,
    };
    let mut lock = whole_file(libc::F_RDLCK);
    match fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)) {
        Ok(_) if i32::from(lock.l_type) == libc::F_UNLCK => LockState::Free,
        Ok(_) => {
            let mut text = String::new();
            let _ = file.by_ref().take(32).read_to_string(&mut text);
            LockState::Held(text.trim().parse().unwrap_or(0))
        }
        Err(_) => LockState::Hidden,
    }
}

/// A lock over a whole file, as fcntl(2) takes it. `kind` is `F_RDLCK` or `F_WRLCK`.
#[must_use]
pub fn whole_file(kind: i32) -> libc::flock {
    libc::flock { l_type: i16::try_from(kind).unwrap_or_default(), l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 }
}
