//! Clients in a PID namespace of their own that share the IPC namespace, as in a container with `--ipc=host`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgqd_system_tests::{
    ClientCall, Daemon, DaemonBuilder, PlainServer, Process, ScratchKey, is_blocked_in, is_root, msgqctl, msgqd,
    test_client, wait_until, write_program,
};
use serde_json::Value;
use std::process::Command;

/// A program as PID 1 of a PID namespace of its own, or as a later number where `count` processes ran before it.
fn in_a_container(before: usize, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    // PID 1 stays a shell, so that the program has a number that a client can have.
    let script = format!("for i in $(seq {before}); do /bin/true; done; \"$@\"; exit $?");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--", "sh", "-c", &script, "sh", program]);
    command.args(arguments);
    command
}

/// The number here of the process in the container that has this name.
fn number_here(name: &str, own_pid: i32) -> Option<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.find(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.starts_with(&format!("Name:\t{name}\n")) && status.contains(&format!("\nNSpid:\t{pid}\t{own_pid}\n"))
    })
}

fn checks_of(report: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {report}"));
    report["checks"].as_array().unwrap().clone()
}

fn check(report: &str) -> Value {
    checks_of(report).into_iter().find(|check| check["check"] == "client_pid_namespaces").unwrap()
}

fn doctor(builder: &DaemonBuilder) -> String {
    let mut command = Command::new(msgqctl());
    command.args(["--json", "--key", &builder.key().to_string(), "doctor"]);
    Process::run(command.env("RUNTIME_DIRECTORY", builder.runtime_directory())).stdout
}

#[test]
fn a_client_in_a_container_is_named_in_the_log_and_by_doctor_and_what_helps_is_said() {
    if !is_root() {
        return eprintln!("not shown: only root can make a PID namespace");
    }
    let mut daemon = Daemon::start();
    let key = daemon.key().to_string();
    let program = test_client("client").display().to_string();
    // The shell is 1 and `seq` was 2.
    let client = Process::start(&mut in_a_container(40, &program, &[&key, "1", "x"]));
    let own_pid = 43;
    wait_until("the client waits for its answer", || {
        number_here("client", own_pid).is_some_and(|pid| is_blocked_in(pid, ClientCall::Receive))
    });
    let pid = number_here("client", own_pid).unwrap();
    daemon.wait_for_log("in a PID namespace of its own");
    let said = daemon.log();
    let line = said.lines().find(|line| line.contains("in a PID namespace of its own")).unwrap();
    for word in [&format!("PID {pid} (client)"), "names PID 43", "--pid=host", "client_is = \"number\""] {
        assert!(line.contains(word), "{word:?} is missing: {line}");
    }
    let finding = check(&doctor(daemon.builder()));
    assert_eq!(finding["state"], "problem", "{finding}");
    for word in [&format!("PID {pid} (client)"), "PID 43 for itself", "--pid=host"] {
        assert!(finding.to_string().contains(word), "{word:?} is missing: {finding}");
    }
    assert!(!said.contains("thread of the kernel"), "{said}");
    drop(client);
    wait_until("the container is gone", || number_here("client", own_pid).is_none());
    assert_eq!(check(&doctor(daemon.builder()))["state"], "fine");
    daemon.stop();
}

#[test]
fn inside_of_a_container_doctor_says_that_numbers_there_mean_others_to_the_server() {
    if !is_root() {
        return eprintln!("not shown: only root can make a PID namespace");
    }
    let daemon = Daemon::start();
    msgqd_system_tests::good_request_is_answered(daemon.key());
    let (key, program) = (daemon.key().to_string(), msgqctl().display().to_string());
    let inside = Process::run(&mut in_a_container(0, &program, &["--json", "--key", &key, "doctor"])).stdout;
    let finding = check(&inside);
    assert!(finding["state"] == "warning" || finding["state"] == "problem", "{finding}");
    for word in ["this shell is in a PID namespace of its own", "pid:[", "--pid=host", "client_is"] {
        assert!(finding.to_string().contains(word), "{word:?} is missing: {finding}");
    }
    daemon.stop();
}

#[test]
fn inside_of_a_container_who_used_the_queue_outside_is_not_called_gone() {
    if !is_root() {
        return eprintln!("not shown: only root can make a PID namespace");
    }
    let server = PlainServer::start();
    msgqd_system_tests::good_request_is_answered(server.key());
    let (key, program) = (server.key().to_string(), msgqctl().display().to_string());
    let inside = |arguments: &[&str]| {
        let finished = Process::run(&mut in_a_container(0, &program, &[&["--key", &key], arguments].concat()));
        finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let stat = inside(&["stat"]);
    for word in ["from outside of this PID namespace", "who sent last is outside of this PID namespace"] {
        assert!(stat.contains(word), "{word:?} is missing: {stat}");
    }
    assert!(!stat.contains("gone or hidden") && !stat.contains("neither who sent"), "{stat}");
    let explain = inside(&["explain", "7"]);
    assert!(explain.contains("who sent to this queue last is outside of this PID namespace"), "{explain}");
}

#[test]
fn a_server_in_a_container_says_that_clients_outside_have_other_numbers() {
    if !is_root() {
        return eprintln!("not shown: only root can make a PID namespace");
    }
    let builder = DaemonBuilder::new();
    let path = builder.directory().join("start");
    let program = msgqd().display().to_string();
    write_program(&path, &format!("#!/bin/sh\nexec unshare --pid --fork --kill-child --mount-proc {program} \"$@\"\n"));
    let mut daemon = builder.program(path).start();
    let outside = std::process::id().cast_signed();
    daemon.queue().send(REQUEST_MTYPE, &encode_request(outside, b"x")).unwrap();
    daemon.wait_for_log(&format!("dropped a request that names PID {outside}: no living process or thread has it"));
    daemon.wait_for_log("runs outside of this server's own PID namespace; start it with --pid=host");
}

#[test]
fn doctor_looks_for_clients_in_containers_on_the_queue_of_another_server_once_its_protocol_is_named() {
    if !is_root() {
        return eprintln!("not shown: only root can make a PID namespace");
    }
    let key = ScratchKey::new();
    let _queue = msgq_core::queue::Queue::create(key.key(), 0o660).unwrap();
    let (key, program) = (key.key().to_string(), test_client("client").display().to_string());
    let client = Process::start(&mut in_a_container(50, &program, &[&key, "1", "x"]));
    wait_until("the client waits for its answer", || {
        number_here("client", 53).is_some_and(|pid| is_blocked_in(pid, ClientCall::Receive))
    });
    let state = |options: &[&str]| {
        let mut command = Command::new(msgqctl());
        check(&Process::run(command.args(["--json", "--key", &key, "doctor"]).args(options)).stdout)["state"].clone()
    };
    assert_eq!((state(&[]), state(&["--protocol", "plain"])), ("not_applicable".into(), "problem".into()));
    drop(client);
}
