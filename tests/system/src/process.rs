use crate::wait::{LIMIT, eventually, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A started program whose output is collected while it runs; killed by its PID when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: Collector,
    stderr: Collector,
}

/// How a program ended and what it said.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Exit status or signal.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Finished {
    /// The exit code; the test fails when a signal ended the program.
    #[must_use]
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by signal {:?}: {self:?}", self.status.signal()))
    }

    /// The test fails unless the program ended with status 0.
    #[must_use]
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self:?}");
        self
    }
}

impl Process {
    /// Starts `command` with nothing on its standard input.
    #[must_use]
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = Collector::start(child.stdout.take());
        let stderr = Collector::start(child.stderr.take());
        Self { child, stdout, stderr }
    }

    /// Starts `command` with `input` as its standard input, and nobody hears what it says.
    #[must_use]
    #[track_caller]
    pub fn start_with_input(command: &mut Command, input: std::os::fd::OwnedFd) -> Self {
        let spawned = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            child,
            stdout: Collector::start(None::<std::io::Empty>),
            stderr: Collector::start(None::<std::io::Empty>),
        }
    }

    /// Starts `command`, waits for its end and collects what it said.
    #[must_use]
    #[track_caller]
    pub fn run(command: &mut Command) -> Finished {
        Self::start(command).finish()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// What it has written to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Sends a signal; a process that has ended already ignores it.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            kill(Pid::from_raw(self.pid()), signal).unwrap();
        }
    }

    /// Stops it as by SIGSTOP and waits until every thread of it stands still.
    #[track_caller]
    pub fn freeze(&mut self) {
        self.signal(Signal::SIGSTOP);
        let pid = self.pid();
        wait_until("the process is stopped", || all_threads_are_stopped(pid));
    }

    /// Lets it go on after [`Process::freeze`].
    #[track_caller]
    pub fn thaw(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    /// True until its end was noticed.
    #[track_caller]
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until its standard output contains `text`; fails the test when it ends without having said it.
    #[track_caller]
    pub fn wait_for_stdout(&mut self, text: &str) {
        let said = eventually(LIMIT, || self.stdout().contains(text) || !self.is_running());
        let heard = said && eventually(LIMIT, || self.stdout.text().contains(text) || self.stdout.is_complete());
        assert!(heard && self.stdout().contains(text), "it never said {text:?}: {self:?}");
    }

    /// Waits until its standard error contains `text`; fails the test when it ends without having said it.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, text: &str) {
        let said = eventually(LIMIT, || self.stderr().contains(text) || !self.is_running());
        let heard = said && eventually(LIMIT, || self.stderr.text().contains(text) || self.stderr.is_complete());
        assert!(heard && self.stderr().contains(text), "it never said {text:?}: {self:?}");
    }

    /// Waits for its end; the test fails when it does not end.
    #[must_use]
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let ended = eventually(LIMIT, || !self.is_running());
        assert!(ended, "it does not end: {self:?}");
        wait_until("the output of an ended program is complete", || {
            self.stdout.is_complete() && self.stderr.is_complete()
        });
        Finished { status: self.child.wait().unwrap(), stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn all_threads_are_stopped(pid: i32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.flatten().all(|task| {
        let stat = std::fs::read(task.path().join("stat")).unwrap_or_default();
        let stat = String::from_utf8_lossy(&stat);
        stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('T'))
    })
}

struct Collector {
    text: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), formatter)
    }
}

impl Collector {
    fn start(source: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let thread = source.map(|source| {
            let text = Arc::clone(&text);
            std::thread::spawn(move || collect(source, &text))
        });
        Self { text, thread }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn is_complete(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

fn collect(source: impl Read, text: &Mutex<Vec<u8>>) {
    let mut reader = BufReader::new(source);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        text.lock().unwrap().append(&mut line);
    }
}
