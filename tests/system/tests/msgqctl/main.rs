//! The admin tool as its users see it: output, JSON, exit codes, on queues of msgqd and of other servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod bench;
mod check;
mod client;
mod completion;
mod dead;
mod deadlocked;
mod declared;
mod doctor;
mod explain;
mod foreign;
mod foreign_sequences;
mod inside;
mod layout;
mod list;
mod manners;
mod monitoring;
mod msqid;
mod numbers;
mod one_way;
mod peek;
mod private_queues;
mod prometheus;
mod purge;
mod purge_selective;
mod remove;
mod routes;
mod saving;
mod schema;
mod send;
mod snapshots;
mod stat;
mod surroundings;
mod terminal;
mod trouble;
mod two_queues;
mod verdicts;
mod waiters;
mod watch;
mod within_a_second;

use msgq_core::layout::{BODY_LEN_LP64, REQUEST_MTYPE, Response, decode_request};
use msgq_core::limits::PID_MAX_LIMIT;
use msgq_core::queue::{MessageBuffer, Queue, QueueKey, QueueSettings};
use msgqd_system_tests::{
    ClientCall, Daemon, DaemonBuilder, Finished, PlainServer, Process, STRANGER, ScratchKey, as_user, ipcs_row,
    is_blocked_in, is_root, proc_row, queue_of_dead_msgqd, wait_until, wrapped,
};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const OK: i32 = 0;
const SERVER_ERROR: i32 = 1;
const USAGE: i32 = 2;
const NO_QUEUE: i32 = 3;
const TIMEOUT: i32 = 4;
const PERMISSION: i32 = 5;
const OTHER: i32 = 6;

/// Debian's group `daemon`: neither root's nor the stranger's.
const OTHER_GROUP: u32 = 1;

fn msgqctl(key: QueueKey, arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").args(["--key", &key.to_string()]).args(arguments);
    command
}

/// As [`msgqctl`], beside a daemon with a runtime directory of its own.
fn beside(builder: &DaemonBuilder, arguments: &[&str]) -> Command {
    let mut command = msgqctl(builder.key(), arguments);
    command.env("RUNTIME_DIRECTORY", builder.runtime_directory());
    command
}

/// The daemon's table.
fn table_of(builder: &DaemonBuilder) -> PathBuf {
    let entries = std::fs::read_dir(builder.runtime_directory()).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|it| it == "table")).unwrap()
}

fn stat_json(builder: &DaemonBuilder) -> Value {
    let finished = Process::run(&mut beside(builder, &["--json", "stat"])).succeeded();
    serde_json::from_str(&finished.stdout).unwrap()
}

/// Where a queue is, and the files of its daemon if it has one.
trait Place: Copy {
    fn command(&self, arguments: &[&str]) -> Command;
}

impl Place for QueueKey {
    fn command(&self, arguments: &[&str]) -> Command {
        msgqctl(*self, arguments)
    }
}

impl Place for &DaemonBuilder {
    fn command(&self, arguments: &[&str]) -> Command {
        beside(self, arguments)
    }
}

fn run(place: impl Place, arguments: &[&str]) -> Finished {
    Process::run(&mut place.command(arguments))
}

#[track_caller]
fn json(place: impl Place, arguments: &[&str]) -> Value {
    let finished = run(place, &[&["--json"], arguments].concat()).succeeded();
    let value: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(value["schema_version"], 1, "{value}");
    value
}

#[track_caller]
fn ends_with(code: i32, place: impl Place, arguments: &[&str]) -> Finished {
    let finished = run(place, arguments);
    assert_eq!(finished.code(), code, "{arguments:?}: {finished:?}");
    assert_eq!(code == OK, finished.stderr.is_empty(), "{arguments:?}: {finished:?}");
    finished
}

fn run_with_stdin(key: QueueKey, arguments: &[&str], input: &[u8]) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), input).unwrap();
    msgqctl(key, arguments).stdin(file.reopen().unwrap()).output().unwrap()
}

/// A queue of the test itself, as of another program, without a server.
fn idle_queue() -> (ScratchKey, Queue) {
    let key = ScratchKey::new();
    let queue = Queue::create(key.key(), 0o660).unwrap();
    (key, queue)
}

/// A queue of msgqd's of which only the messages tell: its daemon stands still, and without a table nobody knows for how long.
fn queue_of_still_msgqd() -> (Daemon, Queue) {
    let mut daemon = Daemon::start();
    daemon.freeze();
    std::fs::remove_file(table_of(daemon.builder())).unwrap();
    let queue = daemon.queue();
    (daemon, queue)
}

fn put(queue: &Queue, mtype: i64, count: usize) {
    for _ in 0..count {
        queue.try_send(mtype, Response::new(0, b"x", BODY_LEN_LP64).as_bytes()).unwrap();
    }
}

/// Answers the next request with this status and text.
fn answer_once(queue: Queue, status: i32, text: &'static [u8]) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = MessageBuffer::new();
        queue.receive(REQUEST_MTYPE, &mut buffer).unwrap();
        let request = decode_request(buffer.body()).unwrap();
        let response = Response::new(status, text, request.response_len);
        queue.send(request.claimed_pid.into(), response.as_bytes()).unwrap();
    })
}

/// A process that does nothing; killed and reaped when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        let sleeper = Self(Command::new("sleep").arg("600").spawn().unwrap());
        let comm = format!("/proc/{}/comm", sleeper.pid());
        // The kernel lets the parent go on a moment before it renames the child.
        wait_until("it has its name", || std::fs::read_to_string(&comm).unwrap() == "sleep\n");
        sleeper
    }

    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// Ends it without reaping it.
    fn into_zombie(mut self) -> Self {
        self.0.kill().unwrap();
        let stat = format!("/proc/{}/stat", self.pid());
        wait_until("the process is a zombie", || std::fs::read_to_string(&stat).unwrap().contains(") Z "));
        self
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A number that no process has: the highest that is free of all that Linux can give, whatever `kernel.pid_max` is now.
fn dead_pid() -> i32 {
    (2..PID_MAX_LIMIT).rev().find(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()).unwrap()
}
