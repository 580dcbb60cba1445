//! A daemon whose monotonic clock is not the one of whoever looks at it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{
    Daemon, DaemonBuilder, Finished, Process, is_root, msgqctl, msgqd, wait_until, write_program,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Command;

/// A daemon in a time namespace of its own, whose clock differs by so many seconds; and its own PID.
fn started_with_a_clock_that_differs_by(seconds: i64) -> (Daemon, Pid) {
    let builder = DaemonBuilder::new();
    let path = builder.directory().join("start");
    let unshare = format!("unshare --time --fork --kill-child --monotonic={seconds} --boottime={seconds}");
    write_program(&path, &format!("#!/bin/sh\nexec {unshare} {} \"$@\"\n", msgqd().display()));
    let daemon = builder.program(path).start();
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.pid())).unwrap();
    (daemon, Pid::from_raw(children.trim().parse().unwrap()))
}

fn stat(daemon: &Daemon) -> String {
    seen_by(daemon, &mut Command::new(msgqctl()), "stat").stdout
}

fn seen_by(daemon: &Daemon, msgqctl: &mut Command, command: &str) -> Finished {
    msgqctl.args(["--key", &daemon.key().to_string(), command]);
    Process::run(msgqctl.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory()))
}

/// Ahead, and behind by no more than a clock can be set back.
fn differences_in_seconds() -> [i64; 2] {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime_s: i64 = uptime.split('.').next().unwrap().parse().unwrap();
    [1_000_000, -uptime_s / 2]
}

#[test]
fn to_msgqctl_in_another_time_namespace_a_daemon_serves_and_hangs_as_what_it_is() {
    if !is_root() {
        return eprintln!("not shown: only root can make a time namespace");
    }
    for seconds in differences_in_seconds() {
        let daemon = DaemonBuilder::new().start();
        let pid = Pid::from_raw(daemon.pid());
        let from_afar = |command: &str| {
            let mut unshare = Command::new("unshare");
            let clocks = ["monotonic", "boottime"].map(|clock| format!("--{clock}={seconds}"));
            seen_by(&daemon, unshare.args(["--time", "--fork"]).args(clocks).arg("--").arg(msgqctl()), command)
        };
        let seen = from_afar("stat").succeeded().stdout;
        assert!(seen.contains("serving") && !seen.contains("hangs"), "{seconds} s: {seen}");
        let diagnosis = from_afar("doctor");
        assert!(diagnosis.stdout.contains("0 problems"), "{seconds} s: {diagnosis:?}");
        kill(pid, Signal::SIGSTOP).unwrap();
        wait_until("the stopped daemon is seen to hang", || from_afar("stat").stdout.contains("hangs"));
        kill(pid, Signal::SIGCONT).unwrap();
        wait_until("it is seen to serve again", || !from_afar("stat").stdout.contains("hangs"));
        daemon.stop();
    }
}

#[test]
fn a_daemon_in_another_time_namespace_serves_and_hangs_as_what_it_is() {
    if !is_root() {
        return eprintln!("not shown: only root can make a time namespace");
    }
    for seconds in differences_in_seconds() {
        let (daemon, pid) = started_with_a_clock_that_differs_by(seconds);
        let seen = stat(&daemon);
        assert!(seen.contains("serving") && !seen.contains("hangs"), "{seconds} s: {seen}");
        kill(pid, Signal::SIGSTOP).unwrap();
        wait_until("the stopped daemon is seen to hang", || stat(&daemon).contains("hangs"));
        kill(pid, Signal::SIGCONT).unwrap();
        wait_until("it is seen to serve again", || !stat(&daemon).contains("hangs"));
        kill(pid, Signal::SIGTERM).unwrap();
        let _ = daemon.finish();
    }
}
