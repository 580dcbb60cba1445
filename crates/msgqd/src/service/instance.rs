//! One instance for each queue: a locked file in the runtime directory, and beside it the table.
//!
//! The lock is the kernel's (an open-file-description lock), so it ends with the process however that ends. The file
//! names hold the key and the IPC namespace, since the same key in another namespace is another queue.
//!
//! Two files are locked. The claim decides, and only its owner can open it: nobody else can hold a lock on it, or keep
//! the next server from having it. The lock file is for others to see. Should somebody remove both, the table still
//! tells that the server lives. One of the same user whose directory is another is found by the claim that it has open.
//!
//! A command that a server starts has all that the server has open, locks too, until it is a program of its own. Where the
//! server was killed meanwhile, its locks name nobody who lives, and whoever starts next waits for their end.

use msgq_core::instance::{
    LONGEST_LOCK_FILE, LockState, claim_path, closed_path, directories_to_use, keep_once_path, lock_path, lock_state,
    own_instance, table_path,
};
use msgq_core::queue::{QueueKey, QueueRole};
use msgq_core::serving::{
    Claimant, claimants_elsewhere, is_seen_without_lock, living_owner, possible_namesake, process_lives, server_state,
};
use msgq_core::table::{Table, is_memory_file_system};
use msgq_core::trusted_file::{TrustedUsers, check_directory, open_trusted};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An upgrade restarts the server within seconds of its note; one that was broken off in between leaves it for ever.
const KEEP_ONCE_HOLDS: Duration = Duration::from_secs(10 * 60);

/// The right to serve a queue, for as long as the value lives.
#[derive(Debug)]
pub(super) struct Instance {
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    claim: File,
    claim_path: PathBuf,
    /// `None` where somebody else holds a lock on the file, which only keeps others from seeing this server's.
    lock: Option<File>,
    lock_path: PathBuf,
    table_path: Option<PathBuf>,
}

/// Why a queue cannot be claimed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    /// Another instance has it.
    #[error(
        "another msgqd (PID {pid}) already serves queue {key}, so there is nothing to start; `ps -f -p {pid}` shows it, and \
         --key serves another queue"
    )]
    Taken { key: QueueKey, pid: i32 },
    /// Another instance has the queue that is to take the answers.
    #[error(
        "another msgqd (PID {pid}) uses queue {key}, which is to take the answers (protocol.reply), for its requests or for its \
         answers, so nothing was started; `ps -f -p {pid}` shows it; give protocol.reply a key that no other server has"
    )]
    SecondTaken { key: QueueKey, pid: i32 },
    /// Somebody has it who is not seen to be a server.
    #[error(
        "queue {key} could not be claimed within {within} s: its lock is held{holder}",
        within = HOLDERS_SHOW_WITHIN.as_secs(),
        holder = .holder.map_or_else(
            || {
                ", and no server was found among the processes that are shown here; one in a container may have it".to_owned()
            },
            |Claimant { pid, named, .. }| format!(
                " by PID {pid} (`ps -f -p {pid}` shows it) in the name of PID {named}, which is not there; what a killed msgqd \
                 was just starting has its locks until it runs"
            )
        )
    )]
    Unclear { key: QueueKey, holder: Option<Claimant> },
    /// The lock cannot be had for another reason.
    #[error("cannot lock {path}: {error}{hint}", path = .path.display(), hint = size_hint(.error))]
    Lock { path: PathBuf, error: io::Error },
}

impl Instance {
    /// Claims the queue that requests come from.
    pub(super) fn claim(key: QueueKey) -> Result<Self, ClaimError> {
        Self::claim_as(QueueRole::Requests, key)
    }

    /// Claims a queue for this use. A server that has it for another use keeps this one from it all the same.
    pub(super) fn claim_as(role: QueueRole, key: QueueKey) -> Result<Self, ClaimError> {
        let end = Instant::now() + HOLDERS_SHOW_WITHIN;
        let mut pause = FIRST_PAUSE;
        loop {
            match Self::try_claim(key) {
                Ok(claimed) => return Ok(claimed),
                Err(Obstacle::Error(error)) => return Err(error),
                Err(Obstacle::Server(pid)) => return Err(taken(role, key, pid)),
                Err(Obstacle::UnclearHolder) if Instant::now() >= end => {
                    let mut holders = claimants_elsewhere(key);
                    let holder = holders.find(|claimant| claimant.named != 0 && claimant.server().is_none());
                    return Err(ClaimError::Unclear { key, holder });
                }
                Err(Obstacle::UnclearHolder) => {}
            }
            std::thread::sleep(pause);
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn try_claim(key: QueueKey) -> Result<Self, Obstacle> {
        let Some((directory, in_memory)) = choose_directory() else {
            return no_rival_by_process(key).map(|()| Self { held: None });
        };
        let claim_path = claim_path(&directory, key);
        no_rival_in(&directory, key)?;
        let claim = match lock(&claim_path, FOR_THE_OWNER) {
            Ok(Some(claim)) => claim,
            // Its holder has not shown itself yet, or is about to leave.
            Ok(None) => return Err(Obstacle::UnclearHolder),
            Err(error) => return Err(Obstacle::Error(ClaimError::Lock { path: claim_path, error })),
        };
        let table_path = in_memory.then(|| table_path(&directory, key));
        let lock_path = lock_path(&directory, key);
        let mut held = Held { claim, claim_path, lock: None, lock_path, table_path };
        held.lock = show(&held.lock_path)?;
        // After its own: of two that start at the same time at least one sees the other.
        no_rival_by_process(key).map(|()| Self { held: Some(held) })
    }

    /// Where the table belongs; `None` where no memory file system can be had.
    pub(super) fn table_path(&self) -> Option<&Path> {
        self.held.as_ref()?.table_path.as_deref()
    }

    /// True when the next stop is to keep the queue, whatever the configuration says; the note is taken away.
    pub(super) fn take_keep_once(&self) -> bool {
        let Some(directory) = self.held.as_ref().and_then(|held| held.lock_path.parent()) else {
            return false;
        };
        let note = keep_once_path(directory);
        let written = std::fs::symlink_metadata(&note).and_then(|metadata| metadata.modified());
        // Of one from the future the clock was set back: it is as good as new.
        let age = written.ok().and_then(|written| written.elapsed().ok()).unwrap_or_default();
        let is_there = std::fs::remove_file(note).is_ok();
        if is_there && age > KEEP_ONCE_HOLDS {
            let minutes = age.as_secs() / 60;
            log::warn!(
                "a note of an upgrade that was left {minutes} minutes ago, and broken off, no longer keeps the queue"
            );
        }
        is_there && age <= KEEP_ONCE_HOLDS
    }

    /// Where the note on a closed door is looked for.
    pub(super) fn closed_path(&self, key: QueueKey) -> Option<PathBuf> {
        Some(closed_path(self.held.as_ref()?.lock_path.parent()?, key))
    }

    /// The queue is gone, and so is all that the table tells of it. The table of another server, which began here after
    /// this one's files were removed, stays.
    pub(super) fn remove_table(&self) {
        let own = std::process::id().cast_signed();
        let is_own = |path: &&Path| {
            Table::read(path, TrustedUsers::own()).is_ok_and(|table| table.header().about().owner == own)
        };
        if let Some(path) = self.table_path().filter(is_own) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// As [`Instance::remove_table`], for the table of an earlier server that will not be taken over.
    pub(super) fn remove_left_table(&self) {
        let is_left =
            |path: &&Path| Table::read(path, TrustedUsers::own()).is_ok_and(|table| living_owner(&table).is_none());
        if let Some(path) = self.table_path().filter(is_left) {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Self { claim, claim_path, lock, lock_path, .. } = self;
        let files = [(lock.as_ref(), lock_path), (Some(&*claim), claim_path)];
        for (file, path) in files.into_iter().filter_map(|(file, path)| Some((file?, path))) {
            if is_still_there(file, path) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// The first directory in memory, or else the first that can be used; and whether it is in memory.
fn choose_directory() -> Option<(PathBuf, bool)> {
    let mut usable = Vec::new();
    for directory in directories_to_use() {
        match create_directory(&directory) {
            Ok(()) if is_memory_file_system(&directory).unwrap_or(false) => return Some((directory, true)),
            Ok(()) => usable.push(directory),
            Err(error) => log::debug!("cannot use {}: {error}", directory.display()),
        }
    }
    if usable.is_empty() {
        let tried: Vec<String> = directories_to_use().iter().map(|path| path.display().to_string()).collect();
        log::warn!("cannot use any of {}: a second server on this queue would not be noticed", tried.join(", "));
    }
    usable.into_iter().next().map(|directory| (directory, false))
}

/// A process that has a lock and was not yet seen to be a server, or to be none, is waited for this long: beside a load of 20 one
/// waits seconds for a CPU.
const HOLDERS_SHOW_WITHIN: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// Each look walks over all processes.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
const FOR_THE_OWNER: u32 = 0o600;
const FOR_THE_GROUP_TO_SEE: u32 = 0o640;

/// What is in the way of a claim.
enum Obstacle {
    /// The server with this PID.
    Server(i32),
    /// Somebody who is not seen to be a server.
    UnclearHolder,
    Error(ClaimError),
}

fn taken(role: QueueRole, key: QueueKey, pid: i32) -> ClaimError {
    match role {
        QueueRole::Answers => ClaimError::SecondTaken { key, pid },
        QueueRole::Both | QueueRole::Requests => ClaimError::Taken { key, pid },
    }
}

/// Refuses where another has the queue, as far as others are shown.
fn no_rival_in(directory: &Path, key: QueueKey) -> Result<(), Obstacle> {
    let (named, is_namesake) = match server_state(directory, key, TrustedUsers::own()) {
        LockState::Held(named) => (named, false),
        LockState::Free | LockState::Hidden => match possible_namesake(directory, key) {
            Some(named) => (named, true),
            None => return Ok(()),
        },
    };
    match no_rival_by_process(key) {
        // In a PID namespace of its own it has another number for itself, which may be anybody's here.
        Err(Obstacle::Server(pid)) => Err(Obstacle::Server(pid)),
        _ if (is_namesake || !is_seen_without_lock(named, key)) && process_lives(named) => Err(Obstacle::Server(named)),
        // It has not shown itself yet, or has ended since, or is not shown to this user.
        _ => Err(Obstacle::UnclearHolder),
    }
}

/// Refuses where a process has the queue by what it has open, wherever its files are.
fn no_rival_by_process(key: QueueKey) -> Result<(), Obstacle> {
    let mut claimants = claimants_elsewhere(key).peekable();
    if claimants.peek().is_none() {
        return Ok(());
    }
    Err(claimants.find_map(|claimant| claimant.server()).map_or(Obstacle::UnclearHolder, Obstacle::Server))
}

/// Locks the file that shows this server to others; `None` where somebody who is no server keeps it from that.
fn show(path: &Path) -> Result<Option<File>, Obstacle> {
    let lock = lock(path, FOR_THE_GROUP_TO_SEE)
        .map_err(|error| Obstacle::Error(ClaimError::Lock { path: path.to_owned(), error }))?;
    if lock.is_none() {
        // Only who may write it has a lock that keeps others from sharing it.
        if let LockState::Held(_) = lock_state(path, TrustedUsers::own()) {
            return Err(Obstacle::UnclearHolder);
        }
        log::warn!(
            "somebody who is no server holds a lock on {}, as everybody may who can read it; msgqctl goes by the table",
            path.display()
        );
    }
    Ok(lock)
}

fn create_directory(directory: &Path) -> io::Result<()> {
    if let (Some(_), Some(parent)) = (own_instance(), directory.parent()) {
        let _ = std::fs::DirBuilder::new().mode(0o755).create(parent);
    }
    match std::fs::DirBuilder::new().mode(0o755).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        // In a place where everybody may create files, a directory of somebody else could hold anything.
        _ => check_directory(directory, TrustedUsers::own()),
    }
}

/// `None` when another process has the lock, or removed the file while this one waited for it.
fn lock(path: &Path, mode: u32) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(mode);
    let mut file = open_trusted(path, &mut options, TrustedUsers::own(), LONGEST_LOCK_FILE)?;
    match fcntl(&file, FcntlArg::F_OFD_SETLK(&msgq_core::instance::whole_file(libc::F_WRLCK))) {
        Ok(_) => {}
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    }
    if !is_still_there(&file, path) {
        return Ok(None);
    }
    // Whatever the umask is. One that root left keeps its mode.
    let _ = file.set_permissions(Permissions::from_mode(mode));
    file.set_len(0)?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
    Ok(Some(file))
}

fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(opened), Ok(named)) => (opened.dev(), opened.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// What to do about a file that must not grow, to follow the error.
pub(super) fn size_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::FileTooLarge => " (raise the limit of the size of files: ulimit -f, LimitFSIZE=)",
        _ => "",
    }
}
