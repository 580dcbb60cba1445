//! Clients with queues of their own: each answer goes to the queue that its request names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

#[path = "private_queues/clients.rs"]
mod clients;
#[path = "private_queues/cost.rs"]
mod cost;
#[path = "private_queues/disturbed.rs"]
mod disturbed;
#[path = "private_queues/killed.rs"]
mod killed;
#[path = "private_queues/reused.rs"]
mod reused;
#[path = "private_queues/rights.rs"]
mod rights;

use clients::{BY_KEY, BY_MSQID, NAMED, OwnQueue, own_pid, request, serving};
use msgqd_system_tests::{in_an_ipc_namespace, wait_until};

/// Asks once and checks the answer, its type included.
#[track_caller]
fn is_answered(protocol: &[&str], mtype: i64) {
    let daemon = serving(protocol).start();
    let own = OwnQueue::as_named_by(protocol);
    daemon.queue().send(1, &request(own_pid(), own.address(), "hello")).unwrap();
    assert_eq!(own.next(), (mtype, "Processed: hello".to_owned()));
    assert_eq!(daemon.queue().stat().unwrap().messages, 0, "nothing is sent to the queue of the requests");
    daemon.stop();
}

#[test]
fn an_answer_goes_to_the_queue_whose_msqid_the_request_names() {
    is_answered(&[BY_MSQID], 1);
    is_answered(&[BY_MSQID, NAMED], own_pid().into());
    is_answered(&[BY_MSQID, NAMED, "response_type = 7"], 7);
}

#[test]
fn an_answer_goes_to_the_queue_whose_key_the_request_names() {
    is_answered(&[BY_KEY], 1);
    is_answered(&[BY_KEY, NAMED], own_pid().into());
}

#[test]
fn an_answer_has_the_type_of_its_request_where_that_is_said() {
    let daemon = serving(&[BY_MSQID, "response_type = 'request'", "request_types = [3, 5]"]).start();
    let own = OwnQueue::new();
    for mtype in [5, 3] {
        daemon.queue().send(mtype, &request(own_pid(), own.queue.id(), "typed")).unwrap();
        assert_eq!(own.next().0, mtype);
    }
    daemon.stop();
}

#[test]
fn twenty_clients_at_once_get_each_their_own_answers() {
    for protocol in [&[BY_MSQID][..], &[BY_MSQID, NAMED], &[BY_KEY], &[BY_KEY, NAMED]] {
        let daemon = serving(protocol).workers(3).start();
        let queue = daemon.queue();
        std::thread::scope(|scope| {
            for number in 0..20 {
                scope.spawn(move || {
                    let own = OwnQueue::as_named_by(protocol);
                    for round in 0..200 {
                        let text = format!("{number}-{round}");
                        queue.send(1, &request(nix::unistd::gettid().as_raw(), own.address(), &text)).unwrap();
                        assert_eq!(own.next().1, format!("Processed: {text}"));
                    }
                    assert_eq!(own.queue.stat().unwrap().messages, 0, "an answer too many");
                });
            }
        });
        let finished = daemon.stop();
        let counted = |name| clients::counted(&finished.stderr, name);
        assert_eq!((counted("received"), counted("answered") + counted("answered_late")), (4000, 4000));
    }
}

#[test]
fn the_queue_with_msqid_0_is_a_queue_like_others() {
    in_an_ipc_namespace("the_queue_with_msqid_0_is_a_queue_like_others", || {
        let own = OwnQueue::new();
        assert_eq!(own.queue.id(), 0, "the first queue of a namespace");
        let daemon = serving(&[BY_MSQID]).start();
        daemon.queue().send(1, &request(own_pid(), 0, "zero")).unwrap();
        assert_eq!(own.next().1, "Processed: zero");
        daemon.stop();
    });
}

#[test]
fn a_request_that_fits_nothing_is_refused_on_the_clients_own_queue() {
    let daemon = serving(&[BY_MSQID, NAMED]).start();
    let own = OwnQueue::new();
    daemon.queue().send(1, &request(own_pid(), own.queue.id(), "long").repeat(2)).unwrap();
    let (_, text) = own.next();
    assert!(text.contains("the body has"), "{text}");
    daemon.stop();
}

#[test]
fn a_request_that_names_the_queue_of_the_requests_is_dropped() {
    let daemon = serving(&[BY_MSQID]).start();
    let own = OwnQueue::new();
    daemon.queue().send(1, &request(own_pid(), daemon.queue().id(), "loop")).unwrap();
    daemon.queue().send(1, &request(own_pid(), -5, "negative")).unwrap();
    daemon.queue().send(1, &request(own_pid(), own.queue.id(), "good")).unwrap();
    assert_eq!(own.next().1, "Processed: good");
    let finished = daemon.stop();
    assert!(finished.stderr.contains("which is a queue of this server"), "{finished:?}");
    assert!(finished.stderr.contains("received=3 answered=1 "), "it is no request to itself: {finished:?}");
    assert!(finished.stderr.contains("private_refused=1"), "{finished:?}");
}

#[test]
fn what_is_no_request_is_cleared_out_of_the_queue_of_the_requests() {
    for protocol in [&[BY_MSQID][..], &[BY_MSQID, NAMED]] {
        let daemon = serving(protocol).start();
        daemon.queue().send(own_pid().into(), b"what would be an answer elsewhere").unwrap();
        daemon.queue().send(77, b"").unwrap();
        wait_until("both are taken out", || daemon.queue().stat().unwrap().messages == 0);
        let finished = daemon.stop();
        assert!(finished.stderr.contains("orphans_nobody=2"), "{finished:?}");
    }
}
