//! A server of another program that waits for room in the queue that it alone empties: the verdict, and what it tells to do.

use super::schema::fits_if_checkable;
use super::*;
use msgq_core::layout::BODY_LEN_ILP32;
use msgqd_system_tests::{Language, PATIENCE_MS, crowd, load_client};
use nix::sys::signal::Signal;
use std::time::{Duration, SystemTime};

/// How many messages of 264 bytes a queue of 16384 bytes holds.
const FULL: u64 = 62;
/// Long enough for those who wait to take the place of the request that the server is at.
const WORK: Duration = Duration::from_millis(100);
/// Clients of which one still waits for room when the server does.
const CLIENTS: usize = 64;

/// A server that took a request and waits for room for its answer, and all its clients, which live and wait.
pub(crate) fn stuck_with_clients() -> (PlainServer, Queue, Process) {
    let mut server = PlainServer::with_work(WORK);
    let queue = Queue::open(server.key()).unwrap();
    server.process().freeze();
    let mut crowd = Process::start(&mut crowd(server.key(), CLIENTS, 1, PATIENCE_MS));
    crowd.wait_for_stdout("started");
    wait_until("the queue is full", || queue.stat().unwrap().messages == FULL);
    server.process().thaw();
    wait_until("the server waits for room", || is_blocked_in(server.process().pid(), ClientCall::Send));
    (server, queue, crowd)
}

/// The first report that has the verdict, which comes once the queue has stood still for some seconds, and at a look at which
/// the kernel shows each of them asleep.
pub(crate) fn deadlocked(key: QueueKey, options: &[&str]) -> Value {
    let look = || json(key, &[options, &["stat"]].concat());
    let mut report = Value::Null;
    wait_until("stat has the verdict", || {
        report = look();
        report["condition"] == "deadlocked"
    });
    fits_if_checkable("stat", &report);
    report
}

/// Runs the command that the verdict gives, as an operator would: in a shell, in a directory of his own.
fn cure(report: &Value, directory: &TempDir) -> String {
    let command = report["cure"].as_str().unwrap().to_owned();
    let path =
        std::env::join_paths([msgqd_system_tests::msgqctl().parent().unwrap(), "/usr/bin".as_ref(), "/bin".as_ref()]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).env("PATH", path.unwrap()).env_remove("RUNTIME_DIRECTORY").current_dir(directory);
    let finished = Process::run(&mut shell);
    // The server runs on as soon as it has room, and may receive some of the messages before they are all out: that is said.
    let is_overtaken = finished.code() == OTHER && finished.stderr.contains("another program receive");
    assert!(finished.code() == OK || is_overtaken, "{command}: {finished:?}");
    command
}

fn seconds_since_it_moved(queue: &Queue) -> i64 {
    let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let stat = queue.stat().unwrap();
    i64::try_from(now_s).unwrap() - stat.last_send_time.max(stat.last_receive_time)
}

#[test]
fn where_the_protocol_is_known_only_what_dead_clients_left_goes() {
    only_what_dead_clients_left_goes(|_| ["--protocol", "plain"].map(str::to_owned));
}

#[test]
fn where_a_configuration_tells_the_protocol_the_command_names_it() {
    let directory = TempDir::with_prefix("a name with spaces").unwrap();
    only_what_dead_clients_left_goes(|key| {
        let file = directory.path().join("declared.toml");
        let protocol = "request = 'struct { long mtype; pid_t pid; char text[256]; }'\n\
                        response = 'struct { long mtype; int status; char text[256]; }'\nstatus = 'status'";
        std::fs::write(&file, format!("[queue]\nkey = {key}\n[protocol]\n{protocol}\n")).unwrap();
        ["--config".to_owned(), file.display().to_string()]
    });
}

/// `told` are the options that tell the protocol of the queue with this key.
fn only_what_dead_clients_left_goes(told: impl Fn(QueueKey) -> [String; 2]) {
    let mut server = PlainServer::with_work(WORK * 5);
    let queue = Queue::open(server.key()).unwrap();
    let dead = Process::start(&mut Command::new("true"));
    let dead_pid = dead.pid();
    assert_eq!(dead.finish().code(), OK);
    put(&queue, dead_pid.into(), usize::try_from(FULL).unwrap() - 1);
    let client = Process::start(&mut load_client(Language::C, server.key(), 1, "alive"));
    wait_until("the server has the request", || queue.stat().unwrap().last_receive_pid != 0);
    put(&queue, dead_pid.into(), 1);
    let pid = server.process().pid();
    wait_until("the server waits for room", || is_blocked_in(pid, ClientCall::Send));
    let key = server.key();
    let [option, value] = told(key);
    let report = deadlocked(key, &[&option, &value]);
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.ends_with("once what dead clients left is removed: 62 messages"), "{verdict}");
    let unknown = deadlocked(key, &[]);
    let verdict = unknown["verdict"].as_str().unwrap();
    assert!(!verdict.contains("client"), "a type is no client where nobody knows: {verdict}");
    let command = cure(&report, &TempDir::new().unwrap());
    let value = if value.contains(' ') { format!("'{value}'") } else { value };
    assert_eq!(command, format!("msgqctl --key {key} {option} {value} purge"));
    assert!(client.finish().succeeded().stdout.contains("ok 1"));
    wait_until("the server runs on", || is_blocked_in(pid, ClientCall::Receive));
}

#[test]
fn where_nothing_is_known_few_messages_are_spared_saved_and_put_back_once_there_is_room() {
    let (mut server, queue, crowd) = stuck_with_clients();
    let directory = TempDir::new().unwrap();
    let report = deadlocked(server.key(), &[]);
    let pid = server.process().pid();
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.starts_with(&format!("deadlocked: PID {pid} (server), which takes the messages")), "{verdict}");
    assert!(verdict.contains("; 1 other sender lives and waits for room too: PID "), "{verdict}");
    assert!(verdict.contains("; it runs on once 2 of the 62 messages of type 1 are out of the way"), "{verdict}");
    let command = cure(&report, &directory);
    assert!(command.contains(" purge --type 1 --limit 2 --save "), "{command}");
    wait_until("the server runs on", || is_blocked_in(pid, ClientCall::Receive) && queue.stat().unwrap().messages == 0);
    let saved = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    let mut restore = Command::new(msgqd_system_tests::msgqctl());
    let restored = Process::run(restore.arg("restore").arg(&saved)).succeeded();
    assert!(restored.stdout.starts_with("put back "), "{restored:?}");
    assert_eq!(crowd.finish().code(), OK, "every client has its answer, the one whose request was saved too");
}

#[test]
fn a_deadlocked_server_whose_clients_are_gone_runs_on_for_one_saved_message() {
    let (mut server, queue, crowd) = stuck_with_clients();
    drop(crowd);
    let (key, pid) = (server.key(), server.process().pid());
    let senders = || json(key, &["stat"])["waiters"]["senders"].as_array().unwrap().len();
    wait_until("the clients are gone", || senders() == 1);
    let report = deadlocked(key, &[]);
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.starts_with(&format!("deadlocked: PID {pid} (server), which takes the messages")), "{verdict}");
    assert!(verdict.contains("; no other sender waits, and PID "), "{verdict}");
    assert!(verdict.contains(", which sent last, is gone; it runs on once 1 of the 62 messages"), "{verdict}");
    let directory = TempDir::new().unwrap();
    let command = cure(&report, &directory);
    assert!(command.contains(" purge --type 1 --limit 1 --save "), "{command}");
    let file = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    let saved = std::fs::read_to_string(file).unwrap();
    assert_eq!(saved.lines().filter(|line| line.contains("\"mtype\"")).count(), 1, "{saved}");
    wait_until("the server runs on", || is_blocked_in(pid, ClientCall::Receive));
    assert_eq!(queue.stat().unwrap().messages, FULL, "an answer for each client that is gone");
    assert_ne!(json(key, &["stat"])["condition"], "deadlocked");
}

#[test]
fn doctor_says_the_deadlock_with_its_command() {
    let (server, _queue, _crowd) = stuck_with_clients();
    let cure = deadlocked(server.key(), &[])["cure"].as_str().unwrap().to_owned();
    let doctor = run(server.key(), &["doctor"]);
    let words = doctor.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("deadlocked: PID "), "{}", doctor.stdout);
    assert!(doctor.stdout.contains(&cure), "{}", doctor.stdout);
    assert!(!words.contains("kill"), "{}", doctor.stdout);
    let text = run(server.key(), &["stat"]).succeeded().stdout;
    assert!(text.contains(&format!("\nrun on with   {cure}\n")), "{text}");
}

#[test]
fn a_client_that_took_the_last_message_and_waits_for_room_is_not_taken_for_the_server() {
    let (key, queue) = idle_queue();
    let mut client = Process::start(&mut load_client(Language::C, key.key(), 2, "x"));
    let mut buffer = MessageBuffer::new();
    // This test is the server, which is at something else from now on.
    queue.receive(REQUEST_MTYPE, &mut buffer).unwrap();
    client.freeze();
    put(&queue, REQUEST_MTYPE, 50);
    put(&queue, 300, 11);
    // The answer leaves less room than the next request takes.
    let answer = Response::new(0, b"Processed: x-1", BODY_LEN_ILP32);
    queue.try_send(client.pid().into(), answer.as_bytes()).unwrap();
    let stat = queue.stat().unwrap();
    queue.try_send(300, &vec![0; usize::try_from(stat.max_bytes - stat.bytes).unwrap()]).unwrap();
    client.thaw();
    wait_until("it took its answer last", || queue.stat().unwrap().last_receive_pid == client.pid());
    wait_until("it waits for room", || is_blocked_in(client.pid(), ClientCall::Send));
    wait_until("it stands still", || seconds_since_it_moved(&queue) > 3);
    let report = json(key.key(), &["stat"]);
    assert_eq!(report["condition"], "not_served", "{report}");
    assert_eq!(report["waiters"]["senders"][0]["pid"], client.pid(), "{report}");
}

#[test]
fn a_full_queue_of_a_server_that_is_only_slow_is_no_deadlock() {
    let mut server = PlainServer::with_work(Duration::from_secs(600));
    let queue = Queue::open(server.key()).unwrap();
    let mut crowd = Process::start(&mut crowd(server.key(), CLIENTS, 1, PATIENCE_MS));
    crowd.wait_for_stdout("started");
    wait_until("it stands still", || queue.stat().unwrap().messages == FULL && seconds_since_it_moved(&queue) > 3);
    let report = json(server.key(), &["stat"]);
    assert_eq!((&report["condition"], &report["cure"]), (&"not_served".into(), &Value::Null), "{report}");
    assert_eq!(report["waiters"]["senders"].as_array().unwrap().len(), 1, "{report}");
    server.process().signal(Signal::SIGTERM);
}
