//! A queue of the daemon's own user that nobody serves and that no table names may be another program's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{Daemon, DaemonBuilder, Process, ask, good_request_is_answered, msgqctl, wait_until};
use nix::sys::signal::Signal;
use std::process::Command;

/// Types that no process has while the kernel hands out fewer numbers.
const NOBODY: i64 = 4_194_200;
const JUNK: i64 = NOBODY + 50;

/// Messages of a program that msgqd knows nothing of.
fn put_foreign(queue: &Queue) {
    for mtype in [NOBODY, NOBODY + 1, NOBODY + 1, i64::MAX] {
        queue.try_send(mtype, b"work of another program").unwrap();
    }
}

fn foreign_messages_in(queue: &Queue) -> usize {
    let mut buffer = MessageBuffer::new();
    let messages = (0..100).map_while(|index| queue.peek(index, &mut buffer).unwrap().then(|| buffer.body().to_vec()));
    messages.filter(|body| body == b"work of another program").count()
}

/// What is sent later and is for nobody goes, after a look at all that rests.
fn junk_is_removed(queue: &Queue) {
    queue.try_send(JUNK, b"junk").unwrap();
    wait_until("junk that came later is removed", || !queue.has_message(JUNK).unwrap());
}

fn is_served_and_foreign_messages_stay(daemon: &Daemon) {
    let queue = daemon.queue();
    good_request_is_answered(daemon.key());
    junk_is_removed(&queue);
    junk_is_removed(&queue);
    assert_eq!(foreign_messages_in(&queue), 4, "{}", daemon.log());
}

fn purge(daemon: &Daemon, types: &[i64]) {
    let mut command = Command::new(msgqctl());
    command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory());
    command.args(["--key", &daemon.key().to_string(), "purge", "--type"]).args(types.iter().map(i64::to_string));
    let _ = Process::run(&mut command).succeeded();
}

#[test]
fn what_rests_in_a_queue_that_no_table_names_is_left_alone_and_named_while_requests_are_served() {
    let builder = DaemonBuilder::new().drain_timeout_ms(100);
    let queue = Queue::create(builder.key(), 0o660).unwrap();
    put_foreign(&queue);
    let own = i64::from(std::process::id());
    let request = msgq_core::layout::encode_request(std::process::id().cast_signed(), b"waited");
    queue.try_send(msgq_core::layout::REQUEST_MTYPE, &request).unwrap();
    let mut daemon = builder.start();
    let mut answer = MessageBuffer::new();
    wait_until("a request that waited there is answered", || queue.try_receive(own, &mut answer).unwrap());
    is_served_and_foreign_messages_stay(&daemon);
    let line = daemon
        .log()
        .lines()
        .find(|line| line.contains("4 messages that are neither requests nor answers"))
        .map(str::to_owned);
    let line = line.unwrap_or_else(|| panic!("{}", daemon.log()));
    for word in ["4194200, 4194201, 9223372036854775807", "left alone", "purge --type 4194200 4194201", "peek"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    daemon.signal(Signal::SIGTERM);
    let stopped = daemon.finish().succeeded();
    assert!(stopped.stderr.contains("the queue stays"), "{stopped:?}");
    assert_eq!(foreign_messages_in(&queue), 4, "{stopped:?}");
    let daemon = builder.start();
    is_served_and_foreign_messages_stay(&daemon);
    purge(&daemon, &[NOBODY, NOBODY + 1, i64::MAX]);
    junk_is_removed(&queue);
    queue.try_send(NOBODY, b"junk").unwrap();
    wait_until("once they are gone their type is as any other", || queue.stat().unwrap().messages == 0);
    daemon.stop();
}

#[test]
fn orphans_of_a_server_that_wrote_no_table_do_not_clog_the_queue() {
    let builder = DaemonBuilder::new().drain_timeout_ms(100);
    let queue = Queue::create(builder.key(), 0o660).unwrap();
    let answer = msgq_core::layout::encode_request(0, b"Processed: for a client that is dead");
    let orphans = (0..1000).take_while(|number| queue.try_send(NOBODY + number % 40, &answer).is_ok()).count();
    assert!(orphans > 50, "{orphans}");
    let daemon = builder.start();
    good_request_is_answered(daemon.key());
    wait_until("the queue is clean", || queue.stat().unwrap().messages == 0);
    assert!(!daemon.log().contains("nor answers"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn what_was_left_alone_is_left_alone_by_the_next_daemon_after_a_crash_too() {
    let builder = DaemonBuilder::new().drain_timeout_ms(100);
    put_foreign(&Queue::create(builder.key(), 0o660).unwrap());
    let daemon = builder.start();
    is_served_and_foreign_messages_stay(&daemon);
    let builder = daemon.crash();
    for option in ["--after-failure", "--remove-left-queues"] {
        let finished = builder.clone().arg(option).run().succeeded();
        assert!(finished.stderr.contains("may be another program's"), "{option}: {finished:?}");
    }
    let daemon = builder.start();
    is_served_and_foreign_messages_stay(&daemon);
}

#[test]
fn messages_in_a_queue_that_took_the_place_of_the_daemons_are_left_alone() {
    let mut daemon = DaemonBuilder::new().drain_timeout_ms(100).start();
    daemon.freeze();
    daemon.queue().remove().unwrap();
    put_foreign(&Queue::create(daemon.key(), 0o660).unwrap());
    daemon.thaw();
    daemon.wait_for_log("serving the new queue");
    is_served_and_foreign_messages_stay(&daemon);
    assert!(daemon.log().contains("4 messages that are neither requests nor answers"), "{}", daemon.log());
}

#[test]
fn in_the_queue_of_a_daemon_that_crashed_what_nobody_will_read_is_removed() {
    let daemon = Daemon::start();
    let queue = daemon.queue();
    let builder = daemon.crash();
    put_foreign(&queue);
    let daemon = builder.start();
    wait_until("the queue is clean", || queue.stat().unwrap().messages == 0);
    assert_eq!(ask(&queue, b"x").0, 0);
    assert!(!daemon.log().contains("nor answers"), "{}", daemon.log());
    daemon.stop();
}
