//! Where a daemon keeps its lock and its table, and which daemon that is.

use msgq_core::instance::{LockState, candidate_directories, ipc_namespace, lock_path, table_path};
use msgq_core::queue::{QueueKey, QueueStat};
use msgq_core::serving::server_state;
use msgq_core::table::{Table, TableError};
use std::io;
use std::path::{Path, PathBuf};

/// The files of the daemon of one queue, and whether it lives.
pub(crate) struct DaemonFiles {
    pub(crate) lock: LockState,
    pub(crate) lock_path: PathBuf,
    pub(crate) table_path: PathBuf,
}

impl DaemonFiles {
    /// In the directory whose lock is held, or else in the first with a table or a lock in it; `None` when there is none.
    pub(crate) fn find(key: QueueKey, owner_uid: u32) -> Option<Self> {
        let in_directories = candidate_directories(owner_uid).into_iter().map(|directory| {
            let lock_path = lock_path(&directory, key);
            Self { lock: server_state(&directory, key), lock_path, table_path: table_path(&directory, key) }
        });
        let mut all: Vec<Self> = in_directories.collect();
        let held = all.iter().position(|files| matches!(files.lock, LockState::Held(_)));
        let left = || all.iter().position(|files| files.lock == LockState::Hidden || exists(&files.table_path));
        held.or_else(left).map(|index| all.swap_remove(index))
    }

    /// True when the daemon with this PID holds its place, but not this queue: its own was removed.
    pub(crate) fn serves_another(&self, pid: i32, key: QueueKey, stat: &QueueStat) -> bool {
        let Ok(table) = Table::read(&self.table_path) else { return false };
        let about = table.header().about();
        let is_its_own = (about.owner, about.key, about.ipc_namespace) == (pid, key.raw(), ipc_namespace());
        is_its_own && table.header().msqid() != stat.msqid
    }

    /// The table as it is now; the error is a sentence that says why there is nothing to see.
    pub(crate) fn table(&self, key: QueueKey, stat: &QueueStat) -> Result<Table, String> {
        let table = Table::read(&self.table_path).map_err(|error| explain(&self.table_path, &error))?;
        let about = table.header().about();
        let namespace = ipc_namespace();
        if about.key != key.raw() || about.ipc_namespace != namespace || table.header().msqid() != stat.msqid {
            return Err(format!("the table {} is that of another queue", self.table_path.display()));
        }
        Ok(table)
    }
}

/// The daemon's files and its table as it is now; the error is a sentence that says why there is nothing to see.
pub(crate) fn read_table(key: QueueKey, stat: &QueueStat) -> Result<(DaemonFiles, Table), String> {
    let files = DaemonFiles::find(key, stat.uid).ok_or("no msgqd keeps a table for this queue")?;
    let table = files.table(key, stat)?;
    Ok((files, table))
}

/// True also for what this user may not look at.
fn exists(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

fn explain(path: &Path, error: &TableError) -> String {
    let name = path.display();
    match error {
        TableError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            format!("this user may not read the table {name}; members of its group may")
        }
        TableError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            format!("the daemon keeps no table: there is no {name}")
        }
        _ => format!("the table {name} cannot be used: {error}"),
    }
}
