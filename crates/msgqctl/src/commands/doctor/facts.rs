//! What several checks need to know, gathered once.

use super::command::shell_word;
use super::configuration::{Configuration, read};
use super::unit::Unit;
use crate::commands::doctor::report::CheckOutcome;
use crate::daemon::DaemonFiles;
use crate::daemon::ServerPhase;
use crate::procfs;
use crate::sysvipc::{self, Row};
use crate::target::QueueOptions;
use msgq_core::escape::escape;
use msgq_core::instance::{LockState, candidate_directories, ipc_namespace, lock_state};
use msgq_core::process::{ClientHandle, ClientPid};
use msgq_core::queue::{Queue, QueueError, QueueKey, QueueStat};
use msgq_core::table::{Table, TableError};
use msgq_core::time::unix_time_s;
use std::path::PathBuf;

/// What is there.
pub(super) struct Facts {
    /// `None` where only a configuration that cannot be used would tell it.
    pub(super) key: Option<QueueKey>,
    pub(super) configuration: Configuration,
    /// The queue as everybody may see it; `None` when there is none.
    pub(super) queue: Option<Row>,
    /// The queue as its users may see it.
    pub(super) stat: Option<Result<QueueStat, QueueError>>,
    pub(super) found: Option<DaemonFiles>,
    pub(super) table: Option<Result<Table, TableError>>,
    /// A msgqd on the same key in another IPC namespace.
    pub(super) elsewhere: Option<Elsewhere>,
    pub(super) unit: Unit,
    pub(super) now_s: i64,
}

/// A living msgqd of another IPC namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) pid: i32,
    /// Inode of its IPC namespace.
    pub(super) namespace: u64,
}

/// What can be said about the process that the lock file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identification {
    /// It is the daemon, as its identity shows.
    Same(i32),
    /// The daemon lives, and this number is not its own here.
    Other(i32),
    /// Nothing that this user may see proves or contradicts it.
    Unproven(i32),
    /// No daemon holds a lock that can be seen here.
    NoDaemon,
}

impl Facts {
    pub(super) fn gather(arguments: &QueueOptions) -> Self {
        let (key, configuration) = read(arguments);
        let stat = key.and_then(|key| Queue::open(key).ok()).map(|queue| queue.stat());
        let queue = match (&stat, key) {
            (Some(Ok(stat)), Some(key)) => Some(row(key, stat)),
            (Some(Err(error)), Some(key)) if !error.is_gone() => sysvipc::find(key),
            _ => None,
        };
        let owner_uid = queue.map_or_else(|| nix::unistd::geteuid().as_raw(), |queue| queue.uid);
        let found = key.and_then(|key| DaemonFiles::find(key, owner_uid));
        let table = found.as_ref().and_then(|found| match Table::read(&found.table_path) {
            Err(TableError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => None,
            read => Some(read),
        });
        let elsewhere = key.and_then(|key| elsewhere(key, owner_uid));
        let mut facts = Self {
            key,
            configuration,
            queue,
            stat,
            found,
            table,
            elsewhere,
            unit: Unit::none(""),
            now_s: i64::try_from(unix_time_s()).unwrap_or(i64::MAX),
        };
        facts.unit = Unit::of(&facts);
        facts
    }

    /// The key in words, for sentences.
    pub(super) fn key_name(&self) -> String {
        self.key.map_or_else(|| "with an unknown key".to_owned(), |key| key.to_string())
    }

    /// What the lock file says; free where there is none.
    pub(super) fn lock(&self) -> LockState {
        self.found.as_ref().map_or(LockState::Free, |found| found.lock)
    }

    /// The table, where it can be read.
    pub(super) fn good_table(&self) -> Option<&Table> {
        self.table.as_ref()?.as_ref().ok()
    }

    pub(super) fn phase(&self) -> Option<ServerPhase> {
        Some(ServerPhase::read(self.good_table()?, self.found.as_ref()?.lock))
    }

    /// Whether the process with the daemon's number is the daemon, as seen from here.
    pub(super) fn identification(&self) -> Identification {
        let LockState::Held(pid) = self.lock() else { return Identification::NoDaemon };
        let written = self.good_table().map(|table| table.header().about()).filter(|about| about.owner == pid);
        let now = match ClientPid::new(pid).map(ClientHandle::open) {
            Some(Ok(None)) => return Identification::Other(pid),
            Some(Ok(Some(handle))) => handle.identity(),
            _ => None,
        };
        match (now, written.map_or(0, |about| about.owner_identity)) {
            (Some(now), written) if now == written => Identification::Same(pid),
            (_, 0) | (None, _) => self.by_its_files(pid),
            (Some(_), _) => Identification::Other(pid),
        }
    }

    /// Without an identity: whoever holds the lock has its file open, which root can see.
    fn by_its_files(&self, pid: i32) -> Identification {
        let Some(lock) = self.found.as_ref().map(|found| found.lock_path.as_path()) else {
            return Identification::Unproven(pid);
        };
        match procfs::has_open(pid, lock) {
            Ok(true) => Identification::Same(pid),
            Ok(false) => Identification::Other(pid),
            Err(_) => Identification::Unproven(pid),
        }
    }

    /// The daemon's PID here, unless another process has it.
    pub(super) fn daemon_pid(&self) -> Option<i32> {
        match self.identification() {
            Identification::Same(pid) | Identification::Unproven(pid) => Some(pid),
            Identification::Other(_) | Identification::NoDaemon => None,
        }
    }

    /// How a check of the daemon ends when no daemon can be seen.
    pub(super) fn without_daemon(&self) -> CheckOutcome {
        match self.lock() {
            LockState::Hidden => CheckOutcome::not_checked("this user may not see whether a daemon runs; root may"),
            _ => CheckOutcome::not_applicable("no daemon can be seen from here"),
        }
    }

    /// The command that starts the daemon.
    pub(super) fn start_command(&self) -> String {
        if let Some(name) = self.unit.installed_name() {
            return format!("systemctl start {name}");
        }
        let configuration = self.configuration.path().map(|path| format!(" --config {}", shell_word(path)));
        format!("msgqd --key {}{}", self.key_name(), configuration.unwrap_or_default())
    }

    /// The command that has the daemon start anew, or start at all.
    pub(super) fn restart_command(&self) -> String {
        match (self.unit.installed_name(), self.daemon_pid()) {
            (Some(name), _) => format!("systemctl restart {name}"),
            (None, Some(pid)) => {
                format!("kill {pid} && tail --pid={pid} --follow /dev/null; {}", self.start_command())
            }
            (None, None) => self.start_command(),
        }
    }
}

fn row(key: QueueKey, stat: &QueueStat) -> Row {
    Row {
        key: key.raw(),
        msqid: stat.msqid,
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        last_receive_pid: stat.last_receive_pid,
        last_send_time: stat.last_send_time,
        last_receive_time: stat.last_receive_time,
        last_change_time: stat.last_change_time,
    }
}

/// The names of lock files hold the namespace, and the locks themselves are seen from every namespace.
fn elsewhere(key: QueueKey, owner_uid: u32) -> Option<Elsewhere> {
    let prefix = format!("queue-{key}-ipc");
    let own = ipc_namespace();
    let mut files: Vec<PathBuf> = Vec::new();
    for directory in candidate_directories(owner_uid) {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()));
    }
    files.iter().find_map(|path| {
        let name = path.file_name()?.to_str()?;
        let namespace: u64 = name.strip_prefix(&prefix)?.strip_suffix(".lock")?.parse().ok()?;
        match lock_state(path) {
            LockState::Held(pid) if namespace != own => Some(Elsewhere { pid, namespace }),
            _ => None,
        }
    })
}

/// A path in a sentence.
pub(super) fn shown(path: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    escape(path.as_os_str().as_bytes())
}
