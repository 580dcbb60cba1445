//! Whether a server of a queue lives: by its lock, and by who wrote the table.
//!
//! A lock file can be removed by whoever may write the directory, and the number in it may be anybody's by now. The
//! table names the process that wrote it with its identity, which is not used again, so one of both is enough for a
//! server to be taken for alive.

use crate::instance::{LockState, ipc_namespace, lock_path, lock_state, table_path};
use crate::process::{ClientHandle, ClientPid};
use crate::queue::QueueKey;
use crate::table::{Phase, Table};
use std::path::Path;

/// The process that wrote the table and did not end in order, if it lives and is not another one with its number.
#[must_use]
pub fn living_owner(table: &Table) -> Option<i32> {
    if table.header().phase() == Some(Phase::Ended) {
        return None;
    }
    let about = table.header().about();
    let handle = ClientPid::new(about.owner).and_then(|owner| ClientHandle::open(owner).ok().flatten())?;
    (handle.identity()? == about.owner_identity).then_some(about.owner)
}

/// Whether a server that keeps its files in this directory serves the queue.
#[must_use]
pub fn server_state(directory: &Path, key: QueueKey) -> LockState {
    let lock = lock_state(&lock_path(directory, key));
    if matches!(lock, LockState::Held(_)) {
        return lock;
    }
    let table = Table::read(&table_path(directory, key)).ok().filter(|table| {
        let about = table.header().about();
        about.key == key.raw() && about.ipc_namespace == ipc_namespace()
    });
    table.as_ref().and_then(living_owner).map_or(lock, LockState::Held)
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
    others.find_map(|entry| match lock_state(&entry.path()) {
        LockState::Held(pid) if entry.path() != own => Some(pid),
        _ => None,
    })
}
