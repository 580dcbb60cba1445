//! What must not disturb the service: stops and continues, storms of signals, a queue that somebody removes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::Queue;
use msgqd_system_tests::{DaemonBuilder, PATIENCE_MS, Process, crowd, good_request_is_answered, wait_until};
use nix::sys::signal::Signal;
use std::process::Command;
use std::time::Duration;

#[test]
fn stopped_and_continued_it_answers_every_request() {
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new().workers(workers).start();
        let mut clients = Process::start(&mut crowd(daemon.key(), 20, 2000, PATIENCE_MS));
        clients.wait_for_stdout("started");
        for _ in 0..20 {
            daemon.freeze();
            daemon.thaw();
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(clients.finish().succeeded().stdout.contains("answered 40000 of 40000"));
        daemon.stop();
    }
}

#[test]
fn a_storm_of_harmless_signals_costs_no_answer() {
    const SIGNALS: [Signal; 5] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGWINCH, Signal::SIGCONT, Signal::SIGHUP];
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new().workers(workers).start();
        let mut clients = Process::start(&mut crowd(daemon.key(), 20, 5000, PATIENCE_MS));
        clients.wait_for_stdout("started");
        for signal in SIGNALS.iter().cycle().take(10_000) {
            daemon.signal(*signal);
            std::thread::sleep(Duration::from_micros(50));
        }
        assert!(clients.finish().succeeded().stdout.contains("answered 100000 of 100000"));
        good_request_is_answered(daemon.key());
        let log = daemon.stop().stderr;
        assert!(!log.contains("EINTR"), "an interrupted call shows in the log:\n{log}");
        assert!(log.lines().count() < 200, "{} lines for 10000 signals", log.lines().count());
    }
}

#[test]
fn a_queue_removed_under_load_is_made_anew_and_new_clients_are_served() {
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new().workers(workers).set("queue", "mode = \"0640\"").start();
        let removed = daemon.queue();
        let mut clients = Process::start(&mut crowd(daemon.key(), 20, 1_000_000, 500));
        clients.wait_for_stdout("started");
        wait_until("requests are being answered", || removed.stat().unwrap().last_receive_pid != 0);

        let _ = Process::run(Command::new("ipcrm").args(["--queue-key", &daemon.key().to_string()])).succeeded();
        wait_until("the queue is made anew", || Queue::open(daemon.key()).is_ok_and(|it| it.id() != removed.id()));
        good_request_is_answered(daemon.key());
        assert_eq!(daemon.queue().stat().unwrap().mode, 0o640);
        daemon.wait_for_log("error: somebody removed the queue");
        let finished = clients.finish();
        assert_ne!(finished.code(), 1, "a wrong answer: {finished:?}");
        daemon.stop();
    }
}

#[test]
fn a_queue_removed_at_idle_again_and_again_is_made_anew_each_time() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).start();
        for _ in 0..5 {
            let removed = daemon.queue();
            removed.remove().unwrap();
            wait_until("the queue is made anew", || Queue::open(daemon.key()).is_ok_and(|it| it.id() != removed.id()));
            good_request_is_answered(daemon.key());
        }
        daemon.stop();
    }
}

#[test]
fn a_removed_queue_is_made_anew_while_every_worker_is_busy() {
    let mut daemon = DaemonBuilder::new().drain_timeout_ms(100).held_handler("cat").workers(1).start();
    let queue = daemon.queue();
    queue.send(REQUEST_MTYPE, &encode_request(std::process::id().cast_signed(), b"slow")).unwrap();
    wait_until("it is in hand", || queue.stat().unwrap().messages == 0);
    queue.remove().unwrap();
    daemon.wait_for_log("serving the new queue");
    assert_ne!(daemon.queue().id(), queue.id());
    daemon.stop();
}
