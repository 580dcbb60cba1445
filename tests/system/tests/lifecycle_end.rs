//! What a stop leaves, what it says of that, and a stop that comes early or twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, decode_response, encode_request};
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{DaemonBuilder, msgqd_with_switches, wait_until};
use nix::sys::signal::Signal;

/// Ends a test long before it would be reached.
const NEVER_MS: usize = 600_000;

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

#[test]
fn the_last_line_says_what_was_left() {
    let script = "read text; case $text in quick) echo done;; *) exec sleep 600;; esac";
    let mut daemon = DaemonBuilder::new()
        .drain_timeout_ms(300)
        .workers(1)
        .set("handler", &format!("kind = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", {script:?}]"))
        .start();
    let queue = daemon.queue();
    let ask = |text: &[u8]| queue.send(REQUEST_MTYPE, &encode_request(own_pid(), text)).unwrap();
    ask(b"quick");
    wait_until("an answer rests in the queue", || queue.has_message(own_pid().into()).unwrap());
    for _ in 0..4 {
        ask(b"slow");
    }
    wait_until("one is in hand", || queue.stat().unwrap().messages == 4);
    daemon.signal(Signal::SIGTERM);
    let log = daemon.finish().succeeded().stderr;
    let left = "left were 3 requests and 1 answer in the queue, 1 request in hand and 0 answers in the outbox";
    assert!(log.contains(left), "{left:?} is missing: {log}");
}

#[test]
fn what_the_owner_asks_at_the_last_moment_is_answered_or_refused_or_told_of() {
    // The program takes a second to end, in which the queue must not be there any more.
    let builder = DaemonBuilder::new();
    let told = builder.directory().join("told-to-end");
    let script =
        format!("printf 'msgqd-handler 1\\n'; trap '' TERM; cat >/dev/null; echo >{}; sleep 1", told.display());
    let mut daemon = builder
        .drain_timeout_ms(NEVER_MS)
        .set("handler", "kind = \"worker\"\nmax_concurrency = 1")
        .set("handler", &format!("command = [\"/bin/sh\", \"-c\", {script:?}]"))
        .start();
    let queue = daemon.queue();
    daemon.signal(Signal::SIGTERM);
    wait_until("the program is told to end", || told.exists());
    let accepted =
        (0..8).filter(|_| queue.try_send(REQUEST_MTYPE, &encode_request(own_pid(), b"late")).is_ok()).count();
    let log = daemon.finish().succeeded().stderr;
    assert!(accepted == 0 || !log.contains("every answer fetched"), "{accepted} were accepted and lost: {log}");
    assert_eq!(accepted, 0, "{log}");
    assert!(log.contains("nothing was left"), "{log}");
}

#[test]
fn a_queue_that_a_worker_is_making_anew_when_the_stop_comes_is_removed() {
    for workers in [1, 4] {
        let builder = DaemonBuilder::new().workers(workers).program(msgqd_with_switches());
        let mut daemon = builder.env("MSGQD_TEST_PAUSE_AT", "queue-lost:700").start();
        let key = daemon.key();
        daemon.queue().remove().unwrap();
        daemon.wait_for_log("somebody removed the queue");
        daemon.signal(Signal::SIGTERM);
        let builder = daemon.builder().clone();
        let finished = daemon.finish().succeeded();
        assert!(Queue::open(key).is_err(), "it stays behind: {finished:?}");
        drop(builder);
    }
}

#[test]
fn a_second_sigterm_ends_it_at_once_also_where_it_keeps_the_queue() {
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new()
            .workers(workers)
            .drain_timeout_ms(NEVER_MS)
            .set("service", "on_stop = \"keep\"")
            .set("handler", "kind = \"exec\"\ncommand = [\"/bin/sleep\", \"600\"]")
            .start();
        let queue = daemon.queue();
        queue.send(REQUEST_MTYPE, &encode_request(own_pid(), b"slow")).unwrap();
        wait_until("the request is taken", || queue.stat().unwrap().messages == 0);
        daemon.signal(Signal::SIGTERM);
        daemon.wait_for_log("finishing what is in hand");
        daemon.signal(Signal::SIGTERM);
        // The queue is removed with the last user of its key.
        let _builder = daemon.builder().clone();
        let log = daemon.finish().succeeded().stderr;
        assert!(log.contains("queue kept for the next start"), "{log}");
        assert!(log.contains("the next server answers its request by on_crash"), "{log}");
        assert!(queue.stat().is_ok());
    }
}

#[test]
fn a_stop_does_not_wait_for_what_an_earlier_server_had_in_hand_and_is_no_crash_of_it() {
    let builder = DaemonBuilder::new().workers(1).drain_timeout_ms(200).set("service", "on_stop = \"keep\"");
    let begun = builder.directory().join("begun");
    let times_begun = || std::fs::read(&begun).map_or(0, |file| file.len());
    let script = format!("printf . >>{}; exec sleep 600", begun.display());
    let slow = format!("kind = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", {script:?}]\ntimeout_ms = 600000");
    let daemon = builder.clone().set("handler", &slow).start();
    let queue = daemon.queue();
    queue.send(REQUEST_MTYPE, &encode_request(own_pid(), b"asked long ago")).unwrap();
    wait_until("the request is in hand", || times_begun() == 1);
    let slow = daemon.crash();
    for earlier in 1..=4 {
        let mut daemon = slow.spawn();
        daemon.wait_for_log("finishing what it had in hand");
        wait_until("the request is in hand again", || times_begun() > earlier);
        daemon.signal(Signal::SIGTERM);
        let log = daemon.finish().succeeded().stderr;
        assert!(log.contains("the queue is kept for the next start"), "{log}");
    }
    let daemon = builder.set("handler", "kind = \"echo\"").start();
    let mut buffer = MessageBuffer::new();
    wait_until("the request is answered", || queue.try_receive(own_pid().into(), &mut buffer).unwrap());
    let answer = decode_response(buffer.body()).unwrap();
    assert_eq!(answer.text, b"Processed: asked long ago", "{}", daemon.log());
}

#[test]
fn a_stop_in_the_middle_of_a_recovery_removes_the_queue_where_it_is_to() {
    let slow = "kind = \"exec\"\ncommand = [\"/bin/sleep\", \"600\"]\ntimeout_ms = 600000";
    let daemon = DaemonBuilder::new().workers(1).drain_timeout_ms(NEVER_MS).set("handler", slow).start();
    let queue = daemon.queue();
    queue.send(REQUEST_MTYPE, &encode_request(own_pid(), b"slow")).unwrap();
    wait_until("the request is taken", || queue.stat().unwrap().messages == 0);
    let mut daemon = daemon.crash().spawn();
    daemon.wait_for_log("finishing what it had in hand");
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for_log("they have 600000 ms to be finished");
    let builder = daemon.builder().clone();
    daemon.stop();
    let left: Vec<_> = std::fs::read_dir(builder.runtime_directory()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
