use crate::daemon::Daemon;
use crate::process::{Finished, Process};
use crate::programs::{copy_program, msgqd};
use crate::scratch::ScratchKey;
use crate::users::as_user;
use msgq_core::queue::QueueKey;
use nix::unistd::Uid;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// What a test says about a daemon before it starts it.
#[derive(Debug, Clone)]
pub struct DaemonBuilder {
    key: Arc<ScratchKey>,
    directory: Arc<TempDir>,
    runtime_directory: Arc<TempDir>,
    program: PathBuf,
    settings: BTreeMap<&'static str, String>,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    user: Option<u32>,
    key_argument: bool,
}

impl DaemonBuilder {
    /// A daemon with an unused key, a runtime directory of its own and the built-in settings.
    #[must_use]
    pub fn new() -> Self {
        Self {
            key: Arc::new(ScratchKey::new()),
            directory: Arc::new(tempfile::tempdir().unwrap()),
            runtime_directory: Arc::new(tempfile::tempdir_in("/dev/shm").unwrap()),
            program: msgqd(),
            settings: BTreeMap::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            user: None,
            key_argument: true,
        }
    }

    /// One with the same settings, and a key and directories of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        let Self { key, directory, runtime_directory, .. } = Self::new();
        Self { key, directory, runtime_directory, ..self.clone() }
    }

    /// Adds a line to a table of its configuration file, as in `.set("queue", "mode = \"0600\"")`.
    #[must_use]
    pub fn set(mut self, table: &'static str, line: &str) -> Self {
        self.settings.entry(table).or_default().extend([line, "\n"]);
        self
    }

    /// Sets the number of worker threads.
    #[must_use]
    pub fn workers(self, count: usize) -> Self {
        self.set("service", &format!("workers = {count}"))
    }

    /// Sets how long it waits at its end for clients to fetch their answers.
    #[must_use]
    pub fn drain_timeout_ms(self, limit: usize) -> Self {
        self.set("service", &format!("drain_timeout_ms = {limit}"))
    }

    /// Runs this program instead of the daemon as it is shipped.
    #[must_use]
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Removes a variable that [`DaemonBuilder::env`] set.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs it as this user and group, without capabilities; needs root.
    #[must_use]
    pub fn user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// Runs it as the user that runs the test.
    #[must_use]
    pub fn root(mut self) -> Self {
        self.user = None;
        self
    }

    /// Leaves the choice of the key to the configuration.
    #[must_use]
    pub fn without_key_argument(mut self) -> Self {
        self.key_argument = false;
        self
    }

    /// The key it will serve.
    #[must_use]
    pub fn key(&self) -> QueueKey {
        self.key.key()
    }

    /// Its runtime directory, in memory.
    #[must_use]
    pub fn runtime_directory(&self) -> &Path {
        self.runtime_directory.path()
    }

    /// A directory for its configuration and other files of the test.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The command line, for tests that start it in their own way.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = match self.user {
            Some(id) => {
                for directory in [self.directory(), self.runtime_directory()] {
                    nix::unistd::chown(directory, Some(Uid::from_raw(id)), None).unwrap();
                }
                as_user(id, &self.copy_for_everyone(&self.program))
            }
            None => Command::new(&self.program),
        };
        for name in ["NOTIFY_SOCKET", "JOURNAL_STREAM", "WATCHDOG_USEC", "WATCHDOG_PID", "RUST_LOG", "INVOCATION_ID"] {
            command.env_remove(name);
        }
        command.env("RUNTIME_DIRECTORY", self.runtime_directory());
        if self.key_argument {
            command.args(["--key", &self.key().to_string()]);
        }
        if !self.settings.is_empty() {
            command.arg("--config").arg(self.write_config());
        }
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Writes the configuration file and returns its path.
    #[must_use]
    pub fn write_config(&self) -> PathBuf {
        let tables = self.settings.iter().map(|(table, lines)| format!("[{table}]\n{lines}"));
        let path = self.directory().join("test.toml");
        std::fs::write(&path, tables.collect::<Vec<_>>().join("\n")).unwrap();
        path
    }

    /// A copy of `program` that every user can execute, wherever this repository lies.
    #[must_use]
    pub fn copy_for_everyone(&self, program: &Path) -> PathBuf {
        std::fs::set_permissions(self.directory(), PermissionsExt::from_mode(0o755)).unwrap();
        let copy = self.directory().join(program.file_name().unwrap());
        if !copy.exists() {
            copy_program(program, &copy);
        }
        copy
    }

    /// Starts it and does not wait.
    #[must_use]
    #[track_caller]
    pub fn spawn(&self) -> Daemon {
        Daemon::new(Process::start(&mut self.command()), self.clone())
    }

    /// Starts it and waits until it serves.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Daemon {
        let mut daemon = self.spawn();
        daemon.wait_for_log("serving queue");
        daemon
    }

    /// Starts it where it is expected to end by itself, and waits for that.
    #[must_use]
    #[track_caller]
    pub fn run(&self) -> Finished {
        Process::run(&mut self.command())
    }
}

impl Default for DaemonBuilder {
    fn default() -> Self {
        Self::new()
    }
}
