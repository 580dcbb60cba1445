//! Asks the server that runs for a reload, and waits for its word: it counts reloads in its table, beside the reason of a
//! refusal.

use super::start_error::StartError;
use msgq_core::config::Config;
use msgq_core::instance::{directories_to_use, ipc_namespace, table_path};
use msgq_core::process::{ClientHandle, ClientPid};
use msgq_core::queue::QueueKey;
use msgq_core::table::{About, Table, TableHeader};
use rustix::process::{Signal, pidfd_send_signal};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Has the server of this configuration's queue read it again. Returns once it is in effect.
///
/// # Errors
/// No server runs, it may not be asked, or it refused; then with its own sentence.
pub fn request_reload(config: &Config) -> Result<(), StartError> {
    let key = config.queue.key.resolve().map_err(|error| StartError(error.to_string()))?;
    let server = match RunningServer::find(key) {
        Ok(server) => server,
        Err(reason) => return hang_up_main_process(&reason).map_err(StartError),
    };
    let before = server.header_of_now(TableHeader::reloads_begun).map_err(StartError)?;
    server.hang_up().map_err(StartError)?;
    let deadline = Instant::now() + LIMIT;
    loop {
        let (done, refusal) = server.header_of_now(TableHeader::reloads_done).map_err(StartError)?;
        if done > before {
            return if refusal.is_empty() { Ok(()) } else { Err(StartError(refused(&refusal))) };
        }
        if server.is_gone() {
            return Err(StartError(format!("the server (PID {}) ended before it had reloaded", server.pid)));
        }
        if Instant::now() >= deadline {
            return Err(StartError(server.silent()));
        }
        std::thread::sleep(PAUSE);
    }
}

/// A server without a memory file system keeps no table. The service manager knows its PID, and its log tells the rest.
fn hang_up_main_process(reason: &str) -> Result<(), String> {
    let main = std::env::var("MAINPID").ok().and_then(|text| rustix::process::Pid::from_raw(text.parse().ok()?));
    let main = main.ok_or_else(|| reason.to_owned())?;
    rustix::process::kill_process(main, Signal::HUP).map_err(|errno| format!("{reason}; PID {main}: {errno}"))?;
    log::warn!("{reason}; PID {main} was sent SIGHUP, and what becomes of it is in its log");
    Ok(())
}

fn refused(reason: &str) -> String {
    format!("the server refused the reload, and nothing was changed: {reason}")
}

/// The server that keeps a table for a queue.
struct RunningServer {
    table: PathBuf,
    pid: ClientPid,
    handle: ClientHandle,
}

impl RunningServer {
    fn find(key: QueueKey) -> Result<Self, String> {
        let tables = directories_to_use().into_iter().map(|directory| table_path(&directory, key));
        let mut looked = Vec::new();
        for path in tables {
            match Self::of_table(key, &path) {
                Ok(server) => return Ok(server),
                Err(reason) => looked.push(format!("{}: {reason}", path.display())),
            }
        }
        Err(format!("no server says that it serves queue {key}: {}", looked.join("; ")))
    }

    fn of_table(key: QueueKey, path: &Path) -> Result<Self, String> {
        let table = Table::read(path).map_err(|error| error.to_string())?;
        let About { key: of_key, ipc_namespace: of_namespace, owner, owner_identity, .. } = table.header().about();
        if of_key != key.raw() || of_namespace != ipc_namespace() {
            return Err("it is that of another queue".to_owned());
        }
        let ended = || format!("its server (PID {owner}) does not run");
        let pid = ClientPid::new(owner).ok_or_else(ended)?;
        let handle = ClientHandle::open(pid).map_err(|error| error.to_string())?.ok_or_else(ended)?;
        if owner_identity != 0 && handle.identity().is_some_and(|identity| identity != owner_identity) {
            return Err(ended());
        }
        Ok(Self { table: path.to_owned(), pid, handle })
    }

    fn header_of_now<T>(&self, look: impl Fn(&TableHeader) -> T) -> Result<T, String> {
        let table = Table::read(&self.table);
        table.map(|table| look(table.header())).map_err(|error| {
            format!("the table {} of the server (PID {}) cannot be read: {error}", self.table.display(), self.pid)
        })
    }

    fn hang_up(&self) -> Result<(), String> {
        let sent = match (self.handle.pidfd(), rustix::process::Pid::from_raw(self.pid.get())) {
            (Some(pidfd), _) => pidfd_send_signal(pidfd, Signal::HUP),
            (None, Some(pid)) => rustix::process::kill_process(pid, Signal::HUP),
            (None, None) => Err(rustix::io::Errno::SRCH),
        };
        sent.map_err(|errno| {
            format!(
                "the server (PID {}) cannot be asked to reload: {errno}; only root and the user that runs it may ask",
                self.pid
            )
        })
    }

    fn is_gone(&self) -> bool {
        self.handle.is_dead().unwrap_or(false)
    }

    fn silent(&self) -> String {
        format!(
            "the server (PID {}) has not said within {} s whether it reloads; msgqctl stat tells how it does",
            self.pid,
            LIMIT.as_secs()
        )
    }
}

/// A reload waits for an earlier one to come to its end, and for workers to see it.
const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
