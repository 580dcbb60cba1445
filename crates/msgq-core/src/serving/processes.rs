//! Living servers whose files are not in the directory that is looked at, as their processes show it; and whether who holds a lock is
//! a server at all.

use crate::instance::{LONGEST_LOCK_FILE, claim_path, key_of_queue_file, lock_path};
use crate::pid_namespace::number_for_itself;
use crate::process::{ClientNumber, Liveness, liveness, process_name};
use crate::queue::{Queue, QueueKey};
use crate::queue_call::{RequestTaking, is_elsewhere, taking};
use crate::waiters::visible_processes;
use nix::libc;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A server that works at the moment of one look waits at that of another.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(2);
/// Descriptors of one process that are looked at: a server opens its lock before all that it has for clients.
const MAX_DESCRIPTORS: usize = 1024;

/// A process that holds the claim on a queue.
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

impl Claimant {
    /// The server that holds the claim: this process, or the living one that has just started it. `None` of what a server had
    /// started that is dead: until it is a program of its own it has all that the server had open.
    #[must_use]
    pub fn server(&self) -> Option<i32> {
        if self.named == self.own_pid {
            return Some(self.pid);
        }
        // What a number of another PID namespace means here tells nothing.
        (self.pid == self.own_pid && process_lives(self.named)).then_some(self.named)
    }
}

/// Whether this is the number of a process here that has not ended.
#[must_use]
pub fn process_lives(pid: i32) -> bool {
    ClientNumber::new(pid).is_some_and(|pid| !matches!(liveness(pid), Ok(Liveness::Dead | Liveness::Zombie)))
}

/// Other processes of this user that hold the claim on a queue, wherever that file is or was. Nobody else can open it.
pub fn claimants_elsewhere(key: QueueKey) -> impl Iterator<Item = Claimant> {
    let prefix = format!("queue-{key}-ipc");
    let is_claim = move |link: &Path| {
        let name = link.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(&prefix));
        name.is_some_and(|rest| rest.strip_suffix(" (deleted)").unwrap_or(rest).ends_with(".claim"))
    };
    others_of_this_user().filter_map(move |pid| {
        let claim = descriptors(pid).find(|descriptor| {
            std::fs::read_link(descriptor).is_ok_and(|link| is_claim(&link)) && holds_lock(descriptor)
        })?;
        let own_pid = number_for_itself(pid)?;
        (!is_elsewhere(pid)).then(|| Claimant { pid, named: named_in(&claim), own_pid })
    })
}

/// Who holds a lock that names a process which is dead here.
pub(super) enum Holders {
    /// Only what that process was just starting when it was killed.
    LeftBehind,
    /// Somebody else, as a server in a PID namespace of its own, which has another number there.
    Other,
    /// Nobody, or somebody who cannot be seen.
    NoneSeen,
}

pub(super) fn holders_of_lock_of_dead(lock: &Path, named: i32) -> Holders {
    let Some(file) = std::fs::metadata(lock).ok() else { return Holders::NoneSeen };
    let is_lock = |descriptor: &PathBuf| {
        let opened = std::fs::metadata(descriptor);
        opened.is_ok_and(|opened| (opened.dev(), opened.ino()) == (file.dev(), file.ino())) && holds_lock(descriptor)
    };
    let holders = others().filter(|pid| descriptors(*pid).any(|descriptor| is_lock(&descriptor)));
    // One that has no number any more has ended since.
    let numbers: Vec<i32> = holders.filter_map(number_for_itself).collect();
    match numbers.as_slice() {
        [] => Holders::NoneSeen,
        numbers if numbers.contains(&named) => Holders::Other,
        _ => Holders::LeftBehind,
    }
}

fn descriptors(pid: i32) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Whether it is by this descriptor that a file is locked against all others, as proc_pid_fdinfo(5) tells: a server that only tries
/// to lock it has it open too.
fn holds_lock(descriptor: &Path) -> bool {
    let (Some(process), Some(number)) = (descriptor.parent().and_then(Path::parent), descriptor.file_name()) else {
        return false;
    };
    let info = std::fs::read_to_string(process.join("fdinfo").join(number)).unwrap_or_default();
    info.lines().any(|line| line.starts_with("lock:") && line.contains("OFDLCK") && line.contains("WRITE"))
}

/// Whom the claim names that a descriptor refers to; it is not waited for.
fn named_in(descriptor: &Path) -> i32 {
    let mut text = String::new();
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(descriptor);
    let _ = opened.and_then(|file| file.take(LONGEST_LOCK_FILE).read_to_string(&mut text));
    text.trim().parse().unwrap_or(0)
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

/// True where a process shows that it is no server of this queue: it has neither its lock nor its claim open.
#[must_use]
pub fn is_seen_without_lock(pid: i32, key: QueueKey) -> bool {
    matches!(directory_of_lock(pid, key), Ok(None))
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
