use crate::daemon::Daemon;
use crate::process::{Finished, Process};
use crate::programs::{copy_program, msgqd};
use crate::scratch::ScratchKey;
use crate::second_queue::note_second_key;
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
    second_key: Option<Arc<ScratchKey>>,
    second_settings: &'static str,
    directory: Arc<TempDir>,
    runtime_directory: Arc<TempDir>,
    program: PathBuf,
    settings: BTreeMap<&'static str, String>,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    user: Option<u32>,
    key_argument: bool,
    config_argument: bool,
    own_session: bool,
}

impl DaemonBuilder {
    /// A daemon with an unused key, a runtime directory of its own and the built-in settings.
    #[must_use]
    pub fn new() -> Self {
        Self {
            key: Arc::new(ScratchKey::new()),
            second_key: None,
            second_settings: "",
            directory: Arc::new(tempfile::tempdir().unwrap()),
            runtime_directory: Arc::new(tempfile::tempdir_in("/dev/shm").unwrap()),
            program: msgqd(),
            settings: BTreeMap::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            user: None,
            key_argument: true,
            config_argument: true,
            own_session: false,
        }
    }

    /// One with the same settings, and a key and directories of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        let Self { key, directory, runtime_directory, .. } = Self::new();
        let second_key = self.second_key.is_some().then(|| new_second_key(key.key()));
        Self { key, second_key, directory, runtime_directory, ..self.clone() }
    }

    /// Its answers go into a second queue, with an unused key.
    #[must_use]
    pub fn second_queue(self) -> Self {
        self.second_queue_with("")
    }

    /// As [`DaemonBuilder::second_queue`], with more settings of that queue, as in `mode = "0600"`.
    #[must_use]
    pub fn second_queue_with(self, second_settings: &'static str) -> Self {
        let second_key = self.second_key.clone().unwrap_or_else(|| new_second_key(self.key()));
        Self { second_key: Some(second_key), second_settings, ..self }
    }

    /// As it is, and with a second queue.
    #[must_use]
    pub fn with_one_queue_and_with_two(&self) -> [Self; 2] {
        [self.clone(), self.another().second_queue()]
    }

    /// True where its answers go into a second queue.
    #[must_use]
    pub fn has_second_queue(&self) -> bool {
        self.second_key.is_some()
    }

    /// The key of its second queue.
    #[must_use]
    #[track_caller]
    pub fn second_key(&self) -> QueueKey {
        self.second_key.as_ref().unwrap().key()
    }

    /// Adds a line to a table of its configuration file, as in `.set("queue", "mode = \"0600\"")`.
    #[must_use]
    pub fn set(mut self, table: &'static str, line: &str) -> Self {
        self.settings.entry(table).or_default().extend([line, "\n"]);
        self
    }

    /// Forgets what was said about a table of its configuration file.
    #[must_use]
    pub fn without_settings_of(mut self, table: &str) -> Self {
        self.settings.remove(table);
        self
    }

    /// Serves clients whose texts have another length than those of the plain protocol, see
    /// [`crate::test_client_with_texts_of`].
    #[must_use]
    pub fn texts_of(self, text_len: usize) -> Self {
        let text = format!("char text[{text_len}]; }}'");
        self.set("protocol", &format!("request = 'struct {{ long mtype; pid_t pid; {text}"))
            .set("protocol", &format!("response = 'struct {{ long mtype; int status; {text}"))
            .set("protocol", "status = 'status'")
    }

    /// Serves clients in two queues whose requests have their PID as type, see [`crate::test_client_by_type`].
    #[must_use]
    pub fn clients_by_type(self) -> Self {
        self.set("protocol", "request = 'struct { long mtype; char text[256]; }'")
            .set("protocol", "response = 'struct { long mtype; int status; char text[256]; }'")
            .set("protocol", "client = 'mtype'\nrequest_types = 'any'\nresponse_type = 'request'\nstatus = 'status'")
            .second_queue()
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

    /// Whether [`DaemonBuilder::own_session`] was said.
    #[must_use]
    pub fn has_own_session(&self) -> bool {
        self.own_session
    }

    /// The lines that were set for this table.
    #[must_use]
    pub fn settings_of(&self, table: &str) -> &str {
        self.settings.get(table).map_or("", String::as_str)
    }

    /// Runs it in a session of its own, which the scheduler gives a share of its own, as it does with a service.
    #[must_use]
    pub fn own_session(mut self) -> Self {
        self.own_session = true;
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

    /// Names no configuration where the test makes no settings, for a program that is not the daemon.
    #[must_use]
    pub fn without_config_argument(mut self) -> Self {
        self.config_argument = false;
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

    /// With a handler that begins when it is let go, and by itself long after the test has failed; `command` is the shell's. So
    /// what a test looks for while a request is in hand stays so until the test has seen it.
    #[must_use]
    pub fn held_handler(self, command: &str) -> Self {
        let (begun, gate) = (self.begun_handlers(), self.gate_of_handlers());
        let wait = format!("for i in $(seq 4000); do [ -e {} ] && break; sleep 0.05; done", gate.display());
        let script = format!("printf . >>{}; {wait}; {command}", begun.display());
        let command = format!("command = [\"/bin/sh\", \"-c\", {script:?}]\ntimeout_ms = 600000");
        self.set("handler", "kind = \"exec\"").set("handler", &command)
    }

    fn begun_handlers(&self) -> PathBuf {
        self.directory().join("handlers-begun")
    }

    /// How many of the handlers that are held have begun since the first start.
    #[must_use]
    pub fn handlers_begun(&self) -> usize {
        std::fs::read(self.begun_handlers()).map_or(0, |file| file.len())
    }

    fn gate_of_handlers(&self) -> PathBuf {
        self.directory().join("handlers-go")
    }

    /// Lets go who is held, and who comes later; see [`DaemonBuilder::held_handler`].
    pub fn let_handlers_go(&self) {
        std::fs::write(self.gate_of_handlers(), "").unwrap();
    }

    /// Who comes from now on is held again.
    pub fn hold_handlers(&self) {
        std::fs::remove_file(self.gate_of_handlers()).unwrap();
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
            None if self.own_session => {
                let mut command = Command::new("setsid");
                command.arg(&self.program);
                command
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
        if !self.settings.is_empty() || self.second_key.is_some() {
            command.arg("--config").arg(self.write_config());
        } else if self.config_argument {
            // The configuration of the machine has no part in a test.
            command.args(["--config", "/dev/null"]);
        }
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Writes the configuration file and returns its path.
    #[must_use]
    pub fn write_config(&self) -> PathBuf {
        let mut settings = self.settings.clone();
        if let Some(key) = &self.second_key {
            let more = if self.second_settings.is_empty() { "" } else { ", " };
            let reply = format!("reply = {{ key = {}{more}{} }}\n", key.key(), self.second_settings);
            settings.entry("protocol").or_default().push_str(&reply);
        }
        let tables = settings.iter().map(|(table, lines)| format!("[{table}]\n{lines}"));
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

fn new_second_key(key: QueueKey) -> Arc<ScratchKey> {
    let second = ScratchKey::new();
    note_second_key(key, second.key());
    Arc::new(second)
}

impl Default for DaemonBuilder {
    fn default() -> Self {
        Self::new()
    }
}
