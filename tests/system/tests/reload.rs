//! Reloads: what a change reaches, and what a change that is refused leaves as it was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{Daemon, DaemonBuilder, good_request_is_answered, test_client, wait_until};
use nix::sys::signal::Signal;
use std::process::Command;

/// Writes the configuration of `builder` and asks the daemon to read it.
fn reload(daemon: &mut Daemon, builder: &DaemonBuilder) {
    let earlier = outcomes(daemon);
    let _ = builder.write_config();
    daemon.signal(Signal::SIGHUP);
    wait_until("the reload has an outcome", || outcomes(daemon) > earlier);
}

fn outcomes(daemon: &Daemon) -> usize {
    daemon.log().matches("reloaded the configuration").count() + daemon.log().matches("the reload was refused").count()
}

/// Threads of the daemon that receive requests.
fn workers(daemon: &Daemon) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("worker-")).count()
}

/// How many programs the daemon runs.
fn children(daemon: &Daemon) -> usize {
    let output = Command::new("pgrep").args(["--parent", &daemon.pid().to_string()]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split_whitespace().count()
}

#[test]
fn workers_that_wait_for_their_turn_take_the_new_handler_at_once() {
    let echo = DaemonBuilder::new();
    let pool = echo
        .clone()
        .set("handler", "kind = \"worker\"\nmax_concurrency = 6")
        .set("handler", &format!("command = [{:?}]", test_client("worker")));
    let mut daemon = pool.start();
    for _ in 0..3 {
        wait_until("the pool runs", || children(&daemon) == 6);
        reload(&mut daemon, &echo);
        wait_until("the programs of the old handler are gone", || children(&daemon) == 0);
        reload(&mut daemon, &pool);
    }
    assert!(!daemon.log().contains("refused"), "{}", daemon.log());
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn workers_that_are_not_wanted_any_more_leave_although_nobody_asks() {
    let builder = DaemonBuilder::new();
    let mut daemon = builder.clone().workers(8).start();
    reload(&mut daemon, &builder.workers(2));
    wait_until("six workers have left", || workers(&daemon) == 2);
    good_request_is_answered(daemon.key());
    daemon.stop();
}
