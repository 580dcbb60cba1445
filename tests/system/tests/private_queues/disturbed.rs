//! Queues of clients' own that are full, too small or gone, and a server that loses its queue or stops.

use crate::clients::{ANSWER_LEN, BY_KEY, BY_MSQID, NAMED, OwnQueue, counted, own_pid, request, serving};
use msgq_core::queue::{Queue, QueueSettings};
use msgqd_system_tests::{Daemon, DaemonBuilder, Until, eventually, wait_until};
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Asks for more answers than there is room for, and waits until all are handled.
#[track_caller]
fn fill(daemon: &Daemon, own: &OwnQueue, count: u64) {
    let queue = daemon.queue();
    for number in 0..count {
        queue.send(1, &request(own_pid(), own.queue.id(), &number.to_string())).unwrap();
    }
    wait_until("all are handled", || queue.stat().unwrap().messages == 0);
    wait_until("the answers that fit are there", || own.queue.stat().unwrap().bytes / ANSWER_LEN > 0);
}

#[track_caller]
fn has_all(own: &OwnQueue, count: u64) {
    for number in 0..count {
        assert_eq!(own.next().1, format!("Processed: {number}"));
    }
    assert!(own.is_empty());
}

#[test]
fn a_full_queue_gets_the_rest_in_order_once_its_client_reads() {
    for protocol in [[BY_MSQID, ""], [BY_MSQID, NAMED]] {
        let daemon = serving(&protocol).workers(2).start();
        let own = OwnQueue::with_room_for(3);
        fill(&daemon, &own, 40);
        std::thread::sleep(Duration::from_millis(300));
        has_all(&own, 40);
        let finished = daemon.stop();
        assert!(finished.stderr.contains("is full: its answers wait"), "{finished:?}");
        assert_eq!(counted(&finished.stderr, "answered") + counted(&finished.stderr, "answered_late"), 40);
        assert!(counted(&finished.stderr, "private_full") > 1, "it is tried again: {finished:?}");
    }
}

#[test]
fn tries_of_a_full_queue_grow_rare() {
    let daemon = serving(&[BY_MSQID]).start();
    let own = OwnQueue::with_room_for(1);
    let began = Instant::now();
    fill(&daemon, &own, 2);
    std::thread::sleep(Duration::from_secs(3));
    let tries = began.elapsed().as_millis();
    has_all(&own, 2);
    let full = counted(&daemon.stop().stderr, "private_full");
    assert!(u128::from(full) < 16 + tries / 500, "{full} tries");
}

#[test]
fn a_queue_that_is_too_small_for_any_answer_is_not_tried_for_ever() {
    let daemon = serving(&[BY_MSQID, NAMED]).start();
    let (small, good) = (OwnQueue::new(), OwnQueue::new());
    small.queue.set(&QueueSettings { max_bytes: Some(ANSWER_LEN - 1), ..QueueSettings::default() }).unwrap();
    daemon.queue().send(1, &request(own_pid(), small.queue.id(), "wide")).unwrap();
    daemon.queue().send(1, &request(own_pid(), good.queue.id(), "next")).unwrap();
    assert_eq!(good.next().1, "Processed: next");
    let finished = daemon.stop();
    assert!(finished.stderr.contains("it has 68 bytes, and its queue"), "{finished:?}");
    assert!(finished.stderr.contains("never has room for more than 67"), "{finished:?}");
    assert_eq!(counted(&finished.stderr, "private_unwritable"), 1);
    assert!(finished.stderr.contains("nothing was left"), "{finished:?}");
}

fn slow(builder: DaemonBuilder) -> DaemonBuilder {
    builder.set("handler", "kind = 'exec'").set("handler", "command = ['sh', '-c', 'sleep 0.3; cat']")
}

#[test]
fn a_queue_that_goes_before_its_answer_is_its_clients_affair_alone() {
    for protocol in [[BY_MSQID, NAMED], [BY_KEY, NAMED]] {
        let builder = serving(&protocol).held_handler("cat");
        let daemon = builder.clone().start();
        let [gone, good] = [(); 2].map(|()| OwnQueue::as_named_by(&protocol));
        daemon.queue().send(1, &request(own_pid(), gone.address(), "gone")).unwrap();
        wait_until("it is with the handler", || builder.handlers_begun() == 1);
        gone.queue.remove().unwrap();
        builder.let_handlers_go();
        // The next one names no queue at all: by a key that is found out, by a msqid that was good when the answer is sent.
        daemon.queue().send(1, &request(own_pid(), gone.address(), "nowhere")).unwrap();
        daemon.queue().send(1, &request(own_pid(), good.address(), "good")).unwrap();
        assert_eq!(good.next().1, "good");
        let finished = daemon.stop();
        assert!(finished.stderr.contains("the client removed its queue"), "{finished:?}");
        assert_eq!(counted(&finished.stderr, "private_gone"), 2);
        assert!(protocol[0] == BY_MSQID || counted(&finished.stderr, "handler_done") == 2, "{finished:?}");
    }
}

#[test]
fn answers_that_wait_for_a_queue_end_when_it_is_removed() {
    let daemon = serving(&[BY_MSQID]).start();
    let own = OwnQueue::with_room_for(1);
    fill(&daemon, &own, 5);
    own.queue.remove().unwrap();
    let finished = daemon.stop();
    assert!(finished.stderr.contains("nothing was left"), "{finished:?}");
    assert_eq!(counted(&finished.stderr, "private_gone"), 4);
}

#[test]
fn answers_of_a_full_queue_end_with_their_time_and_are_named() {
    let daemon = serving(&[BY_MSQID]).set("service", "response_ttl_s = 1").start();
    let own = OwnQueue::with_room_for(1);
    fill(&daemon, &own, 3);
    wait_until("they are dropped", || daemon.log().contains("was full for response_ttl_s = 1"));
    let finished = daemon.stop();
    assert_eq!(counted(&finished.stderr, "expired"), 2);
    has_all(&own, 1);
}

#[test]
fn of_a_dead_client_nothing_waits_and_nothing_is_taken_from_its_queue() {
    let daemon = serving(&[BY_MSQID, NAMED]).start();
    let own = OwnQueue::with_room_for(2);
    let mut client = msgqd_system_tests::Process::start(std::process::Command::new("sleep").arg("600"));
    for number in 0..6 {
        daemon.queue().send(1, &request(client.pid(), own.queue.id(), &number.to_string())).unwrap();
    }
    wait_until("all are handled", || daemon.queue().stat().unwrap().messages == 0);
    wait_until("its queue is full", || own.queue.stat().unwrap().messages == 2);
    client.signal(Signal::SIGKILL);
    wait_until("it is dead", || !client.is_running());
    wait_until("its death is noticed", || daemon.log().contains("died before it read"));
    has_all(&own, 2);
    let finished = daemon.stop();
    assert_eq!(counted(&finished.stderr, "client_gone"), 4);
}

#[test]
fn what_waits_outlives_the_queue_of_the_requests() {
    let daemon = serving(&[BY_MSQID]).start();
    let own = OwnQueue::with_room_for(1);
    fill(&daemon, &own, 4);
    let lost = daemon.queue();
    lost.remove().unwrap();
    wait_until("the queue is made anew", || Queue::open(daemon.key()).is_ok_and(|queue| queue.id() != lost.id()));
    has_all(&own, 4);
    let finished = daemon.stop();
    assert_eq!(counted(&finished.stderr, "queue_removed"), 0);
}

#[test]
fn what_waits_at_a_stop_that_keeps_the_queue_is_sent_by_the_next_server() {
    for queue_is_lost in [false, true] {
        let builder = serving(&[BY_MSQID]).set("service", "on_stop = 'keep'").drain_timeout_ms(300);
        let mut daemon = builder.start();
        let own = OwnQueue::with_room_for(1);
        fill(&daemon, &own, 4);
        daemon.signal(Signal::SIGTERM);
        let finished = daemon.finish().succeeded();
        assert!(finished.stderr.contains("3 answers wait in the table"), "{finished:?}");
        if queue_is_lost {
            Queue::open(builder.key()).unwrap().remove().unwrap();
        }
        let mut next = builder.start();
        has_all(&own, 4);
        next.signal(Signal::SIGTERM);
        assert_eq!(counted(&next.finish().succeeded().stderr, "recovered"), 3);
    }
}

#[test]
fn a_stop_waits_for_what_can_be_sent_and_not_for_its_reader() {
    let mut daemon = slow(serving(&[BY_MSQID])).start();
    let own = OwnQueue::new();
    for text in ["one", "two"] {
        daemon.queue().send(1, &request(own_pid(), own.queue.id(), text)).unwrap();
    }
    daemon.signal(Signal::SIGTERM);
    let finished = daemon.finish().succeeded();
    assert!(finished.stderr.contains("nothing was left"), "{finished:?}");
    assert_eq!(own.queue.stat().unwrap().messages, 2);
}

#[test]
fn a_reload_keeps_what_waits() {
    let mut daemon = serving(&[BY_MSQID]).set("service", "spin_us = 0").start();
    let own = OwnQueue::with_room_for(1);
    fill(&daemon, &own, 4);
    let _ = daemon.builder().clone().workers(3).write_config();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("reloaded");
    has_all(&own, 4);
    daemon.stop();
}

/// Counts rounds of two requests each to a queue with room for one answer, so that the outbox is in use all the time.
fn ask_in_pairs(daemon: &Daemon, rounds: &AtomicU64, until: &Until) {
    let (queue, own) = (daemon.queue(), OwnQueue::with_room_for(1));
    while !until.is_over() {
        for text in ["first", "second"] {
            queue.send(1, &request(own_pid(), own.queue.id(), text)).unwrap();
        }
        for text in ["first", "second"] {
            assert_eq!(own.next().1, format!("Processed: {text}"));
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_queue_that_stays_full_does_not_slow_twenty_others_down() {
    let daemon = serving(&[BY_MSQID]).start();
    let (rounds, until) = (AtomicU64::new(0), Until::default());
    let own = OwnQueue::with_room_for(1);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| ask_in_pairs(&daemon, &rounds, &until));
        }
        let _end = until.guard();
        let in_a_while = || {
            let before = rounds.load(Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(700));
            rounds.load(Ordering::Relaxed) - before
        };
        let before = in_a_while();
        for number in 0..500 {
            daemon.queue().send(1, &request(own_pid(), own.queue.id(), &number.to_string())).unwrap();
        }
        // The machine is others' too: it is enough that they are served as well once.
        let is_as_fast = eventually(Duration::from_secs(60), || in_a_while() * 4 > before * 3);
        assert!(is_as_fast, "{before} rounds before, and never as many while another's queue is full");
    });
    own.queue.remove().unwrap();
    daemon.stop();
}
