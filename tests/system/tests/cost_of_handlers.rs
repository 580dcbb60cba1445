//! What handlers cost: paired runs in turns, ratios of medians, printed to be read; and that many requests leave nothing
//! behind. The bounds are there to notice a mistake.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::QueueKey;
use msgqd_system_tests::{Daemon, DaemonBuilder, Process, test_client, wait_until};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

const PAIRS: usize = 5;

/// Held by the test that measures, since two at the same time would measure each other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests a second of closed-loop clients; each answer is checked.
fn rate(key: QueueKey, clients: usize, requests: usize) -> f64 {
    let mut load = Command::new(test_client("load"));
    load.args([key.to_string(), clients.to_string(), requests.to_string()]);
    first_number(&Process::run(&mut load).succeeded().stdout)
}

fn first_number(text: &str) -> f64 {
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn paired(mut one: impl FnMut() -> f64, mut other: impl FnMut() -> f64) -> f64 {
    let (ones, others): (Vec<f64>, Vec<f64>) = (0..PAIRS).map(|_| (one(), other())).unzip();
    median(ones) / median(others)
}

fn handler(kind: &str, command: &str, concurrency: usize) -> DaemonBuilder {
    DaemonBuilder::new()
        .set("handler", &format!("kind = \"{kind}\""))
        .set("handler", command)
        .set("handler", &format!("max_concurrency = {concurrency}"))
}

fn worker_command() -> String {
    format!("command = [{:?}]", test_client("worker"))
}

/// Resident memory in KiB, open descriptors, children.
fn held_by(daemon: &Daemon) -> (u64, usize, usize) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let memory = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().split_whitespace().nth(1).unwrap();
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count();
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    (memory.parse().unwrap(), descriptors, lists.map(|list| list.split_whitespace().count()).sum())
}

/// Parts of many requests, so that none takes longer than a program of the tests may on a busy machine.
const PARTS: usize = 20;

/// Some requests first, so that all threads and programs are there; then many.
fn assert_many_requests_leave_nothing(daemon: &Daemon, clients: usize, requests: usize) {
    rate(daemon.key(), clients, requests / PARTS);
    wait_until("the first clients are forgotten", || held_by(daemon).1 < 64);
    let before = held_by(daemon);
    let rate = median((0..PARTS).map(|_| rate(daemon.key(), clients, requests / PARTS)).collect());
    wait_until("all clients are forgotten", || held_by(daemon).1 <= before.1);
    let after = held_by(daemon);
    println!(
        "{requests} requests at {rate:.0} a second: KiB, descriptors, children {before:?} before, {after:?} after"
    );
    assert!(after.0 <= before.0 + 1024 && after.2 <= before.2, "{before:?} became {after:?}");
}

#[test]
fn a_worker_costs_less_than_half_of_the_rate_and_a_command_not_much_more_than_running_it() {
    let _alone = alone();
    let echo = DaemonBuilder::new().workers(2).start();
    let worker = handler("worker", &worker_command(), 2).start();
    let ratio = paired(|| rate(worker.key(), 20, 20_000), || rate(echo.key(), 20, 20_000));
    println!("20 clients: {ratio:.2} of the rate of echo with as many workers, through a worker in C");
    assert!(ratio > 0.05, "{ratio:.2}");

    let cat = handler("exec", r#"command = ["/bin/sed", "s/^/Processed: /"]"#, 2).start();
    let bare = || {
        let mut command = Command::new(test_client("spawn"));
        command.args(["2", "1000", "/bin/sed", "s/^/Processed: /"]);
        first_number(&Process::run(&mut command).succeeded().stdout)
    };
    let ratio = paired(|| rate(cat.key(), 4, 1000), bare);
    println!("4 clients: {ratio:.2} of what a bare loop does that runs the same command");
    assert!(ratio > 0.1, "{ratio:.2}");
}

#[test]
fn ten_thousand_commands_leave_nothing_behind() {
    let _alone = alone();
    let daemon = handler("exec", r#"command = ["/bin/sed", "s/^/Processed: /"]"#, 4).start();
    assert_many_requests_leave_nothing(&daemon, 8, 10_000);
    assert_eq!(held_by(&daemon).2, 0);
    daemon.stop();
}

#[test]
fn a_million_requests_through_workers_leave_nothing_behind() {
    let _alone = alone();
    let daemon = handler("worker", &worker_command(), 2).start();
    assert_many_requests_leave_nothing(&daemon, 20, 1_000_000);
    daemon.stop();
}
