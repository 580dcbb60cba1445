//! When the watchdog of the service manager is fed, and when it is not: for as long as the daemon's own threads make progress,
//! whatever clients and handlers do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Process, ServiceManager, ask, hostile, msgqd_with_switches, wait_until, write_program,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

/// Fed once in a second.
fn watched(builder: DaemonBuilder) -> (ServiceManager, Daemon) {
    let (manager, builder) = ServiceManager::listen(builder);
    (manager, builder.env("WATCHDOG_USEC", "3000000").start())
}

/// A thread of the daemon stands still at `place` after `disturb`: that is said, and the watchdog is fed no more.
#[track_caller]
fn is_a_stall<T>(place: &str, workers: usize, said: &str, disturb: impl FnOnce(&Daemon) -> T) {
    let builder = DaemonBuilder::new().program(msgqd_with_switches()).workers(workers);
    let (mut manager, mut daemon) = watched(builder.env("MSGQD_TEST_PAUSE_AT", format!("{place}:600000")));
    wait_until("it is fed", || manager.feeds() > 0);
    let clients = disturb(&daemon);
    daemon.wait_for_log(said);
    let before = manager.feeds();
    std::thread::sleep(Duration::from_secs(4));
    // One may have been on its way.
    assert!(manager.feeds() <= before + 1, "it is fed: {}", daemon.log());
    drop(clients);
    daemon.crash();
}

fn send_requests(daemon: &Daemon, count: usize) {
    let own_pid = std::process::id().cast_signed();
    for _ in 0..count {
        daemon.queue().send(REQUEST_MTYPE, &encode_request(own_pid, b"x")).unwrap();
    }
}

#[test]
fn a_worker_that_stands_still_after_it_received_is_a_stall() {
    is_a_stall("received", 1, "requests wait and no worker takes them", |daemon| send_requests(daemon, 2));
}

#[test]
fn a_worker_that_stands_still_before_it_has_handled_is_a_stall_also_when_others_go_on() {
    let said = "a request is with the handler for longer than the handler's own time limit";
    is_a_stall("handling", 3, said, |daemon| send_requests(daemon, 1));
}

#[test]
fn a_worker_that_stands_still_with_its_answer_is_a_stall() {
    for place in ["answered", "sending"] {
        is_a_stall(place, 1, "a worker has an answer and does not give it out", |daemon| send_requests(daemon, 1));
    }
}

#[test]
fn a_courier_that_stands_still_is_a_stall() {
    is_a_stall("courier-sending", 1, "answers wait that could be sent, and none is", |daemon| {
        let full = ["never_read", "100"];
        (0..2).map(|_| Process::start(&mut hostile(daemon.key(), &full))).collect::<Vec<_>>()
    });
}

#[test]
fn a_janitor_that_stands_still_is_a_stall() {
    is_a_stall("reaping", 1, "the janitor stands still", |daemon| {
        let client = Process::start(&mut hostile(daemon.key(), &["never_read", "5"]));
        let queue = daemon.queue();
        wait_until("an answer rests", || queue.has_message(client.pid().into()).unwrap());
        drop(client);
    });
}

/// The watchdog is fed while a request is with a handler that gives no answer, and the client gets an error in the end.
/// `halt` is called once the request is there.
#[track_caller]
fn is_fed_beside(builder: DaemonBuilder, outcome: &str, halt: impl FnOnce(&Daemon)) {
    // Longer than a stall of the daemon may last.
    let builder = builder.set("handler", "timeout_ms = 15000");
    let (mut manager, daemon) = watched(builder);
    let queue = daemon.queue();
    let client = std::thread::spawn(move || ask(&queue, b"x"));
    halt(&daemon);
    let before = manager.feeds();
    let (status, text) = client.join().unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(status == -1 && text.contains(outcome), "{status} {text}");
    assert!(manager.feeds() > before + 5, "it starves: {}", daemon.log());
    assert!(!daemon.log().contains("the watchdog is not fed"), "{}", daemon.log());
    daemon.stop();
}

fn pid_in(file: &Path) -> i32 {
    let pid = || std::fs::read_to_string(file).ok()?.trim().parse().ok();
    wait_until("the program runs", || pid().is_some());
    pid().unwrap()
}

#[test]
fn a_command_that_never_ends_costs_its_client_an_error_and_the_watchdog_nothing() {
    let builder = DaemonBuilder::new().set("handler", "kind = \"exec\"\ncommand = [\"/bin/sleep\", \"1000\"]");
    is_fed_beside(builder, "did not end within the time limit", |_| ());
}

#[test]
fn a_command_that_is_stopped_is_killed_at_its_limit() {
    let builder = DaemonBuilder::new();
    let file = builder.directory().join("pid");
    let script = format!("echo $$ >{}; exec sleep 1000", file.display());
    let command = format!("kind = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]");
    let mut stopped = Pid::from_raw(0);
    is_fed_beside(builder.set("handler", &command), "did not end within the time limit", |_| {
        stopped = Pid::from_raw(pid_in(&file));
        kill(stopped, Signal::SIGSTOP).unwrap();
    });
    assert!(kill(stopped, None).is_err(), "it lives");
}

#[test]
fn a_worker_program_that_stands_still_is_replaced_at_its_limit() {
    let builder = DaemonBuilder::new();
    let (file, program) = (builder.directory().join("pid"), builder.directory().join("worker"));
    write_program(
        &program,
        &format!("#!/bin/sh\necho 'msgqd-handler 1'\necho $$ >{}\nexec sleep 1000\n", file.display()),
    );
    let settings = format!("kind = \"worker\"\ncommand = [\"{}\"]\nmax_concurrency = 1", program.display());
    is_fed_beside(builder.set("handler", &settings), "did not answer within the time limit", |_| {
        kill(Pid::from_raw(pid_in(&file)), Signal::SIGSTOP).unwrap();
    });
}

#[test]
fn a_service_that_does_not_answer_costs_the_watchdog_nothing() {
    let builder = DaemonBuilder::new();
    let socket = builder.directory().join("service");
    let service = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        let mut connections = Vec::new();
        for connection in service.incoming() {
            let mut connection = connection.unwrap();
            // It says hello, and nothing else.
            connection.write_all(b"msgqd-handler 1\n").unwrap();
            connections.push(connection);
        }
    });
    let settings = format!("kind = \"unix\"\nsocket = \"{}\"\nmax_concurrency = 1", socket.display());
    is_fed_beside(builder.set("handler", &settings), "did not answer within the time limit", |_| ());
}

#[test]
fn a_queue_that_is_full_of_answers_nobody_reads_costs_the_watchdog_nothing() {
    let (mut manager, daemon) = watched(DaemonBuilder::new().set("queue", "max_bytes = 2640"));
    // More of them than places: one answer of each rests in any case.
    let clients: Vec<_> = (0..12).map(|_| Process::start(&mut hostile(daemon.key(), &["never_read", "100"]))).collect();
    let queue = daemon.queue();
    wait_until("the queue is full", || queue.stat().unwrap().bytes + 264 > 2640);
    let before = manager.feeds();
    // Longer than a stall of the daemon may last.
    std::thread::sleep(Duration::from_secs(15));
    assert!(manager.feeds() > before + 5, "it starves: {}", daemon.log());
    assert!(!daemon.log().contains("the watchdog is not fed"), "{}", daemon.log());
    drop(clients);
    daemon.stop();
}
