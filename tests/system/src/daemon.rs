use crate::process::{Finished, Process};
use crate::programs::{msgqd, test_client};
use crate::scratch::ScratchKey;
use crate::users::as_user;
use crate::wait::{LIMIT, eventually, wait_until};
use msgq_core::queue::{Queue, QueueKey};
use nix::sys::signal::Signal;
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
            settings: BTreeMap::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            user: None,
            key_argument: true,
        }
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

    /// Its runtime directory, which also holds its configuration file.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The command line, for tests that start it in their own way.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = match self.user {
            Some(id) => {
                nix::unistd::chown(self.directory(), Some(Uid::from_raw(id)), None).unwrap();
                as_user(id, &self.copy_for_everyone(&msgqd()))
            }
            None => Command::new(msgqd()),
        };
        for name in ["NOTIFY_SOCKET", "JOURNAL_STREAM", "WATCHDOG_USEC", "WATCHDOG_PID", "RUST_LOG", "INVOCATION_ID"] {
            command.env_remove(name);
        }
        command.env("RUNTIME_DIRECTORY", self.directory());
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
            std::fs::copy(program, &copy).unwrap();
        }
        copy
    }

    /// Starts it and does not wait.
    #[must_use]
    #[track_caller]
    pub fn spawn(&self) -> Daemon {
        Daemon { process: Process::start(&mut self.command()), builder: self.clone() }
    }

    /// Starts it and waits until it serves.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Daemon {
        let mut daemon = self.spawn();
        daemon.process.wait_for_stderr("serving queue");
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

/// A running msgqd; killed when dropped, and its queue removed with the last user of its key.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    builder: DaemonBuilder,
}

impl Daemon {
    /// A daemon with the built-in settings that serves.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        DaemonBuilder::new().start()
    }

    /// Its process.
    #[must_use]
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// How it was started, to start another one in the same place.
    #[must_use]
    pub fn builder(&self) -> &DaemonBuilder {
        &self.builder
    }

    /// The key it serves.
    #[must_use]
    pub fn key(&self) -> QueueKey {
        self.builder.key()
    }

    /// The queue it serves.
    #[must_use]
    #[track_caller]
    pub fn queue(&self) -> Queue {
        Queue::open(self.key()).unwrap()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    /// Waits until it has logged `text`.
    #[track_caller]
    pub fn wait_for_log(&mut self, text: &str) {
        self.process.wait_for_stderr(text);
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Stops it as by SIGSTOP and waits until every thread of it stands still.
    #[track_caller]
    pub fn freeze(&mut self) {
        self.signal(Signal::SIGSTOP);
        let pid = self.pid();
        wait_until("the daemon is stopped", || all_threads_are_stopped(pid));
    }

    /// Lets it go on after [`Daemon::freeze`].
    #[track_caller]
    pub fn thaw(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    /// Kills it as a crash would: the queue stays.
    #[track_caller]
    pub fn crash(mut self) -> DaemonBuilder {
        self.signal(Signal::SIGKILL);
        wait_until("the killed daemon is gone", || !self.process.is_running());
        self.builder.clone()
    }

    /// Waits for its end.
    #[must_use]
    #[track_caller]
    pub fn finish(self) -> Finished {
        self.process.finish()
    }

    /// Sends SIGTERM; the test fails unless it ends with status 0 and its queue is gone.
    #[track_caller]
    pub fn stop(mut self) -> Finished {
        self.signal(Signal::SIGTERM);
        let key = self.key();
        // The builder must outlive the check, or its end removes the queue that may be left.
        let _builder = self.builder.clone();
        let finished = self.finish().succeeded();
        assert!(Queue::open(key).is_err(), "the queue outlived the daemon: {finished:?}");
        finished
    }
}

fn all_threads_are_stopped(pid: i32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.flatten().all(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('T'))
    })
}

/// The plain C server that msgqd is compared with; killed when dropped.
#[derive(Debug)]
pub struct PlainServer {
    process: Process,
    key: ScratchKey,
}

impl PlainServer {
    /// Starts it on an unused key and waits until it serves.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let key = ScratchKey::new();
        let mut process = Process::start(Command::new(test_client("server")).arg(key.key().to_string()));
        process.wait_for_stdout("serving");
        assert!(eventually(LIMIT, || Queue::open(key.key()).is_ok()));
        Self { process, key }
    }

    /// The key it serves.
    #[must_use]
    pub fn key(&self) -> QueueKey {
        self.key.key()
    }

    /// Its process.
    #[must_use]
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
