//! Clients that are numbers without a process behind them (`client_is = "number"`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::encode_request;
use msgq_core::limits::PID_MAX_LIMIT;
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{Daemon, DaemonBuilder, Process, msgqctl, wait_until};
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Far above every PID, and above what 32 bits hold.
const CLIENT: i64 = 0x1234_5678_9abc;
const OTHER: i64 = i64::MAX;

fn serving(settings: &[(&'static str, &str)]) -> DaemonBuilder {
    let builder = DaemonBuilder::new()
        .set("protocol", "request = 'struct { long mtype; int64_t id; char text[]; }'")
        .set("protocol", "client = 'id'")
        .set("protocol", "client_is = 'number'")
        // Texts are as long as the kernel takes them, wherever the test runs.
        .set("service", "outbox_capacity = 400");
    settings.iter().fold(builder, |builder, (table, line)| builder.set(table, line))
}

fn ask(queue: &Queue, client: i64, text: &str) {
    queue.send(1, &[&client.to_ne_bytes()[..], text.as_bytes(), b"\0"].concat()).unwrap();
}

fn try_read(queue: &Queue, mtype: i64) -> Option<String> {
    let mut buffer = MessageBuffer::new();
    let is_there = queue.try_receive(mtype, &mut buffer).unwrap();
    is_there.then(|| String::from_utf8(buffer.body()[8..].to_vec()).unwrap().trim_end_matches('\0').to_owned())
}

fn read(queue: &Queue, mtype: i64) -> String {
    let mut answer = None;
    wait_until("there is an answer", || {
        answer = try_read(queue, mtype);
        answer.is_some()
    });
    answer.unwrap()
}

fn stat(daemon: &Daemon) -> serde_json::Value {
    let mut command = Command::new(msgqctl());
    let config = daemon.builder().write_config();
    command.args(["--json", "--key", &daemon.key().to_string(), "--config", &config.to_string_lossy(), "stat"]);
    let seen = Process::run(command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory())).succeeded();
    serde_json::from_str(&seen.stdout).unwrap()
}

fn counter(daemon: &Daemon, name: &str) -> u64 {
    stat(daemon)["server"]["counters"][name].as_u64().unwrap()
}

/// The janitor has looked at the queue as often as it takes to remove what is for nobody.
fn the_janitor_has_looked(daemon: &Daemon) {
    let before = counter(daemon, "scans");
    wait_until("the janitor has looked at what rests", || counter(daemon, "scans") >= before + 3);
}

fn pid_of_nobody() -> i32 {
    (2..PID_MAX_LIMIT).rev().find(|pid| !Path::new(&format!("/proc/{pid}")).exists()).unwrap()
}

#[test]
fn an_answer_waits_for_its_client_although_nobody_has_the_number() {
    for workers in [1, 4] {
        let daemon = serving(&[]).workers(workers).start();
        let queue = daemon.queue();
        let clients = [CLIENT, OTHER, 2, pid_of_nobody().into(), daemon.pid().into(), 1 << 31, 1 << 32];
        for client in clients {
            ask(&queue, client, "hello");
            ask(&queue, client, "again");
        }
        wait_until("all are answered", || counter(&daemon, "received") == 2 * clients.len() as u64);
        the_janitor_has_looked(&daemon);
        for client in clients {
            assert_eq!([read(&queue, client), read(&queue, client)], ["Processed: hello", "Processed: again"]);
        }
        assert_eq!(counter(&daemon, "orphans_nobody"), 0);
        daemon.stop();
    }
}

#[test]
fn an_answer_that_nobody_reads_goes_when_its_time_to_live_has_passed_and_not_before() {
    let mut daemon = serving(&[("service", "response_ttl_s = 2")]).start();
    let queue = daemon.queue();
    let asked = Instant::now();
    ask(&queue, CLIENT, "never read");
    wait_until("its answer rests", || queue.has_message(CLIENT).unwrap());
    wait_until("it is gone", || !queue.has_message(CLIENT).unwrap());
    assert!(asked.elapsed() >= Duration::from_secs(2));
    assert_eq!(counter(&daemon, "orphans_expired"), 1);
    daemon.wait_for_log("that client 20015998343868 left unread in the queue for response_ttl_s = 2");
    ask(&queue, CLIENT, "is served again");
    assert_eq!(read(&queue, CLIENT), "Processed: is served again");
    daemon.stop();
}

/// More answers than the queue has room for: some wait in the outbox.
const MANY: usize = 300;

fn ask_for_many(daemon: &Daemon) {
    for number in 0..MANY {
        ask(&daemon.queue(), if number % 2 == 0 { CLIENT } else { OTHER }, &format!("{number}{:200}", ""));
    }
    wait_until("all are taken", || counter(daemon, "received") == MANY as u64);
}

#[test]
fn answers_in_queue_and_outbox_that_nobody_reads_go_when_their_time_to_live_has_passed() {
    let daemon = serving(&[("service", "response_ttl_s = 2"), ("queue", "max_bytes = 16384")]).start();
    ask_for_many(&daemon);
    let ended = || counter(&daemon, "orphans_expired") + counter(&daemon, "expired");
    wait_until("all have ended", || ended() == MANY as u64);
    assert_eq!(daemon.queue().stat().unwrap().messages, 0);
    wait_until("the outbox is empty", || stat(&daemon)["server"]["inside"]["outbox"]["answers"] == 0);
    daemon.stop();
}

fn number_in(answer: &str) -> usize {
    answer.trim_end().strip_prefix("Processed: ").unwrap().parse().unwrap()
}

#[test]
fn answers_in_queue_and_outbox_survive_kills_of_the_daemon_each_once() {
    let mut daemon = serving(&[("queue", "max_bytes = 16384")]).start();
    ask_for_many(&daemon);
    for _ in 0..3 {
        daemon.signal(Signal::SIGKILL);
        daemon = daemon.crash().start();
        the_janitor_has_looked(&daemon);
    }
    let queue = daemon.queue();
    // Not their order: a kill while several answers of a client are taken back can cost it, see docs/security.md.
    let answers = |client| {
        let mut answers: Vec<usize> = (0..MANY / 2).map(|_| number_in(&read(&queue, client))).collect();
        answers.sort_unstable();
        answers
    };
    for (first, client) in [CLIENT, OTHER].into_iter().enumerate() {
        assert_eq!(answers(client), (first..MANY).step_by(2).collect::<Vec<_>>(), "{}", daemon.log());
    }
    assert_eq!(queue.stat().unwrap().messages, 0);
    daemon.stop();
}

#[test]
fn a_request_in_hand_of_a_number_is_finished_after_a_kill() {
    let builder = serving(&[]).held_handler("tr a-z A-Z");
    let mut daemon = builder.clone().start();
    for round in 0..3 {
        ask(&daemon.queue(), CLIENT, "hello");
        wait_until("it is in hand", || daemon.queue().stat().unwrap().messages == 0);
        daemon.signal(Signal::SIGKILL);
        builder.let_handlers_go();
        daemon = daemon.crash().start();
        assert_eq!(read(&daemon.queue(), CLIENT), "HELLO", "{round}");
        builder.hold_handlers();
    }
    daemon.stop();
}

#[test]
fn zero_negative_numbers_and_the_type_of_a_request_are_refused_by_name() {
    let mut daemon = serving(&[]).start();
    let refused = [0, -1, i64::MIN, 1];
    for (count, client) in (1..).zip(refused) {
        ask(&daemon.queue(), client, "x");
        wait_until("it is refused", || counter(&daemon, "refused_pid") == count);
    }
    daemon.wait_for_log("dropped a request that names 0 as its client, which no client can have");
    daemon.wait_for_log("dropped a request that names 1 as its client");
    assert!(!daemon.log().contains("PID"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn a_base_is_added_to_a_number_and_one_too_large_for_that_is_refused() {
    let base = "response_type = { base = 1000000000000 }";
    let daemon = serving(&[("protocol", base)]).start();
    let queue = daemon.queue();
    for client in [1, CLIENT] {
        ask(&queue, client, "x");
        assert_eq!(read(&queue, 1_000_000_000_000 + client), "Processed: x");
    }
    ask(&queue, i64::MAX, "x");
    wait_until("it is refused", || counter(&daemon, "refused_pid") == 1);
    daemon.stop();
}

#[test]
fn a_number_that_a_program_for_32_bits_cannot_ask_for_is_refused() {
    let daemon = DaemonBuilder::new()
        .set("protocol", "request = 'struct { long mtype; int64_t id; long n; char text[20]; }'")
        .set("protocol", "client = 'id'")
        .set("protocol", "client_is = 'number'")
        .start();
    let queue = daemon.queue();
    let body = |client: i64, long: &[u8]| [&client.to_ne_bytes()[..], long, &[b'x'; 19], b"\0"].concat();
    queue.send(1, &body(1 << 31, &[0; 4])).unwrap();
    wait_until("it is refused", || counter(&daemon, "refused_pid") == 1);
    queue.send(1, &body((1 << 31) - 1, &[0; 4])).unwrap();
    wait_until("it is answered", || queue.has_message((1 << 31) - 1).unwrap());
    queue.send(1, &[body(1 << 31, &[0; 8]), vec![0; 4]].concat()).unwrap();
    wait_until("one for 64 bits is answered", || queue.has_message(1 << 31).unwrap());
    daemon.stop();
}

#[test]
fn clients_of_the_plain_protocol_may_be_of_another_pid_namespace() {
    let daemon = DaemonBuilder::new().set("protocol", "client_is = 'number'").start();
    let (queue, nobody) = (daemon.queue(), pid_of_nobody());
    queue.send(1, &encode_request(nobody, b"hello")).unwrap();
    wait_until("it is answered", || queue.has_message(nobody.into()).unwrap());
    the_janitor_has_looked(&daemon);
    let mut buffer = MessageBuffer::new();
    assert!(queue.try_receive(nobody.into(), &mut buffer).unwrap());
    assert!(buffer.body()[4..].starts_with(b"Processed: hello\0"));
    daemon.stop();
}

#[test]
fn a_table_of_processes_is_not_taken_for_one_of_numbers() {
    let slow = [("kind = 'exec'"), ("command = ['sleep', '20']")];
    let builder = slow.iter().fold(DaemonBuilder::new(), |builder, line| builder.set("handler", line));
    let daemon = builder.start();
    let queue = daemon.queue();
    queue.send(1, &encode_request(std::process::id().cast_signed(), b"hello")).unwrap();
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    let killed = daemon.crash();
    let daemon = killed.set("protocol", "client_is = 'number'").start();
    assert!(daemon.log().contains("cannot use the table of an earlier server"), "{}", daemon.log());
    daemon.stop();
}
