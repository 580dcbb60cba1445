//! Threads of the kernel have numbers that look like those of clients, and never ask anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{BODY_LEN_LP64, REQUEST_MTYPE, Response, encode_request};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Process, STRANGER, good_request_is_answered, is_root, msgqctl, msgqd, queue_of_dead_msgqd,
    wait_until, write_program,
};
use serde_json::Value;
use std::process::Command;

/// The numbers of two threads of the kernel; `None` in a PID namespace of its own, where none has one.
fn kernel_threads() -> Option<[i32; 2]> {
    let name = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name(2) != "kthreadd\n" {
        eprintln!("not shown: in this PID namespace no thread of the kernel has a number");
        return None;
    }
    let is_child = |pid: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.contains("\nPPid:\t2\n")
    };
    Some([2, (3..1000).find(is_child).unwrap()])
}

fn json(builder: &DaemonBuilder, arguments: &[&str]) -> Value {
    let mut command = Command::new(msgqctl());
    command.args(["--json", "--key", &builder.key().to_string()]).args(arguments);
    let finished = Process::run(command.env("RUNTIME_DIRECTORY", builder.runtime_directory())).succeeded();
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn a_request_in_the_name_of_a_kernel_thread_is_refused_and_the_log_says_whose_number_it_is() {
    let Some(threads) = kernel_threads() else { return };
    let mut daemon = Daemon::start();
    for thread in threads {
        daemon.queue().send(REQUEST_MTYPE, &encode_request(thread, b"op 2")).unwrap();
        daemon.wait_for_log(&format!("PID {thread}, which is a thread of the kernel"));
    }
    assert!(!daemon.log().contains("no living process"), "{}", daemon.log());
    let counters = json(daemon.builder(), &["stat"])["server"]["counters"].clone();
    assert_eq!((&counters["refused_pid"], &counters["refused_nobody"]), (&2.into(), &0.into()), "{counters}");
    wait_until("nothing is left", || daemon.queue().stat().unwrap().messages == 0);
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn msgqctl_never_shows_a_kernel_thread_as_a_client_that_lives() {
    let Some(threads) = kernel_threads() else { return };
    let (builder, queue) = queue_of_dead_msgqd();
    for thread in threads {
        queue.try_send(thread.into(), Response::new(0, b"x", BODY_LEN_LP64).as_bytes()).unwrap();
        queue.try_send(REQUEST_MTYPE, &encode_request(thread, b"op 2")).unwrap();
    }
    let stat = json(&builder, &["stat"]);
    let states: Vec<&Value> = stat["clients"].as_array().unwrap().iter().map(|client| &client["state"]).collect();
    assert!(!states.is_empty() && states.iter().all(|state| **state == "kernel"), "{stat}");
    for row in json(&builder, &["peek"])["messages"].as_array().unwrap() {
        assert_eq!(row["state"], "kernel", "{row}");
    }
    let explain = json(&builder, &["explain", &threads[1].to_string()]);
    assert_eq!(explain["state"], "kernel", "{explain}");
    let verdict = explain["verdict"].as_str().unwrap();
    assert!(verdict.contains("is a thread of the kernel, which uses no queue"), "{verdict}");
    let purge = json(&builder, &["purge", "--dry-run"]);
    for row in purge["removed"].as_array().unwrap() {
        assert_eq!(row["reason"], "kernel_thread", "{purge}");
    }
    assert_eq!(purge["messages"], 2, "{purge}");
}

/// Linux 6.13 and later tell whose a pidfd is.
fn pidfds_tell_their_owner() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let numbers: Vec<u32> = release.split(['.', '-']).map_while(|part| part.trim().parse().ok()).collect();
    numbers.get(..2).is_some_and(|version| version >= [6, 13].as_slice())
}

#[test]
fn a_kernel_thread_is_recognised_also_where_proc_hides_it_from_the_daemon() {
    let Some([_, thread]) = kernel_threads() else { return };
    if !is_root() || !pidfds_tell_their_owner() {
        return eprintln!("not shown: needs root, and Linux 6.13");
    }
    let builder = DaemonBuilder::new();
    let program = builder.copy_for_everyone(&msgqd()).display().to_string();
    let path = builder.directory().join("start");
    let hidden = format!(
        "mount -t proc -o hidepid=invisible proc /proc; test ! -e /proc/{thread} || exit 9; exec {program} \"$@\""
    );
    let as_stranger = format!("setpriv --reuid {STRANGER} --regid {STRANGER} --clear-groups");
    let script =
        hidden.replace("test !", &format!("{as_stranger} test !")).replace("exec ", &format!("exec {as_stranger} "));
    write_program(&path, &format!("#!/bin/sh\nexec unshare --mount -- sh -c '{script}' sh \"$@\"\n"));
    std::os::unix::fs::chown(builder.runtime_directory(), Some(STRANGER), None).unwrap();
    let mut daemon = builder.program(path).start();
    daemon.queue().send(REQUEST_MTYPE, &encode_request(thread, b"op")).unwrap();
    daemon.wait_for_log(&format!("PID {thread}, which is a thread of the kernel and asks nothing"));
    daemon.stop();
}
