//! Asks the server that runs for a reload, and waits for its word: it counts reloads in its table, beside the reason of a
//! refusal.

use super::start_error::StartError;
use msgq_core::config::{Config, KeySetting};
use msgq_core::instance::table_path;
use msgq_core::process::{ClientHandle, ClientNumber, may_be_process_of};
use msgq_core::queue::{Queue, QueueKey};
use msgq_core::serving::{ServerDirectory, directory_of_living_server, is_of_queue, server_directories};
use msgq_core::table::{About, Table, TableHeader};
use msgq_core::trusted_file::{TrustedUsers, check_directory};
use rustix::process::{Signal, pidfd_send_signal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Has the server of this configuration's queue read it again. Returns once it is in effect.
///
/// # Errors
/// No server runs, it may not be asked, or it refused; then with its own sentence.
pub fn request_reload(config: &Config) -> Result<(), StartError> {
    let key = config.queue.key.resolve().map_err(|error| StartError(error.to_string()))?;
    let server = match RunningServer::find(key) {
        Ok(server) => server,
        Err(reason) => {
            let reason = format!("{reason}{}", other_key_hint(config));
            return hang_up_main_process(&reason).map_err(StartError);
        }
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

/// The server goes on under the key that it began with.
fn other_key_hint(config: &Config) -> String {
    let KeySetting::Path { path, .. } = &config.queue.key else { return String::new() };
    format!(
        "; should {} have been made anew since the server started, name the key that it serves, which its log has: msgqd --key KEY \
         --reload",
        path.display()
    )
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
    users: TrustedUsers,
    pid: ClientNumber,
    handle: ClientHandle,
}

impl RunningServer {
    /// In the usual places, in /run, and where a living process of the queue's owner has the lock open.
    fn find(key: QueueKey) -> Result<Self, String> {
        let own = nix::unistd::geteuid().as_raw();
        let owner_uid = Queue::open(key).and_then(|queue| queue.stat()).map_or(own, |stat| stat.uid);
        let mut looked = Vec::new();
        let living = std::iter::once_with(|| directory_of_living_server(key, owner_uid)).flatten();
        for directory in server_directories(key, owner_uid).into_iter().chain(living) {
            match Self::in_directory(key, &directory) {
                Ok(server) => return Ok(server),
                Err(reason) => looked.push(format!("{}: {reason}", table_path(&directory.path, key).display())),
            }
        }
        Err(format!(
            "no server says that it serves queue {key}: {}; nor has a process of the queue's owner its lock open, as far as can \
             be seen from here; if one runs, name its directory with RUNTIME_DIRECTORY=..., or send it the signal: kill -HUP \
             PID",
            looked.join("; ")
        ))
    }

    /// Whoever can write the table names a process of his own in it, and nobody else's is sent a signal.
    fn in_directory(key: QueueKey, directory: &ServerDirectory) -> Result<Self, String> {
        let ServerDirectory { path, users } = directory;
        check_directory(path, *users).map_err(|error| error.to_string())?;
        let path = table_path(path, key);
        let (table, owner_uid) = Table::read_with_owner(&path, *users).map_err(|error| error.to_string())?;
        let about = table.header().about();
        let About { owner, owner_identity, .. } = about;
        if !is_of_queue(&about, key) {
            return Err("it is that of another queue".to_owned());
        }
        if !may_be_process_of(owner, owner_uid) {
            return Err(format!("it belongs to uid {owner_uid} and names another user's process (PID {owner})"));
        }
        let ended = || format!("its server (PID {owner}) does not run");
        let pid = ClientNumber::new(owner).ok_or_else(ended)?;
        let handle = ClientHandle::open(pid).map_err(|error| error.to_string())?.ok_or_else(ended)?;
        if owner_identity != 0 && handle.identity().is_some_and(|identity| identity != owner_identity) {
            return Err(ended());
        }
        Ok(Self { table: path, users: *users, pid, handle })
    }

    fn header_of_now<T>(&self, look: impl Fn(&TableHeader) -> T) -> Result<T, String> {
        let table = Table::read(&self.table, self.users);
        table.map(|table| look(table.header())).map_err(|error| {
            format!("the table {} of the server (PID {}) cannot be read: {error}", self.table.display(), self.pid)
        })
    }

    fn hang_up(&self) -> Result<(), String> {
        let sent = match (self.handle.pidfd(), self.pid.pid().and_then(rustix::process::Pid::from_raw)) {
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
