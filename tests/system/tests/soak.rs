//! Everything at once, for a while: well-behaved clients must be answered throughout, memory stays bounded, and in the
//! end the books balance and nothing is left in the queue. `MSGQD_SOAK_SECONDS` says for how long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{Daemon, DaemonBuilder, PATIENCE_MS, Process, crowd, hostile, wait_until};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_secs(10);
const CLIENTS: usize = 20;
const REQUESTS: usize = 100;
/// What the whole daemon may hold in memory when nothing happens, and under any load. Pages of its program and of libraries are
/// the kernel's cache: how many are mapped depends on the size of the pieces in which they were read.
const IDLE_MEMORY_KIB: u64 = 6 * 1024;
const MEMORY_KIB: u64 = 10 * 1024;

fn duration() -> Duration {
    std::env::var("MSGQD_SOAK_SECONDS").map_or(SHORT, |seconds| Duration::from_secs(seconds.parse().unwrap()))
}

fn memory_kib(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    kib("RssAnon:") + kib("RssShmem:")
}

/// One hostile client of each kind that ends by itself or is killed with its round.
fn hostile_clients(daemon: &Daemon) -> Vec<Process> {
    let server = daemon.pid().to_string();
    let kinds: [&[&str]; 9] = [
        &["never_read", "3000"],
        &["never_read", "100"],
        &["junk", "junk", "0", "300"],
        &["junk", "junk", "264", "300"],
        &["junk", "self", "264", "300"],
        &["bad_bodies", "20000"],
        &["bad_pids", "20000", &server],
        &["killed", "100"],
        &["pipeline", "500"],
    ];
    kinds.iter().map(|kind| Process::start(&mut hostile(daemon.key(), kind))).collect()
}

/// The numbers in the last line of the log: `received=12 answered=11 ...`.
fn books(log: &str) -> HashMap<String, u64> {
    let line = log.lines().rev().find(|line| line.contains("received=")).expect("the daemon says what it did");
    let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

#[test]
fn after_everything_at_once_the_books_balance_and_nothing_is_left() {
    let daemon = DaemonBuilder::new().start();
    // What the start alone needs is given back some moments after the first answer.
    wait_until("it needs little at idle", || memory_kib(&daemon) <= IDLE_MEMORY_KIB);
    let idle = memory_kib(&daemon);
    let (mut most, mut rounds) = (idle, 0);
    let end = Instant::now() + duration();
    while Instant::now() < end {
        let mut enemies = hostile_clients(&daemon);
        let stopped = enemies.last_mut().unwrap();
        stopped.freeze();
        let finished = Process::run(&mut crowd(daemon.key(), CLIENTS, REQUESTS, PATIENCE_MS)).succeeded();
        let all = CLIENTS * REQUESTS;
        assert!(finished.stdout.contains(&format!("answered {all} of {all};")), "{finished:?}\n{}", daemon.log());
        stopped.thaw();
        stopped.wait_for_stdout("ok 500");
        most = most.max(memory_kib(&daemon));
        rounds += 1;
        drop(enemies);
    }
    assert!(most <= MEMORY_KIB, "{most} KiB under load");
    let queue = daemon.queue();
    wait_until("the queue is empty", || queue.stat().unwrap().messages == 0);
    let books = books(&daemon.stop().stderr);
    let count = |name: &str| books.get(name).copied().unwrap_or(0);
    let fates = [
        "answered",
        "answered_late",
        "malformed_short",
        "refused_pid",
        "refused_nobody",
        "client_gone",
        "shed",
        "expired",
        "queue_removed",
        "send_failed",
    ];
    let ended: u64 = fates.iter().map(|fate| count(fate)).sum();
    assert_eq!(count("received") + count("adopted"), ended, "{books:?}");
    for expected in ["answered", "answered_late", "malformed_short", "malformed_long", "refused_pid", "shed"] {
        assert!(count(expected) > 0, "nothing was {expected} in {rounds} rounds: {books:?}");
    }
    println!("{rounds} rounds, {idle} KiB at idle, at most {most} KiB under load: {books:?}");
}
