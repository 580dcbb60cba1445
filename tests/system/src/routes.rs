use crate::builder::DaemonBuilder;
use crate::declared::compiled_for_each_width;
use crate::process::Process;
use crate::programs::{copy_program, sources_dir};
use crate::users::as_member;
use crate::wait::wait_until;
use msgq_core::queue::{Queue, QueueKey};
use nix::sys::signal::Signal;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// With the modules of Debian's packages, whatever else is first in PATH.
const PYTHON: &str = "/usr/bin/python3";

/// Clients at once, and how often msgqd is killed beneath them.
const CLIENTS: usize = 20;
const KILLS: usize = 3;
/// More than a test has time for.
const WITHOUT_END: usize = 1_000_000_000;

/// A program of `tests/clients/routes`: clients in C, Perl and Python, and the plain server that they were written for.
///
/// An option is what their sources call OPTION: the key of the second queue, a mode, a name; "" for none.
#[derive(Debug, Clone)]
pub struct RouteProgram {
    /// For 64 bits, and for 32 where such programs can be made and run.
    compiled: Vec<PathBuf>,
    /// With their interpreters.
    scripts: Vec<(&'static str, PathBuf)>,
    /// Who runs them, as user and group; `None`: whoever runs the test.
    user: Option<(u32, u32)>,
    /// Where copies are that this user can read.
    _directory: Option<Arc<TempDir>>,
}

impl RouteProgram {
    /// Compiles `source` with these flags.
    #[must_use]
    pub fn compile(source: &str, flags: &[&str]) -> Self {
        let script = |extension| sources_dir().join("routes").join(source).with_extension(extension);
        let scripts = vec![("perl", script("pl")), (PYTHON, script("py"))];
        Self { compiled: compiled_for_each_width("routes", source, flags), scripts, user: None, _directory: None }
    }

    /// Its programs run as this user in this group, without capabilities; needs root.
    #[must_use]
    pub fn run_by(self, user: u32, group: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let copy = |from: &Path| {
            let to = directory.path().join(from.file_name().unwrap());
            copy_program(from, &to);
            to
        };
        let compiled = self.compiled.iter().map(|program| copy(program)).collect();
        let scripts = self.scripts.iter().map(|(interpreter, script)| (*interpreter, copy(script))).collect();
        Self { compiled, scripts, user: Some((user, group)), _directory: Some(Arc::new(directory)) }
    }

    /// How many kinds of clients there are.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.widths() + self.scripts.len()
    }

    /// How many kinds of plain servers there are: one for each width that this machine has.
    #[must_use]
    pub fn widths(&self) -> usize {
        self.compiled.len()
    }

    /// With clients of width number `width` alone, and those in other languages: the plain server for 64 bits understands no
    /// struct of 32.
    #[must_use]
    pub fn only_width(&self, width: usize) -> Self {
        Self { compiled: vec![self.compiled[width].clone()], ..self.clone() }
    }

    /// The plain server, which says "serving" on standard output.
    #[must_use]
    pub fn server(&self, key: QueueKey, option: &str) -> Command {
        with_arguments(self.command(&self.compiled[0]), key, "serve", option)
    }

    /// Client number `number`, in one language after the other, which sends `count` requests and checks the answers.
    #[must_use]
    pub fn client(&self, number: usize, key: QueueKey, count: usize, option: &str) -> Command {
        let kind = number % self.kinds();
        let command = match kind.checked_sub(self.widths()) {
            None => self.command(&self.compiled[kind]),
            Some(script) => {
                let (interpreter, script) = &self.scripts[script];
                let mut command = self.command(Path::new(interpreter));
                command.arg(script);
                command
            }
        };
        with_arguments(command, key, &count.to_string(), option)
    }

    fn command(&self, program: &Path) -> Command {
        self.user.map_or_else(|| Command::new(program), |(user, group)| as_member(user, group, program))
    }

    /// Starts client number `number`.
    #[must_use]
    #[track_caller]
    pub fn start_client(&self, number: usize, key: QueueKey, count: usize, option: &str) -> RouteClient {
        RouteClient { process: Some(Process::start(&mut self.client(number, key, count, option))) }
    }

    /// Starts so many clients, in one language after the other.
    #[must_use]
    #[track_caller]
    pub fn start_clients(&self, clients: usize, key: QueueKey, count: usize, option: &str) -> RouteClients {
        let all = (0..clients).map(|number| self.start_client(number, key, count, option)).collect();
        RouteClients { all, count }
    }

    /// So many clients at once send `count` requests each to whoever serves that key, and get the right answers.
    #[track_caller]
    pub fn all_are_answered(&self, clients: usize, key: QueueKey, count: usize, option: &str) {
        self.start_clients(clients, key, count, option).all_are_answered();
    }

    /// 20 clients at once, of all kinds, get the right answers from msgqd with these settings, beside clients that are killed and
    /// leave what they made, and msgqd is killed in between.
    #[track_caller]
    pub fn is_served_by_msgqd(&self, builder: &DaemonBuilder, count: usize, option: &str) {
        let mut daemon = builder.start();
        let queue = daemon.queue();
        let clients = self.start_clients(CLIENTS, daemon.key(), count, option);
        let mut victims = self.start_clients(2 * KILLS, daemon.key(), WITHOUT_END, option).all;
        let mut left = Vec::new();
        for _ in 0..KILLS {
            wait_until("what has piled up is taken", || queue.stat().unwrap().messages < CLIENTS as u64 / 2);
            left.extend(victims.pop().and_then(RouteClient::kill));
            let killed = daemon.crash();
            left.extend(victims.pop().and_then(RouteClient::kill));
            daemon = killed.start();
        }
        clients.all_are_answered();
        daemon.stop();
        for msqid in left {
            let _ = Queue::from_msqid(msqid).remove();
        }
    }
}

fn with_arguments(mut command: Command, key: QueueKey, argument: &str, option: &str) -> Command {
    command.args([&key.to_string(), argument]);
    if !option.is_empty() {
        command.arg(option);
    }
    command
}

/// Clients at work.
#[derive(Debug)]
pub struct RouteClients {
    all: Vec<RouteClient>,
    count: usize,
}

impl RouteClients {
    /// Waits for their end; the test fails unless each got all its answers, and they were right.
    #[track_caller]
    pub fn all_are_answered(self) {
        for client in self.all {
            client.says(&format!("ok {}\n", self.count));
        }
    }

    /// Lets none of them run for so long: what is sent to them rests.
    #[track_caller]
    pub fn stand_still(&mut self, pause: Duration) {
        self.all.iter_mut().for_each(|client| client.signal(Signal::SIGSTOP));
        std::thread::sleep(pause);
        self.all.iter_mut().for_each(|client| client.signal(Signal::SIGCONT));
    }
}

/// A client at work. Dropped, it is killed, and the queue that it made for itself is removed.
#[derive(Debug)]
pub struct RouteClient {
    /// Until it is dropped.
    process: Option<Process>,
}

impl RouteClient {
    /// Waits for its end; the test fails unless it ends well with these words.
    #[track_caller]
    pub fn says(mut self, words: &str) {
        let finished = self.process.take().unwrap().finish();
        remove_queue_named_in(&finished.stderr);
        assert_eq!((finished.status.code(), finished.stdout.as_str()), (Some(0), words), "{finished:?}");
    }

    /// The msqid of the queue that it has made for itself, once it has.
    #[must_use]
    pub fn private_queue(&self) -> Option<i32> {
        private_queue_named_in(&self.stderr())
    }

    /// Kills it, and leaves what it made. The msqid of the queue that it had made for itself.
    #[track_caller]
    pub fn kill(mut self) -> Option<i32> {
        private_queue_named_in(&killed(self.process.take()?))
    }
}

impl Deref for RouteClient {
    type Target = Process;

    fn deref(&self) -> &Process {
        self.process.as_ref().expect("a client has its process until it is dropped")
    }
}

impl DerefMut for RouteClient {
    fn deref_mut(&mut self) -> &mut Process {
        self.process.as_mut().expect("a client has its process until it is dropped")
    }
}

impl Drop for RouteClient {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            remove_queue_named_in(&killed(process));
        }
    }
}

/// Kills it and returns its standard error.
fn killed(mut process: Process) -> String {
    process.signal(Signal::SIGKILL);
    process.finish().stderr
}

fn private_queue_named_in(stderr: &str) -> Option<i32> {
    stderr.lines().find_map(|line| line.strip_prefix("queue ")?.parse().ok())
}

fn remove_queue_named_in(stderr: &str) {
    if let Some(msqid) = private_queue_named_in(stderr) {
        // Gone already where the client came to its end.
        let _ = Queue::from_msqid(msqid).remove();
    }
}
