//! What the promises cost: paired runs in turns, ratios of medians. The bounds are there to notice a mistake; the
//! ratios are printed to be read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::QueueKey;
use msgqd_system_tests::{DaemonBuilder, PlainServer, Process, msgqd_with_switches, test_client};
use std::process::Command;

const PAIRS: usize = 7;

/// Requests a second of closed-loop clients.
fn rate(key: QueueKey, clients: usize, requests: usize) -> f64 {
    let mut load = Command::new(test_client("load"));
    load.args([key.to_string(), clients.to_string(), requests.to_string()]);
    let finished = Process::run(&mut load).succeeded();
    finished.stdout.split_whitespace().next().unwrap().parse().unwrap()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The ratio of the medians of two measurements that take turns.
fn paired(mut one: impl FnMut() -> f64, mut other: impl FnMut() -> f64) -> f64 {
    let (ones, others): (Vec<f64>, Vec<f64>) = (0..PAIRS).map(|_| (one(), other())).unzip();
    median(ones) / median(others)
}

/// One test, since two at the same time would measure each other.
#[test]
fn the_promises_cost_little_with_few_clients_and_keep_hundreds_going_on_a_default_queue() {
    let daemon = DaemonBuilder::new().set("queue", "max_bytes = 16384").start();
    let plain = PlainServer::start();
    for clients in [1, 8, 20] {
        let ratio = paired(|| rate(daemon.key(), clients, 10_000), || rate(plain.key(), clients, 10_000));
        println!("{clients} clients: {ratio:.2} of a plain server's rate");
        assert!(ratio > 0.2, "{ratio:.2} of a plain server's rate with {clients} clients");
    }
    let switched = DaemonBuilder::new().program(msgqd_with_switches()).set("queue", "max_bytes = 16384");
    let (tmpfs, private) = (switched.start(), switched.another().env("MSGQD_TEST_TABLE", "anonymous").start());
    for clients in [1, 20] {
        let ratio = paired(|| rate(tmpfs.key(), clients, 10_000), || rate(private.key(), clients, 10_000));
        println!("{clients} clients: {ratio:.2} of the rate with the table in private memory");
        assert!(ratio > 0.2, "{ratio:.2} of the rate with the table in private memory, {clients} clients");
    }
    let ratio = paired(|| rate(daemon.key(), 500, 20_000), || rate(daemon.key(), 20, 20_000));
    println!("500 clients: {ratio:.2} of the rate with 20");
    assert!(ratio > 0.02, "{ratio:.2} of the rate with 20 clients");
}
