//! Whether a server of a queue lives: by its lock, and by who wrote the table.
//!
//! A lock file can be removed by whoever may write the directory, and the number in it may be anybody's by now. The
//! table names the process that wrote it with its identity, which is not used again, so one of both is enough for a
//! server to be taken for alive. One whose files are elsewhere is found by its process.

mod directories;
mod overview;
mod processes;

pub use directories::{
    ServerDirectory, UnreachableServer, believed_directories, directories_of_msgqd_units, directory_of_living_server,
    server_directories, unreachable_server,
};
pub use overview::ServerOverview;
pub use processes::{
    Claimant, claimants_elsewhere, is_seen_without_lock, process_lives, request_taker, taker, taker_of_any_user,
};
use processes::{Holders, holders_of_lock_of_dead};

use crate::instance::{LockState, ipc_namespace, lock_path, lock_state, may_be_own_namespace, table_path};
use crate::process::{ClientHandle, ClientNumber, may_be_process_of};
use crate::queue::QueueKey;
use crate::table::{About, Phase, Table};
use crate::trusted_file::TrustedUsers;
use std::path::Path;

/// A lock may change hands in each look. Three in a row are met only where servers are killed and started all the time.
const LOOKS_AT_HOLDERS: u32 = 3;

/// Whether a table is that of the queue with this key in this process's IPC namespace.
#[must_use]
pub fn is_of_queue(about: &About, key: QueueKey) -> bool {
    about.key == key.raw() && about.ipc_namespace == ipc_namespace() && may_be_own_namespace(about.ipc_namespace_id)
}

/// The process that wrote the table and did not end in order, if it lives and is not another one with its number.
#[must_use]
pub fn living_owner(table: &Table) -> Option<i32> {
    if table.header().phase() == Some(Phase::Ended) {
        return None;
    }
    let about = table.header().about();
    let handle = ClientNumber::new(about.owner).and_then(|owner| ClientHandle::open(owner).ok().flatten())?;
    (handle.identity()? == about.owner_identity).then_some(about.owner)
}

/// Whether a server that keeps its files in this directory serves the queue; only files of trusted users count. A lock that what a
/// killed server was just starting still has stands for no server.
#[must_use]
pub fn server_state(directory: &Path, key: QueueKey, users: TrustedUsers) -> LockState {
    let lock = match state_of_servers_lock(&lock_path(directory, key), users) {
        LockState::Held(named) => return LockState::Held(named),
        lock => lock,
    };
    let table = Table::read_with_owner(&table_path(directory, key), users).ok().filter(|(table, owner_uid)| {
        let about = table.header().about();
        is_of_queue(&about, key) && may_be_process_of(about.owner, *owner_uid)
    });
    table.and_then(|(table, _)| living_owner(&table)).map_or(lock, LockState::Held)
}

/// As [`lock_state`], and free while only what a killed server was starting has the lock.
fn state_of_servers_lock(path: &Path, users: TrustedUsers) -> LockState {
    for _ in 0..LOOKS_AT_HOLDERS {
        let state = lock_state(path, users);
        let LockState::Held(named) = state else { return state };
        if named == 0 || process_lives(named) {
            return state;
        }
        match holders_of_lock_of_dead(path, named) {
            Holders::LeftBehind => return LockState::Free,
            Holders::Other => return state,
            // It ended before it was found, and the lock is free, or the next server's. Or it is not shown to this user.
            Holders::NoneSeen => {}
        }
    }
    lock_state(path, users)
}

/// The PID of a server of this key in a namespace that may be this one, since one of both cannot see which it is in.
#[must_use]
pub fn possible_namesake(directory: &Path, key: QueueKey) -> Option<i32> {
    let own = lock_path(directory, key);
    let prefix = format!("queue-{key}-ipc");
    let is_candidate = |name: &str| {
        let namespace = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".lock"));
        namespace.is_some_and(|namespace| ipc_namespace() == 0 || namespace == "0")
    };
    let entries = std::fs::read_dir(directory).ok()?.flatten();
    let mut others = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_candidate));
    others.find_map(|entry| match lock_state(&entry.path(), TrustedUsers::own()) {
        LockState::Held(pid) if entry.path() != own => Some(pid),
        _ => None,
    })
}
