//! `list`: every queue of the machine, and what is so with each of them. The programs that use these queues are no msgqd.

mod many;
mod recorded;
mod verdicts;

use super::terminal::Terminal;
use super::*;
use msgqd_system_tests::{compile_program, sources_dir};
use nix::sys::signal::Signal;
use std::ffi::OsStr;

/// A program that uses a queue which it knows by number, and is called as it is told to be.
pub(crate) struct QueueUser {
    directory: TempDir,
}

impl QueueUser {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        compile_program(&sources_dir().join("queue_user.c"), &directory.path().join("user"), &[]).unwrap();
        Self { directory }
    }

    /// Starts it under this name; see `tests/clients/queue_user.c` for the steps.
    #[track_caller]
    pub(crate) fn start(&self, name: impl AsRef<OsStr>, queue: &Queue, steps: &str) -> Process {
        let program = self.directory.path().join(name.as_ref());
        if !program.exists() {
            msgqd_system_tests::copy_program(&self.directory.path().join("user"), &program);
        }
        Process::start(Command::new(program).arg(queue.id().to_string()).args(steps.split(' ')))
    }

    /// Runs it to its end and returns the PID that it had.
    #[track_caller]
    pub(crate) fn run(&self, name: &str, queue: &Queue, steps: &str) -> i32 {
        let process = self.start(name, queue, steps);
        let pid = process.pid();
        let _ = process.finish().succeeded();
        pid
    }
}

/// A queue without a key, removed at the end.
pub(crate) struct PrivateQueue(Queue);

impl PrivateQueue {
    pub(crate) fn new() -> Self {
        Self(Queue::create_private(0o600).unwrap())
    }
}

impl std::ops::Deref for PrivateQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.0
    }
}

impl Drop for PrivateQueue {
    fn drop(&mut self) {
        let _ = self.0.remove();
    }
}

/// `msgqctl list` of the one queue with this number.
fn list_command(queue: &Queue, arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").args(["--msqid", &queue.id().to_string(), "list"]).args(arguments);
    command
}

/// What `list` has on this queue; all else that is on the machine is left out.
#[track_caller]
pub(super) fn row(queue: &Queue, arguments: &[&str]) -> Value {
    row_of(&mut list_command(queue, &[&["--json"], arguments].concat()))
}

#[track_caller]
pub(super) fn row_of(command: &mut Command) -> Value {
    let finished = Process::run(command).succeeded();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["queues"].as_array().unwrap().len(), 1, "{report}");
    report["queues"][0].clone()
}

/// The text in one line.
#[track_caller]
pub(super) fn text(queue: &Queue, arguments: &[&str]) -> String {
    let finished = Process::run(&mut list_command(queue, arguments)).succeeded();
    finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_producer_and_a_consumer_of_another_program_are_named_and_said_to_live() {
    let (users, (key, queue)) = (QueueUser::new(), idle_queue());
    let mut producer = users.start("producer", &queue, "send 100 40 3 send 200 40 1 say done sleep");
    producer.wait_for_stdout("done");
    let consumer = users.start("consumer", &queue, "receive 100 3 receive 100 1");
    wait_until("it waits for one more", || {
        is_blocked_in(consumer.pid(), ClientCall::Receive) && queue.stat().unwrap().messages == 1
    });
    let row = row(&queue, &[]);
    assert_eq!((&row["key"], &row["msqid"]), (&Value::from(key.key().to_string()), &Value::from(queue.id())));
    assert_eq!((&row["messages"], &row["bytes"], &row["mode"]), (&1.into(), &40.into(), &"0660".into()), "{row}");
    assert_eq!(
        (&row["last_send"]["program"], &row["last_send"]["state"]),
        (&"producer".into(), &"alive".into()),
        "{row}"
    );
    assert_eq!((&row["last_receive"]["pid"], &row["last_receive"]["state"]), (&consumer.pid().into(), &"alive".into()));
    assert_eq!(row["waiting_receivers"][0]["program"], "consumer", "{row}");
    assert_eq!((&row["verdict"], &row["server"]["state"]), (&"in_use".into(), &"none".into()), "{row}");
    let said = text(&queue, &[]);
    for part in ["in use", "by producer (", "by consumer (", "alive)", "waits to receive"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("client") && !said.contains("kill"), "{said}");
}

#[test]
fn a_queue_without_a_key_is_listed_too_with_its_number() {
    let (users, queue) = (QueueUser::new(), PrivateQueue::new());
    users.run("worker", &queue, "send 5 10 2");
    let row = row(&queue, &[]);
    assert_eq!((&row["key"], &row["messages"], &row["last_send"]["state"]), (&Value::Null, &2.into(), &"gone".into()));
    assert!(text(&queue, &[]).contains("private"), "{}", text(&queue, &[]));
}

#[test]
fn who_may_not_read_a_queue_sees_its_size_and_who_used_it() {
    if !is_root() {
        return eprintln!("not shown: only root can look as somebody else");
    }
    let (users, queue) = (QueueUser::new(), PrivateQueue::new());
    let sender = users.run("worker", &queue, "send 5 100 1");
    let mut command = as_user(STRANGER, &msgqd_system_tests::msgqctl());
    let row = row_of(command.args(["--json", "--msqid", &queue.id().to_string(), "list"]));
    let size = queue.stat().unwrap().max_bytes;
    assert_eq!((&row["bytes"], &row["max_bytes"]), (&100.into(), &size.into()), "{row}");
    assert_eq!(row["last_send"]["pid"], sender, "{row}");
    assert_eq!(row["may_hide_waiters"], true, "{row}");
}

#[test]
fn a_queue_of_msgqd_is_said_to_be_served_and_its_second_one_too_until_it_dies() {
    let mut daemon = DaemonBuilder::new().second_queue().start();
    let answers = Queue::open(daemon.builder().second_key()).unwrap();
    let (queue, builder) = (daemon.queue(), daemon.builder().clone());
    let look = |queue: &Queue| {
        let mut command = list_command(queue, &["--json"]);
        row_of(command.env("RUNTIME_DIRECTORY", builder.runtime_directory()))
    };
    // On a busy machine its signs of life may be late at first.
    let is_served = |row: &Value| row["verdict"] == "in_use" && row["server"]["state"] == "serving";
    wait_until("it is served", || is_served(&look(&queue)));
    let (requests, second) = (look(&queue), look(&answers));
    assert_eq!(requests["server"]["pid"], daemon.pid(), "{requests}");
    assert_eq!(second["server"]["answers_of"], daemon.key().to_string(), "{second}");
    // Its process tells where its files are.
    let unnamed = row(&queue, &[]);
    assert_eq!(unnamed["server"]["pid"], daemon.pid(), "{unnamed}");
    daemon.freeze();
    wait_until("its silence is seen", || look(&queue)["verdict"] == "hangs");
    daemon.thaw();
    daemon.signal(Signal::SIGKILL);
    let look = |queue: &Queue| {
        row_of(
            list_command(queue, &["--json", "--idle-for", "1ms"]).env("RUNTIME_DIRECTORY", builder.runtime_directory()),
        )
    };
    wait_until("its end is seen", || look(&queue)["verdict"] == "down");
    assert_eq!(look(&answers)["verdict"], "down");
}

#[test]
fn the_queue_of_the_answers_is_told_in_whatever_order_the_kernel_lists_both() {
    for is_second_first in [false, true] {
        let builder = DaemonBuilder::new().second_queue();
        let mut keys = [builder.key(), builder.second_key()];
        if is_second_first {
            keys.reverse();
        }
        // The server takes over what is there.
        let [_, _] = keys.map(|key| Queue::create(key, 0o600).unwrap());
        let daemon = builder.start();
        let answers = Queue::open(builder.second_key()).unwrap();
        let mut command = list_command(&answers, &["--json"]);
        let row = row_of(command.env("RUNTIME_DIRECTORY", builder.runtime_directory()));
        assert_eq!(row["server"]["answers_of"], builder.key().to_string(), "{row}");
        daemon.stop();
    }
}

#[test]
fn rows_are_chosen_by_user_and_verdict_and_sorted_as_asked() {
    let (users, [one, other]) = (QueueUser::new(), [PrivateQueue::new(), PrivateQueue::new()]);
    users.run("worker", &one, "send 5 10 1");
    users.run("worker", &other, "send 5 10 3");
    let places = |arguments: &[&str]| {
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        let finished = Process::run(command.args(["--json", "ls"]).args(arguments)).succeeded();
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        let queues = report["queues"].as_array().unwrap().clone();
        [&one, &other].map(|queue| queues.iter().position(|row| row["msqid"] == queue.id()))
    };
    let [first, second] = places(&["--sort", "msqid"]);
    assert!(first < second && first.is_some());
    let [few, many] = places(&["--sort", "messages"]);
    assert!(many < few);
    let own = nix::unistd::geteuid().to_string();
    assert!(places(&["--user", &own]).iter().all(Option::is_some));
    assert_eq!(places(&["--user", "4000000000"]), [None, None]);
    assert_eq!(places(&["--abandoned"]), [None, None]);
    assert!(places(&["--abandoned", "--idle-for", "1ms"]).iter().all(Option::is_some));
    assert_eq!(places(&["--stuck"]), [None, None]);
    let finished = Process::run(Command::new(msgqd_system_tests::msgqctl()).args(["list", "--user", "no such user"]));
    assert_eq!(finished.code(), USAGE, "{finished:?}");
}

#[test]
fn in_a_terminal_the_list_is_drawn_in_place_until_q() {
    let queue = PrivateQueue::new();
    let program = msgqd_system_tests::msgqctl();
    let command = format!("{} --msqid {} list --watch=0.1", program.display(), queue.id());
    let Some(terminal) = Terminal::run(&command) else { return };
    terminal.shows("never used");
    terminal.shows("q ends");
    queue.try_send(5, b"x").unwrap();
    terminal.shows("sent");
    terminal.tmux(&["send-keys", "q"]);
    terminal.is_as_before();
}

#[test]
fn watching_prints_one_list_after_the_other() {
    let queue = PrivateQueue::new();
    let watcher = Process::start(&mut list_command(&queue, &["--watch=0.1"]));
    wait_until("it looked three times", || watcher.stdout().matches("queues").count() >= 3);
}
