//! Living servers whose files are not in the directory that is looked at, as their processes show it.

use crate::instance::{LockState, claim_path, key_of_queue_file, lock_path, lock_state_of_file};
use crate::pid_namespace::number_for_itself;
use crate::process::{ClientNumber, process_name};
use crate::queue::{Queue, QueueKey};
use crate::queue_call::{RequestTaking, is_elsewhere, taking};
use crate::waiters::visible_processes;
use nix::libc;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A server that works at the moment of one look waits at that of another.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(2);
/// Descriptors of one process that are looked at: a server opens its lock before all that it has for clients.
const MAX_DESCRIPTORS: usize = 1024;

/// A process that has the locked claim on a queue open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimant {
    /// Its PID.
    pub pid: i32,
    /// The PID that the claim names. 0: unknown.
    pub named: i32,
    /// Its PID for itself, which is what a server writes into its claim; in a PID namespace of its own that is another one than
    /// here.
    pub own_pid: i32,
}

/// Other processes of this user that have the claim on a queue open, wherever that file is or was, and locked by whomever.
/// Nobody else can open it. `own` is the claim that this process holds.
pub fn claimants_elsewhere(key: QueueKey, own: Option<&File>) -> impl Iterator<Item = Claimant> {
    let prefix = format!("queue-{key}-ipc");
    let is_claim = move |link: &Path| {
        let name = link.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(&prefix));
        name.is_some_and(|rest| rest.strip_suffix(" (deleted)").unwrap_or(rest).ends_with(".claim"))
    };
    let own = own.and_then(identity_of);
    others_of_this_user().filter_map(move |pid| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut claims = open.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| is_claim(&link)));
        let named = claims.find_map(|entry| named_in_lock(&entry.path(), own))?;
        let own_pid = number_for_itself(pid)?;
        (!is_elsewhere(pid)).then_some(Claimant { pid, named, own_pid })
    })
}

/// Whom the locked file names that a descriptor of another process of this user refers to, unless it is the one with this
/// identity; it is not waited for.
fn named_in_lock(descriptor: &Path, own: Option<FileIdentity>) -> Option<i32> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(descriptor);
    // A second server that starts in the same directory has this one's claim open while it tries to lock it.
    let of_another = opened.ok().filter(|file| own.is_none() || identity_of(file) != own)?;
    match lock_state_of_file(of_another) {
        LockState::Held(named) => Some(named),
        LockState::Free | LockState::Hidden => None,
    }
}

type FileIdentity = (u64, u64);

fn identity_of(file: &File) -> Option<FileIdentity> {
    file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Another process of this user that takes requests off a queue, whatever program it is. Those of others do not count: who
/// may read the queue could keep its server from starting.
#[must_use]
pub fn request_taker(queue: &Queue) -> Option<i32> {
    taker(queue, |msgtyp| msgtyp <= 1)
}

/// As [`request_taker`], of whoever waits with one of these `msgtyp`, as in msgrcv(2).
#[must_use]
pub fn taker(queue: &Queue, is_rivals: impl Fn(i64) -> bool) -> Option<i32> {
    taker_among(others_of_this_user, queue, is_rivals)
}

/// As [`taker`], of any user's processes, as far as this user may look. For a queue that is not this user's: there who keeps
/// a server from taking it over keeps it from nothing that is its own.
#[must_use]
pub fn taker_of_any_user(queue: &Queue, is_rivals: impl Fn(i64) -> bool) -> Option<i32> {
    taker_among(others, queue, is_rivals)
}

fn taker_among<I: Iterator<Item = i32>>(
    processes: impl Fn() -> I,
    queue: &Queue,
    is_rivals: impl Fn(i64) -> bool,
) -> Option<i32> {
    let takes = |pid: &i32| taking(*pid, queue.id().into(), &is_rivals) == RequestTaking::Yes;
    (0..LOOKS).find_map(|look| {
        if look > 0 {
            std::thread::sleep(PAUSE);
        }
        processes().find(takes)
    })
}

/// A living process that serves a queue, or may do so.
pub(super) enum ServerProcess {
    /// It has the lock of the queue open, in this directory as it sees that.
    HasLockIn(i32, PathBuf),
    /// It is called msgqd, and this user may not see what it has open.
    Hidden(i32),
}

/// Other processes of the queue's owner that have the lock of this queue open, or may have. Others do not count: whoever may
/// read a lock file can open it.
pub(super) fn server_processes(key: QueueKey, owner_uid: u32) -> impl Iterator<Item = ServerProcess> {
    others_of_user(owner_uid).filter_map(move |pid| match directory_of_lock(pid, key) {
        Ok(directory) => Some(ServerProcess::HasLockIn(pid, directory?)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let is_msgqd = ClientNumber::new(pid).and_then(process_name).is_some_and(|name| name == "msgqd");
            (is_msgqd && !is_elsewhere(pid)).then_some(ServerProcess::Hidden(pid))
        }
        Err(_) => None,
    })
}

/// The directory of the lock or the claim that a process has open, also of one that was removed. The names tell the IPC
/// namespace, so a process of another one is none of this queue's.
fn directory_of_lock(pid: i32, key: QueueKey) -> io::Result<Option<PathBuf>> {
    let nowhere = Path::new("");
    let names = [lock_path(nowhere, key), claim_path(nowhere, key)];
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))?.flatten().take(MAX_DESCRIPTORS) {
        let link = match std::fs::read_link(entry.path()) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
            link => link.unwrap_or_default(),
        };
        let name = link.file_name().map(OsStr::as_bytes).unwrap_or_default();
        let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
        if names.iter().any(|it| it.as_os_str().as_bytes() == name) {
            return Ok(link.parent().map(Path::to_owned));
        }
    }
    Ok(None)
}

/// The locks that processes of these users have open, each with its user and the directory that it is in.
pub(super) fn locks_of_processes(owners: &BTreeSet<u32>) -> Vec<(u32, QueueKey, PathBuf)> {
    let own_pid = std::process::id().cast_signed();
    let mut locks = Vec::new();
    for pid in visible_processes().filter(|pid| *pid != own_pid) {
        let uid = std::fs::metadata(format!("/proc/{pid}")).map(|it| it.uid()).ok();
        let Some(uid) = uid.filter(|uid| owners.contains(uid)) else { continue };
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let links = open.take(MAX_DESCRIPTORS).filter_map(|entry| std::fs::read_link(entry.path()).ok());
        locks.extend(links.filter_map(|link| lock_of_link(&link).map(|(key, directory)| (uid, key, directory))));
    }
    locks
}

fn lock_of_link(link: &Path) -> Option<(QueueKey, PathBuf)> {
    let name = link.file_name()?.as_bytes();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    let is_lock = name.ends_with(b".lock") || name.ends_with(b".claim");
    let key = key_of_queue_file(OsStr::from_bytes(name)).filter(|_| is_lock)?;
    Some((key, link.parent()?.to_owned()))
}

fn others_of_this_user() -> impl Iterator<Item = i32> {
    others_of_user(nix::unistd::geteuid().as_raw())
}

fn others_of_user(uid: u32) -> impl Iterator<Item = i32> {
    others().filter(move |pid| std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|it| it.uid() == uid))
}

fn others() -> impl Iterator<Item = i32> {
    let own_pid = std::process::id().cast_signed();
    visible_processes().filter(move |pid| *pid != own_pid)
}
