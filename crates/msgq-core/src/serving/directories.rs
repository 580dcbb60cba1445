//! Where the files of a queue's server are found, whichever directory it was started with.

use super::processes::{ServerProcess, server_processes};
use super::server_state;
use crate::instance::{
    LockState, candidate_directories, closed_path, instance_directories, instance_of_directory, lock_path, lock_state,
    service_directory, table_path,
};
use crate::queue::QueueKey;
use crate::trusted_file::{TrustedUsers, check_directory, is_closed_directory};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where the service manager makes the directories of units. Only root makes some there, and never waits for one of them.
const UNIT_DIRECTORIES: &str = "/run";

/// A directory in which a server may keep its files, and whose files are believed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerDirectory {
    /// The directory.
    pub path: PathBuf,
    /// Whose files count in it.
    pub users: TrustedUsers,
}

/// A living process that may serve a queue, while its files cannot be had from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnreachableServer {
    /// It has the lock open, in a directory that is not the same here, or is not to be believed.
    InDirectory(i32, PathBuf),
    /// It is called msgqd, and this user may not see what it has open.
    Hidden(i32),
}

/// Where a server may keep its files: the usual places, and what is in /run.
#[must_use]
pub fn believed_directories(owner_uid: u32) -> Vec<ServerDirectory> {
    let usual = candidate_directories(owner_uid).into_iter().map(|path| {
        let users = TrustedUsers::in_directory(&path, owner_uid);
        ServerDirectory { path, users }
    });
    let mut found: Vec<ServerDirectory> = usual.collect();
    for directory in directories_of_units(owner_uid) {
        if !found.iter().any(|known| known.path == directory.path) {
            found.push(directory);
        }
    }
    found
}

/// As [`believed_directories`], most likely first, but of those in /run only what has files of this queue.
#[must_use]
pub fn server_directories(key: QueueKey, owner_uid: u32) -> Vec<ServerDirectory> {
    let usual = candidate_directories(owner_uid);
    let mut directories = believed_directories(owner_uid);
    directories.retain(|directory| usual.contains(&directory.path) || may_hold_files_of(&directory.path, key));
    directories
}

/// The directories of living processes that have this queue's lock open, where it is held as seen from here too.
#[must_use]
pub fn directory_of_living_server(key: QueueKey, owner_uid: u32) -> Option<ServerDirectory> {
    let users = TrustedUsers::with_queue_owner(owner_uid);
    server_processes(key, owner_uid).find_map(|server| match server {
        ServerProcess::HasLockIn(_, path) => is_held_in(&path, key, users).then_some(ServerDirectory { path, users }),
        ServerProcess::Hidden(_) => None,
    })
}

/// A living server of this queue whose files cannot be had, or one that may be such.
#[must_use]
pub fn unreachable_server(key: QueueKey, owner_uid: u32) -> Option<UnreachableServer> {
    let users = TrustedUsers::with_queue_owner(owner_uid);
    server_processes(key, owner_uid).find_map(|server| match server {
        ServerProcess::HasLockIn(pid, path) => {
            (!is_held_in(&path, key, users)).then_some(UnreachableServer::InDirectory(pid, path))
        }
        ServerProcess::Hidden(pid) => (!has_a_lock_in_view(pid, owner_uid)).then_some(UnreachableServer::Hidden(pid)),
    })
}

/// Directories in /run that are called as those of msgqd's units are.
#[must_use]
pub fn directories_of_msgqd_units() -> Vec<PathBuf> {
    let own = nix::unistd::geteuid().as_raw();
    directories_of_units(own).map(|directory| directory.path).filter(|path| is_named_as_msgqds(path)).collect()
}

pub(super) fn is_held_in(directory: &Path, key: QueueKey, users: TrustedUsers) -> bool {
    check_directory(directory, users).is_ok() && matches!(server_state(directory, key, users), LockState::Held(_))
}

/// Directories in /run that nobody but their owner may write, and whose owner has a part in the queue. Of those that root
/// gave msgqd's name the owner is believed too where there is no queue to say more.
fn directories_of_units(owner_uid: u32) -> impl Iterator<Item = ServerDirectory> {
    let entries = std::fs::read_dir(UNIT_DIRECTORIES).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    if is_closed_directory(&service_directory(None)) {
        paths.extend(instance_directories());
    }
    paths.retain(|path| is_closed_directory(path));
    paths.into_iter().filter_map(move |path| {
        let users = match is_named_as_msgqds(&path) {
            true => TrustedUsers::in_directory(&path, owner_uid),
            false => TrustedUsers::with_queue_owner(owner_uid),
        };
        check_directory(&path, users).is_ok().then_some(ServerDirectory { path, users })
    })
}

fn is_named_as_msgqds(directory: &Path) -> bool {
    let has_its_name = |name: &str| name.starts_with("msgqd");
    let is_its_own = directory.file_name().and_then(|name| name.to_str()).is_some_and(has_its_name);
    is_its_own || instance_of_directory(directory).is_some()
}

/// What cannot be looked into counts where it has msgqd's name.
pub(super) fn may_hold_files_of(directory: &Path, key: QueueKey) -> bool {
    [lock_path(directory, key), table_path(directory, key), closed_path(directory, key)].iter().any(|path| {
        match path.symlink_metadata() {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::PermissionDenied && is_named_as_msgqds(directory),
        }
    })
}

/// True for the server of another queue, as its lock file tells.
fn has_a_lock_in_view(pid: i32, owner_uid: u32) -> bool {
    believed_directories(owner_uid).into_iter().any(|ServerDirectory { path, users }| {
        let is_its_lock = |path: &Path| {
            path.extension().is_some_and(|end| end == "lock") && lock_state(path, users) == LockState::Held(pid)
        };
        let mut entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.any(|entry| is_its_lock(&entry.path()))
    })
}
