//! A daemon in the foreground of a terminal, and what becomes of it when that is closed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::Queue;
use msgqd_system_tests::{Daemon, DaemonBuilder, good_request_is_answered, msgqd, wait_until, write_program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::Command;

/// A daemon in a terminal of its own, that of script(1), and the daemon's PID; `None` where there is no script(1).
fn started_in_a_terminal(before: &str) -> Option<(Daemon, Pid)> {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("not shown: there is no script(1), which makes a terminal");
        return None;
    }
    let builder = DaemonBuilder::new();
    let path = builder.directory().join("start");
    let command = format!("exec {before} {} $* 2>&9", msgqd().display());
    let script = format!("#!/bin/sh\nexec 9>&2\nexec script --quiet --command \"{command}\" /dev/null\n");
    write_program(&path, &script);
    let daemon = builder.program(path).start();
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.pid())).unwrap();
    Some((daemon, Pid::from_raw(children.trim().parse().unwrap())))
}

fn lives(daemon: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{daemon}/status")).unwrap_or_default();
    Path::new(&format!("/proc/{daemon}")).exists() && !status.contains("State:\tZ")
}

#[test]
fn a_closed_terminal_stops_the_daemon_in_its_foreground_in_order() {
    let Some((mut daemon, pid)) = started_in_a_terminal("") else { return };
    let key = daemon.key();
    kill(pid, Signal::SIGHUP).unwrap();
    daemon.wait_for_log("reloaded the configuration");
    good_request_is_answered(key);
    // With the terminal's other side.
    let _builder = daemon.crash();
    let mut looks = 0..300;
    while lives(pid) && looks.next().is_some() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let still_lives = lives(pid);
    if still_lives {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    let is_left = Queue::open(key).and_then(|queue| queue.remove()).is_ok();
    assert!(!still_lives, "it runs on, and nobody sees it");
    assert!(!is_left, "it did not end in order: its queue is left");
}

#[test]
fn a_daemon_that_is_to_outlive_its_terminal_does() {
    let Some((daemon, pid)) = started_in_a_terminal("env --ignore-signal=HUP") else { return };
    let key = daemon.key();
    let _builder = daemon.crash();
    // An end would be as orderly as with the terminal, and takes some milliseconds.
    for _ in 0..100 {
        assert!(lives(pid), "it was started as nohup(1) does it");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    good_request_is_answered(key);
    kill(pid, Signal::SIGTERM).unwrap();
    wait_until("it ends", || !lives(pid));
}
