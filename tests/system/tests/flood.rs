//! Ordinary clients beside clients that keep the queue full for ever. What a flood leaves to an ordinary client at best
//! shows a server that only drains, and answers nobody else.
//!
//! `MSGQD_TEST_FLOOD_S` is how many seconds each flood lasts, 3 if unset. Above that, as `tests/run flood SECONDS` has it, large
//! queues are tried too, and a daemon in a session of its own; and what each second brought is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::QueueKey;
use msgqd_system_tests::{DaemonBuilder, Messages, Process, ScratchKey, ask, hostile, test_client, wait_until};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Two floods at the same time would measure each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
const SHORT_S: usize = 3;
/// The machine is shared: what fails by chance does not fail so often.
const ATTEMPTS: usize = 12;
/// The longest that an answer may take after its request is in the queue, where the machine is not slower still.
const LONGEST_MS: u64 = 500;

/// What one second brought.
#[derive(Debug, Clone, Copy)]
struct Second {
    answered: u64,
    longest_ms: u64,
    flood_sent: u64,
    flood_read: u64,
}

fn seconds() -> usize {
    std::env::var("MSGQD_TEST_FLOOD_S").ok().and_then(|text| text.parse().ok()).unwrap_or(SHORT_S)
}

/// Floods that queue, beside `ordinary` clients that ask one request after the other.
fn flood(key: QueueKey, ordinary: usize, kind: &[&str]) -> Vec<Second> {
    let mut command = Messages::Plain.client("flood", key, &[&seconds().to_string(), &ordinary.to_string()]);
    Process::run(command.args(kind)).succeeded().stdout.lines().map(second).collect()
}

fn second(line: &str) -> Second {
    let words = line.split(|next: char| !next.is_ascii_digit()).filter(|word| !word.is_empty());
    let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
    let [_, answered, longest_ms, flood_sent, flood_read] = numbers[..] else { panic!("{line}") };
    Second { answered, longest_ms, flood_sent, flood_read }
}

fn drain_only_flood(max_bytes: u64, ordinary: usize, kind: &[&str]) -> Vec<Second> {
    let key = ScratchKey::new();
    let mut command = Command::new(test_client("drain"));
    let mut server = Process::start(command.args([key.key().to_string(), max_bytes.to_string(), "retry".to_owned()]));
    server.wait_for_stdout("serving");
    flood(key.key(), ordinary, kind)
}

/// With one worker and with four, and with answers in the same queue and in a second one.
fn each_daemon(test: impl Fn(&DaemonBuilder, u64)) {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let is_long = seconds() > SHORT_S;
    let sizes = [16_384, 1 << 20];
    for max_bytes in &sizes[..if is_long { 2 } else { 1 }] {
        for workers in [1, 4] {
            let builder = DaemonBuilder::new().workers(workers).set("queue", &format!("max_bytes = {max_bytes}"));
            let one_queue = builder.another().own_session();
            let sessions = is_long.then_some(one_queue);
            builder.with_one_queue_and_with_two().iter().chain(&sessions).for_each(|builder| test(builder, *max_bytes));
        }
    }
}

/// What an attempt brought, as an error when that is not what is wanted.
fn judged(good: bool, builder: &DaemonBuilder, max_bytes: u64, brought: &str) -> Result<(), String> {
    let session = if builder.has_own_session() { ", in a session of its own" } else { "" };
    let queues = if builder.has_second_queue() { ", two queues" } else { "" };
    let told = format!("{}{queues}, {max_bytes} bytes{session}: {brought}", builder.settings_of("service").trim());
    if seconds() > SHORT_S {
        println!("{} {told}", if good { "held" } else { "MISSED" });
    }
    good.then_some(()).ok_or(told)
}

/// The test fails when every attempt says what is wrong.
fn holds_at_least_once(attempt: impl Fn() -> Result<(), String>) {
    let wrong: Vec<String> = (0..ATTEMPTS).map_while(|_| attempt().err()).collect();
    assert!(wrong.len() < ATTEMPTS, "each time: {wrong:#?}");
}

/// Answers in each second and the longest wait, and of a flood that reads, what part of what it sent it read.
fn table(seconds: &[Second]) -> String {
    let told = |second: &Second| match second {
        Second { answered: 0, flood_sent, flood_read, .. } if *flood_sent > 0 && *flood_read > 0 => {
            format!("{} % of {flood_sent}", 100 * flood_read / flood_sent)
        }
        Second { answered, longest_ms, .. } => format!("{answered} ({longest_ms} ms)"),
    };
    seconds.iter().map(told).collect::<Vec<_>>().join(", ")
}

fn answers(seconds: &[Second]) -> u64 {
    seconds.iter().map(|second| second.answered).sum()
}

fn longest_ms(seconds: &[Second]) -> u64 {
    seconds.iter().map(|second| second.longest_ms).max().unwrap_or(0)
}

/// An ordinary client beside senders that never read.
fn is_served_beside(senders: &str, builder: &DaemonBuilder, max_bytes: u64) -> Result<(), String> {
    let kind = ["send", senders];
    let best = drain_only_flood(max_bytes, 1, &kind);
    let daemon = builder.start();
    let served = flood(daemon.key(), 1, &kind);
    daemon.stop();
    let limit_ms = LONGEST_MS.max(2 * longest_ms(&best));
    let enough = 2 * answers(&served) >= answers(&best) && answers(&served) > 0;
    // A second without an answer and without a wait is one in which its own request found no room.
    let steady = served.iter().all(|second| second.answered > 0 || second.longest_ms < limit_ms);
    let good = enough && steady && longest_ms(&served) <= limit_ms;
    judged(good, builder, max_bytes, &format!("{}; at best {}", table(&served), table(&best)))
}

#[test]
fn an_ordinary_client_is_answered_beside_30_senders_that_never_read() {
    each_daemon(|builder, max_bytes| holds_at_least_once(|| is_served_beside("30", builder, max_bytes)));
}

#[test]
fn an_ordinary_client_is_answered_beside_100_senders_that_never_read() {
    each_daemon(|builder, max_bytes| holds_at_least_once(|| is_served_beside("100", builder, max_bytes)));
}

#[test]
fn clients_that_send_without_a_limit_and_read_beside_it_get_a_fifth_of_their_answers_in_each_second() {
    each_daemon(|builder, max_bytes| {
        holds_at_least_once(|| {
            let daemon = builder.start();
            let served = flood(daemon.key(), 0, &["duplex", "40", "0"]);
            daemon.stop();
            let good = served.iter().all(|second| second.flood_read > 0 && second.flood_read * 5 >= second.flood_sent);
            judged(good, builder, max_bytes, &table(&served))
        });
    });
}

#[test]
fn clients_with_eight_unread_answers_each_by_the_thousand_stall_nobody_for_long() {
    each_daemon(|builder, max_bytes| {
        holds_at_least_once(|| {
            let daemon = builder.start();
            let alone = flood(daemon.key(), 4, &["none", "0"]);
            let served = flood(daemon.key(), 4, &["unread", "1000", "8"]);
            daemon.stop();
            let least = answers(&alone) / u64::try_from(alone.len()).unwrap() / 10;
            // In the first second a thousand processes start, and send what they have to send.
            let good = served.iter().skip(1).all(|second| second.answered >= least);
            judged(good, builder, max_bytes, &format!("{}; alone {}", table(&served), table(&alone)))
        });
    });
}

#[test]
fn a_program_with_more_threads_than_the_outbox_has_places_takes_nobody_s_answers() {
    each_daemon(|builder, max_bytes| {
        let builder = builder.clone().set("service", "outbox_capacity = 128");
        holds_at_least_once(|| {
            let daemon = builder.start();
            let alone = flood(daemon.key(), 4, &["none", "0"]);
            let served = flood(daemon.key(), 4, &["threads", "500"]);
            let shed = daemon.log().contains("dropped the newest answer");
            daemon.stop();
            let least = answers(&alone) / u64::try_from(alone.len()).unwrap() / 10;
            let good = served.iter().skip(1).all(|second| second.answered >= least && second.longest_ms <= LONGEST_MS);
            judged(good && shed, &builder, max_bytes, &format!("{}; alone {}", table(&served), table(&alone)))
        });
    });
}

#[test]
fn a_full_outbox_of_unread_answers_costs_others_no_second() {
    // Twenty thousand requests go through a small queue in seconds, whatever the outbox does.
    let (clients, capacity) = if seconds() > SHORT_S { ("1000", 4096) } else { ("100", 256) };
    each_daemon(|builder, max_bytes| {
        let builder = builder.clone().set("service", &format!("outbox_capacity = {capacity}"));
        holds_at_least_once(|| {
            let daemon = builder.start();
            let served = flood(daemon.key(), 4, &["unread", clients, "20"]);
            daemon.stop();
            let good = served.iter().skip(1).all(|second| second.answered > 0);
            judged(good, &builder, max_bytes, &table(&served))
        });
    });
}

#[test]
fn an_ordinary_client_is_answered_again_and_again_beside_senders_that_never_stop_and_never_read() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for workers in [1, 4] {
        let builder = DaemonBuilder::new().workers(workers).drain_timeout_ms(100);
        builder.with_one_queue_and_with_two().iter().for_each(is_answered_beside_endless_senders);
    }
}

fn is_answered_beside_endless_senders(builder: &DaemonBuilder) {
    let daemon = builder.start();
    let endless = &["never_read", "1000000000"];
    let senders: Vec<_> = (0..30).map(|_| Process::start(&mut hostile(daemon.key(), endless))).collect();
    let queue = daemon.queue();
    wait_until("the queue is full", || queue.stat().unwrap().bytes > 15_000);
    for _ in 0..5 {
        assert_eq!(ask(&queue, b"hello"), (0, b"Processed: hello".to_vec()), "{}", daemon.log());
    }
    drop(senders);
    daemon.stop();
}
