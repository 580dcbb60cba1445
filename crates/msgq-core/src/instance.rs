//! Which daemon serves a queue: the lock file in the runtime directory, as daemon and CLI look at it.

mod given_directories;
mod name;

pub(crate) use given_directories::own_of_several;
pub use name::{
    InstanceName, InstanceNameError, become_instance, configuration_directory, configured_instances, own_instance,
};

use crate::process::may_be_process_of;
use crate::queue::QueueKey;
use crate::sysv::namespace_id;
use crate::trusted_file::{TrustedUsers, check_directory, open_trusted};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a lock file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// No daemon of this directory serves the queue.
    Free,
    /// The daemon with this PID serves it. 0: its PID could not be read, or is that of another user's process.
    Held(i32),
    /// The file may not be read by this user.
    Hidden,
}

/// Where a daemon of this user keeps its files: the first of `$RUNTIME_DIRECTORY` (systemd.exec(5)), `/run/msgqd` for
/// root, `$XDG_RUNTIME_DIR/msgqd`, or `/dev/shm/msgqd-UID`. An instance has the directory of its name below these, and
/// that of `/run/msgqd` also where it was made for this user.
#[must_use]
pub fn runtime_directory() -> PathBuf {
    let directory = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(given) = std::env::var_os("RUNTIME_DIRECTORY").as_deref().and_then(own_of_several) {
        return given;
    }
    let own = nix::unistd::geteuid();
    if own.is_root() || own_instance().is_some_and(|name| is_of_user(&service_directory(Some(name)), own.as_raw())) {
        return service_directory(own_instance());
    }
    let base = directory("XDG_RUNTIME_DIR").map(|base| base.join("msgqd"));
    below(&base.unwrap_or_else(|| shared_memory_directory(own.as_raw())), own_instance())
}

/// Where the service, or an instance of it, keeps its files.
#[must_use]
pub fn service_directory(instance: Option<&InstanceName>) -> PathBuf {
    below(Path::new(SERVICE_DIRECTORY), instance)
}

/// The instance of the service that keeps its files in this directory.
#[must_use]
pub fn instance_of_directory(directory: &Path) -> Option<InstanceName> {
    let is_there = directory.parent() == Some(Path::new(SERVICE_DIRECTORY));
    is_there.then(|| directory.file_name()?.to_str()?.parse().ok())?
}

/// Where instances of the service may keep their files: those with a configuration too where this user may not see who
/// has a directory.
#[must_use]
pub fn instance_directories() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(SERVICE_DIRECTORY).into_iter().flatten().flatten();
    let seen = entries.map(|entry| entry.path()).filter(|path| instance_of_directory(path).is_some());
    let configured = configured_instances().into_iter().map(|name| service_directory(Some(&name)));
    let mut directories: Vec<PathBuf> = seen.chain(configured).collect();
    directories.sort();
    directories.dedup();
    directories
}

fn below(base: &Path, instance: Option<&InstanceName>) -> PathBuf {
    instance.map_or_else(|| base.to_owned(), |name| base.join(name.as_str()))
}

fn is_of_user(directory: &Path, uid: u32) -> bool {
    directory.symlink_metadata().is_ok_and(|it| it.is_dir() && it.uid() == uid)
}

/// Where a daemon whose queue belongs to `owner_uid` may keep its files, most likely first; without those that belong to
/// somebody who has no part in the queue.
#[must_use]
pub fn candidate_directories(owner_uid: u32) -> Vec<PathBuf> {
    let own = nix::unistd::geteuid();
    let mut candidates = vec![
        runtime_directory(),
        PathBuf::from(SERVICE_DIRECTORY),
        PathBuf::from(format!("/run/user/{owner_uid}/msgqd")),
        shared_memory_directory(own.as_raw()),
    ];
    // Everybody may create files there, so each looks at his own, and root at those of whoever has the queue.
    if own.is_root() {
        candidates.push(shared_memory_directory(owner_uid));
    }
    candidates.dedup();
    candidates.retain(|directory| may_be_believed(directory, TrustedUsers::in_directory(directory, owner_uid)));
    candidates
}

/// True also for what is not there, or cannot be seen.
fn may_be_believed(directory: &Path, users: TrustedUsers) -> bool {
    match check_directory(directory, users) {
        Ok(()) => true,
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied),
    }
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

/// The key of the queue whose lock, claim, table or note has this file name, as [`key_of_table`].
pub(crate) fn key_of_queue_file(name: &OsStr) -> Option<QueueKey> {
    let (key, rest) = name.to_str()?.strip_prefix("queue-")?.split_once('-')?;
    let kind = rest.strip_prefix(&format!("ipc{}.", ipc_namespace()))?;
    matches!(kind, "lock" | "claim" | "table" | "closed").then(|| key.parse().ok())?
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

/// What no other IPC namespace has or had since the machine was started, unlike the inode, which is given away again.
/// 0 before Linux 6.18, and where /proc hides it.
#[must_use]
pub fn ipc_namespace_id() -> u64 {
    let namespace = File::open("/proc/self/ns/ipc");
    namespace.map_or(0, |namespace| namespace_id(namespace.as_fd()).unwrap_or(0))
}

/// Whether what was noted in the IPC namespace with this identity, or an unknown one (0), may have been noted in this one.
#[must_use]
pub fn may_be_own_namespace(id: u64) -> bool {
    let own = ipc_namespace_id();
    id == 0 || own == 0 || id == own
}

/// Asks the kernel whether the file is locked, without locking it. What is no file of a trusted user is no lock.
#[must_use]
pub fn lock_state(path: &Path, users: TrustedUsers) -> LockState {
    match open_trusted(path, OpenOptions::new().read(true), users, LONGEST_LOCK_FILE) {
        Ok(file) => lock_state_of_file(file),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => LockState::Hidden,
        Err(_) => LockState::Free,
    }
}

fn lock_state_of_file(mut file: File) -> LockState {
    let mut lock = whole_file(libc::F_RDLCK);
    match fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)) {
        Ok(_) if i32::from(lock.l_type) == libc::F_UNLCK => LockState::Free,
        Ok(_) => {
            let mut text = String::new();
            let _ = file.by_ref().take(32).read_to_string(&mut text);
            let named: i32 = text.trim().parse().unwrap_or(0);
            let is_credible = file.metadata().is_ok_and(|metadata| may_be_process_of(named, metadata.uid()));
            LockState::Held(if is_credible { named } else { 0 })
        }
        Err(_) => LockState::Hidden,
    }
}

/// There is only a PID in it, in bytes.
pub const LONGEST_LOCK_FILE: u64 = 64;

/// A lock over a whole file, as fcntl(2) takes it. `kind` is `F_RDLCK` or `F_WRLCK`.
#[must_use]
pub fn whole_file(kind: i32) -> libc::flock {
    libc::flock { l_type: i16::try_from(kind).unwrap_or_default(), l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 }
}
