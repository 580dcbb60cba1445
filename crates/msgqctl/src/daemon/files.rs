//! Where a daemon keeps its lock and its table, and which daemon that is.

use crate::instances::unit_name;
use msgq_core::instance::{InstanceName, LockState, instance_of_directory, lock_path, table_path};
use msgq_core::queue::{QueueKey, QueueStat};
use msgq_core::serving::{
    ServerDirectory, ServerOverview, directory_of_living_server, is_of_queue, server_directories, server_state,
};
use msgq_core::table::{Table, TableError};
use msgq_core::trusted_file::TrustedUsers;
use std::io;
use std::path::{Path, PathBuf};

/// The files of the daemon of one queue, and whether it lives.
pub(crate) struct DaemonFiles {
    pub(crate) lock: LockState,
    pub(crate) lock_path: PathBuf,
    pub(crate) table_path: PathBuf,
    users: TrustedUsers,
}

impl DaemonFiles {
    /// In the directory whose lock is held, be it only a living process that tells where that is, or else in the first with a
    /// table or a lock in it; `None` when there is none.
    pub(crate) fn find(key: QueueKey, owner_uid: u32) -> Option<Self> {
        Self::among(&server_directories(key, owner_uid), key, || directory_of_living_server(key, owner_uid))
    }

    /// As [`DaemonFiles::find`], where many queues are looked at.
    pub(crate) fn find_in(servers: &ServerOverview, key: QueueKey, owner_uid: u32) -> Option<Self> {
        let elsewhere = || servers.directory_of_living_server(key, owner_uid);
        Self::among(&servers.directories(key, owner_uid), key, elsewhere)
    }

    fn among(
        directories: &[ServerDirectory],
        key: QueueKey,
        elsewhere: impl FnOnce() -> Option<ServerDirectory>,
    ) -> Option<Self> {
        let mut all: Vec<Self> = directories.iter().map(|directory| Self::in_directory(directory, key)).collect();
        if let Some(index) = all.iter().position(|files| matches!(files.lock, LockState::Held(_))) {
            return Some(all.swap_remove(index));
        }
        let is_left = |files: &Self| files.lock == LockState::Hidden || exists(&files.table_path);
        let left = || all.into_iter().find(is_left);
        elsewhere().map(|directory| Self::in_directory(&directory, key)).or_else(left)
    }

    /// The instance that keeps them; `None` for the server without a name.
    pub(crate) fn instance(&self) -> Option<InstanceName> {
        self.table_path.parent().and_then(instance_of_directory)
    }

    /// What systemctl calls the server.
    pub(crate) fn unit(&self) -> String {
        unit_name(self.instance().as_ref())
    }

    /// Those of the daemon of this queue; `None` also for a queue without a key, which no msgqd serves.
    pub(crate) fn of_queue(stat: &QueueStat) -> Option<Self> {
        Self::find(stat.key?, stat.uid)
    }

    fn in_directory(directory: &ServerDirectory, key: QueueKey) -> Self {
        let ServerDirectory { path, users } = directory;
        let (lock_path, table_path) = (lock_path(path, key), table_path(path, key));
        Self { lock: server_state(path, key, *users), lock_path, table_path, users: *users }
    }

    /// The table as it is now, whosever it is.
    pub(crate) fn read_any_table(&self) -> Result<Table, TableError> {
        Table::read(&self.table_path, self.users)
    }

    /// True when the daemon with this PID holds its place, but not this queue: its own was removed.
    pub(crate) fn serves_another(&self, pid: i32, stat: &QueueStat) -> bool {
        let Ok(table) = self.read_any_table() else { return false };
        let about = table.header().about();
        let is_its_own = about.owner == pid && stat.key.is_some_and(|key| is_of_queue(&about, key));
        is_its_own && table.header().msqid() != stat.msqid
    }

    /// The table as it is now; the error is a sentence that says why there is nothing to see.
    pub(crate) fn table(&self, stat: &QueueStat) -> Result<Table, String> {
        let table = self.read_any_table().map_err(|error| explain(&self.table_path, &error))?;
        let about = table.header().about();
        if !stat.key.is_some_and(|key| is_of_queue(&about, key)) || table.header().msqid() != stat.msqid {
            return Err(format!("the table {} is that of another queue", self.table_path.display()));
        }
        Ok(table)
    }
}

/// The daemon's files and its table as it is now; the error is a sentence that says why there is nothing to see.
pub(crate) fn read_table(stat: &QueueStat) -> Result<(DaemonFiles, Table), String> {
    let files = DaemonFiles::of_queue(stat).ok_or("no msgqd keeps a table for this queue")?;
    let table = files.table(stat)?;
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
