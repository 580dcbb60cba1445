//! A daemon that is killed at a place of its own, under clients that count what they get.

use msgq_core::queue::QueueKey;
use msgqd_system_tests::{Daemon, DaemonBuilder, LIMIT, Messages, Process, msgqd_with_switches, wait_until};
use nix::sys::signal::Signal;
use std::time::Duration;

pub const KILL_AT: &str = "MSGQD_TEST_KILL_AT";

pub fn builder(messages: Messages) -> DaemonBuilder {
    messages.daemon().program(msgqd_with_switches())
}

/// To start the next one, which is not to be killed.
pub fn wait_for_the_end(mut daemon: Daemon) -> DaemonBuilder {
    wait_until("the daemon came to the place where it is killed", || !daemon.process().is_running());
    daemon.builder().clone().without_env(KILL_AT)
}

pub fn chaos(messages: Messages, key: QueueKey, clients: usize) -> Process {
    Process::start(&mut messages.client("chaos", key, &[&clients.to_string(), &LIMIT.as_secs().to_string()]))
}

/// Ends the clients, and checks that each got each answer once.
#[track_caller]
pub fn assert_nothing_was_lost(mut clients: Process, daemon: &Daemon) {
    std::thread::sleep(Duration::from_millis(200));
    clients.signal(Signal::SIGTERM);
    let totals = clients.finish().succeeded();
    assert!(totals.stdout.contains("wrong 0 lost 0 extra 0"), "{}{}\n{}", totals.stdout, totals.stderr, daemon.log());
    let words: Vec<&str> = totals.stdout.split_whitespace().collect();
    assert_eq!((words[0], words[1]), ("requests", words[3]), "{}", totals.stdout);
}

/// Kills the daemon at a place that `clients` in closed loops lead to, at this visit of it.
#[track_caller]
pub fn kill_under_load(messages: Messages, builder: DaemonBuilder, (place, visit): (&str, usize), clients: usize) {
    let killed = builder.env(KILL_AT, format!("{place}:{visit}")).start();
    let load = chaos(messages, killed.key(), clients);
    let next = wait_for_the_end(killed).start();
    assert_nothing_was_lost(load, &next);
    next.stop();
}
