//! The deadlock of the plain server, and msgqd where the plain server gets stuck.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::{Queue, QueueKey};
use msgqd_system_tests::{Daemon, DaemonBuilder, Finished, PlainServer, Process, crowd, wait_until};

/// How many requests of 264 bytes a queue of 16384 bytes holds.
const FULL: usize = 62;
/// Exit status of the crowd when answers stopped coming.
const STALLED: i32 = 4;

/// Starts the clients and waits until the queue, which nobody serves for now, holds as many requests as it can.
fn gather(key: QueueKey, clients: usize, requests: usize, stall_ms: usize) -> Process {
    let queue = Queue::open(key).unwrap();
    let mut crowd = Process::start(&mut crowd(key, clients, requests, stall_ms));
    crowd.wait_for_stdout("started");
    wait_until("the queue holds all it can", || {
        usize::try_from(queue.stat().unwrap().messages).unwrap() == clients.min(FULL)
    });
    crowd
}

/// With answers in the same queue, and in a second one.
fn daemons(workers: usize) -> [Daemon; 2] {
    let builder = DaemonBuilder::new().workers(workers).set("queue", "max_bytes = 16384");
    builder.with_one_queue_and_with_two().map(|builder| builder.start())
}

fn plain_server_with(clients: usize, requests: usize) -> Finished {
    let mut server = PlainServer::start();
    let key = server.key();
    server.process().freeze();
    let crowd = gather(key, clients, requests, 1000);
    server.process().thaw();
    crowd.finish()
}

fn msgqd_with(daemon: &mut Daemon, clients: usize, requests: usize) {
    daemon.freeze();
    let crowd = gather(daemon.key(), clients, requests, 30_000);
    daemon.thaw();
    let finished = crowd.finish().succeeded();
    let all = clients * requests;
    assert!(finished.stdout.contains(&format!("answered {all} of {all};")), "{}", finished.stdout);
    assert_eq!(daemon.queue().stat().unwrap().messages, 0, "a request too many");
    assert_eq!(daemon.answers().stat().unwrap().messages, 0, "an answer too many");
}

#[test]
fn the_plain_server_serves_as_many_clients_as_its_queue_has_places() {
    assert_eq!(plain_server_with(FULL, 100).code(), 0);
}

#[test]
fn the_plain_server_gets_stuck_with_one_client_more() {
    assert_eq!(plain_server_with(FULL + 1, 20_000).code(), STALLED);
}

#[test]
fn the_plain_server_gets_stuck_when_500_clients_send_one_request_each() {
    assert_eq!(plain_server_with(500, 1).code(), STALLED);
}

#[test]
fn msgqd_answers_every_client_that_sends_one_request() {
    for workers in [1, 4] {
        for mut daemon in daemons(workers) {
            for clients in [FULL, 63, 64, 100, 500, 1000] {
                msgqd_with(&mut daemon, clients, 1);
            }
            daemon.stop();
        }
    }
}

#[test]
fn msgqd_answers_every_client_that_sends_100_requests() {
    for (workers, crowds) in [(1, [63, 64, 100, 500, 1000].as_slice()), (4, &[63, 500])] {
        for mut daemon in daemons(workers) {
            for clients in crowds {
                msgqd_with(&mut daemon, *clients, 100);
            }
            daemon.stop();
        }
    }
}
