//! The daemon of the queue as its files show it, and whether the process that they name is the daemon.

use crate::daemon::{DaemonFiles, ServerPhase};
use crate::system::procfs::has_file_open;
use msgq_core::instance::{LockState, ipc_namespace, lock_state};
use msgq_core::process::{ClientHandle, ClientNumber};
use msgq_core::queue::QueueKey;
use msgq_core::serving::{ServerDirectory, believed_directories};
use msgq_core::table::{Table, TableError};
use std::fs::read_dir;
use std::io::ErrorKind;

/// What is known of the daemon.
pub(crate) struct DaemonFacts {
    pub(crate) files: Option<DaemonFiles>,
    /// As it was when the facts were gathered; `None` where there is none.
    pub(crate) table: Option<Result<Table, TableError>>,
    pub(crate) identification: Identification,
    /// A msgqd on the same key in another IPC namespace.
    pub(crate) elsewhere: Option<DaemonElsewhere>,
}

/// A living msgqd of another IPC namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DaemonElsewhere {
    pub(crate) pid: i32,
    /// Inode of its IPC namespace.
    pub(crate) namespace: u64,
}

/// What can be said about the process that the lock file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identification {
    /// It is the daemon, as its identity shows.
    Same(i32),
    /// The daemon lives, and this number is not its own here.
    Other(i32),
    /// Nothing that this user may see proves or contradicts it.
    Unproven(i32),
    /// A daemon lives, and what its files say of its number cannot be: it is that of another user's process.
    Unknown,
    /// No daemon holds a lock that can be seen here.
    NoDaemon,
}

impl DaemonFacts {
    /// Of a queue whose key is not known.
    pub(crate) fn none() -> Self {
        Self { files: None, table: None, identification: Identification::NoDaemon, elsewhere: None }
    }

    pub(crate) fn gather(key: QueueKey, owner_uid: u32) -> Self {
        let files = DaemonFiles::find(key, owner_uid);
        let table = files.as_ref().and_then(|files| match files.read_any_table() {
            Err(TableError::Io(error)) if error.kind() == ErrorKind::NotFound => None,
            read => Some(read),
        });
        let good_table = table.as_ref().and_then(|table| table.as_ref().ok());
        let identification = files.as_ref().map_or(Identification::NoDaemon, |files| identify(files, good_table));
        Self { files, table, identification, elsewhere: find_elsewhere(key, owner_uid) }
    }

    /// What the lock file says; free where there is none.
    pub(crate) fn lock(&self) -> LockState {
        self.files.as_ref().map_or(LockState::Free, |files| files.lock)
    }

    /// The table, where it can be read.
    pub(crate) fn good_table(&self) -> Option<&Table> {
        self.table.as_ref()?.as_ref().ok()
    }

    pub(crate) fn phase(&self) -> Option<ServerPhase> {
        Some(ServerPhase::read(self.good_table()?, self.lock()))
    }

    /// The daemon's PID here, unless another process has it.
    pub(crate) fn pid(&self) -> Option<i32> {
        match self.identification {
            Identification::Same(pid) | Identification::Unproven(pid) => Some(pid),
            Identification::Other(_) | Identification::Unknown | Identification::NoDaemon => None,
        }
    }

    /// The daemon's PID here, where it is proven to be the daemon's.
    pub(crate) fn proven_pid(&self) -> Option<i32> {
        match self.identification {
            Identification::Same(pid) => Some(pid),
            _ => None,
        }
    }
}

/// Whether the process with the daemon's number is the daemon, as seen from here.
fn identify(files: &DaemonFiles, table: Option<&Table>) -> Identification {
    let pid = match files.lock {
        LockState::Held(0) => return Identification::Unknown,
        LockState::Held(pid) => pid,
        LockState::Free | LockState::Hidden => return Identification::NoDaemon,
    };
    let written = table.map(|table| table.header().about()).filter(|about| about.owner == pid);
    let now = match ClientNumber::new(pid).map(ClientHandle::open) {
        Some(Ok(None)) => return Identification::Other(pid),
        Some(Ok(Some(handle))) => handle.identity(),
        _ => None,
    };
    match (now, written.map_or(0, |about| about.owner_identity)) {
        (Some(now), written) if now == written => Identification::Same(pid),
        // Without an identity: whoever holds the lock has its file open, which root can see.
        (_, 0) | (None, _) => match has_file_open(pid, &files.lock_path) {
            Ok(true) => Identification::Same(pid),
            Ok(false) => Identification::Other(pid),
            Err(_) => Identification::Unproven(pid),
        },
        (Some(_), _) => Identification::Other(pid),
    }
}

/// The names of lock files hold the namespace, and the locks themselves are seen from every namespace.
fn find_elsewhere(key: QueueKey, owner_uid: u32) -> Option<DaemonElsewhere> {
    let prefix = format!("queue-{key}-ipc");
    let own = ipc_namespace();
    let mut files = believed_directories(owner_uid).into_iter().flat_map(|ServerDirectory { path, users }| {
        read_dir(path).into_iter().flatten().flatten().map(move |entry| (entry.path(), users))
    });
    files.find_map(|(path, users)| {
        let name = path.file_name()?.to_str()?;
        let namespace: u64 = name.strip_prefix(&prefix)?.strip_suffix(".lock")?.parse().ok()?;
        match lock_state(&path, users) {
            LockState::Held(pid) if namespace != own => Some(DaemonElsewhere { pid, namespace }),
            _ => None,
        }
    })
}
