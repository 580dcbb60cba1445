//! Stops, crashes and failures: what becomes of both queues.

use super::{Daemon, DaemonBuilder, Messages, Process, Queue, held, is_empty, own_pid, send, wait_until_in_hand};
use msgq_core::queue::MessageBuffer;
use msgqd_system_tests::{LIMIT, answers_of, ask, wait_until};
use nix::sys::signal::Signal;

#[test]
fn a_stop_answers_what_is_queued_and_then_removes_both_queues() {
    let builder = held();
    let mut daemon = builder.clone().start();
    let (requests, answers) = (daemon.queue(), daemon.answers());
    for text in ["one", "two"] {
        send(&requests, text);
    }
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for_log("stopping:");
    builder.let_handlers_go();
    let mut buffer = MessageBuffer::new();
    for _ in 0..2 {
        answers.receive(own_pid().into(), &mut buffer).unwrap();
    }
    let stopped = daemon.finish().succeeded();
    assert!(stopped.stderr.contains("stopped: both queues removed; nothing was left"), "{stopped:?}");
    assert!(requests.stat().is_err() && answers.stat().is_err());
}

#[test]
fn who_waits_when_the_time_of_a_stop_is_over_hears_that_its_queue_is_gone() {
    let handler = "kind = \"exec\"\ncommand = [\"sleep\", \"30\"]";
    let builder = DaemonBuilder::new().second_queue().workers(1).set("handler", handler);
    let mut daemon = builder.drain_timeout_ms(300).start();
    let (requests, answers) = (daemon.queue(), daemon.answers());
    send(&requests, "never answered");
    wait_until_in_hand(&requests);
    send(&requests, "never taken");
    let waiting = std::thread::spawn(move || answers.receive(own_pid().into(), &mut MessageBuffer::new()));
    daemon.signal(Signal::SIGTERM);
    assert!(waiting.join().unwrap().unwrap_err().is_gone());
    let stopped = daemon.finish().succeeded();
    let left = "left were 1 request in the queue, 0 messages in the queue of answers, 1 request in hand and 0 answers in the \
                outbox, whose clients got EIDRM";
    assert!(stopped.stderr.contains(left), "{stopped:?}");
    assert!(requests.stat().is_err());
}

#[test]
fn a_stop_goes_on_although_somebody_removes_the_queue_of_requests() {
    let builder = held();
    let mut daemon = builder.clone().start();
    let (requests, answers) = (daemon.queue(), daemon.answers());
    send(&requests, "in hand");
    wait_until_in_hand(&requests);
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for_log("stopping:");
    requests.remove().unwrap();
    builder.let_handlers_go();
    answers.receive(own_pid().into(), &mut MessageBuffer::new()).unwrap();
    let stopped = daemon.finish().succeeded();
    assert!(stopped.stderr.contains("nothing was left"), "{stopped:?}");
    assert!(answers.stat().is_err());
}

#[test]
fn with_on_stop_keep_both_queues_and_all_answers_outlive_a_restart() {
    for messages in Messages::TWO_QUEUES {
        let mut daemon = messages.daemon().set("service", "on_stop = \"keep\"").start();
        let (requests, answers) = (daemon.queue(), daemon.answers());
        let mut load =
            Process::start(&mut messages.client("chaos", daemon.key(), &["64", &LIMIT.as_secs().to_string()]));
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(50));
            daemon.signal(Signal::SIGTERM);
            let builder = daemon.builder().clone();
            let stopped = daemon.finish().succeeded();
            assert!(stopped.stderr.contains("queue kept for the next start"), "{stopped:?}");
            assert!(stopped.stderr.contains("in that of answers;"), "{stopped:?}");
            daemon = builder.start();
            assert_eq!((daemon.queue().id(), daemon.answers().id()), (requests.id(), answers.id()));
        }
        load.signal(Signal::SIGTERM);
        let totals = load.finish().succeeded();
        assert!(totals.stdout.contains("wrong 0 lost 0 extra 0"), "{totals:?}\n{}", daemon.log());
        daemon.signal(Signal::SIGTERM);
        let _ = daemon.finish().succeeded();
    }
}

/// A daemon that was killed with a request in hand.
fn killed_with_a_request_in_hand(builder: &DaemonBuilder) -> (DaemonBuilder, Queue, Queue) {
    let daemon = builder.start();
    let (requests, answers) = (daemon.queue(), daemon.answers());
    send(&requests, "in hand");
    wait_until_in_hand(&requests);
    let next = daemon.crash();
    next.let_handlers_go();
    (next, requests, answers)
}

#[test]
fn a_request_in_hand_is_answered_by_the_next_server_whatever_became_of_the_queue_of_requests() {
    for removes in [false, true] {
        let (next, requests, answers) = killed_with_a_request_in_hand(&held());
        if removes {
            requests.remove().unwrap();
        }
        let daemon = next.start();
        answers.receive(own_pid().into(), &mut MessageBuffer::new()).unwrap();
        assert!(daemon.log().contains("1 run again"), "{}", daemon.log());
        assert_eq!(daemon.answers().id(), answers.id());
        daemon.stop();
    }
}

#[test]
fn what_was_in_hand_for_a_removed_queue_of_answers_is_not_answered_in_the_next_one() {
    let (next, requests, answers) = killed_with_a_request_in_hand(&held());
    answers.remove().unwrap();
    let daemon = next.start();
    assert!(!daemon.log().contains("recovered what"), "{}", daemon.log());
    assert_eq!(daemon.queue().id(), requests.id());
    assert_eq!(ask(&daemon.queue(), b"hello").0, 0);
    assert!(is_empty(&daemon.answers()));
    daemon.stop();
}

#[test]
fn when_the_service_is_given_up_or_its_package_removed_both_queues_go() {
    let by_configuration = |builder: DaemonBuilder| builder.arg("--after-failure");
    let by_table =
        |builder: DaemonBuilder| builder.without_key_argument().set("log", "= no TOML").arg("--after-failure");
    let by_package = |builder: DaemonBuilder| builder.set("log", "= no TOML").arg("--remove-left-queues");
    for give_up in [by_configuration as fn(DaemonBuilder) -> DaemonBuilder, by_table, by_package] {
        let (builder, requests, answers) = killed_with_a_request_in_hand(&held());
        let waiting = std::thread::spawn(move || answers.receive(own_pid().into(), &mut MessageBuffer::new()));
        let given_up = give_up(builder.clone()).run().succeeded();
        assert!(requests.stat().is_err() && answers.stat().is_err(), "{given_up:?}");
        assert!(waiting.join().unwrap().unwrap_err().is_gone());
    }
}

#[test]
fn a_failed_service_keeps_both_queues_where_they_are_to_be_kept_and_touches_none_of_a_living_server() {
    let kept = held().set("service", "on_failure = \"keep\"");
    let (builder, requests, answers) = killed_with_a_request_in_hand(&kept);
    let _ = builder.clone().arg("--after-failure").run().succeeded();
    assert!(requests.stat().is_ok() && answers.stat().is_ok());
    drop(builder);
    let daemon = held().start();
    daemon.builder().let_handlers_go();
    let _ = daemon.builder().clone().arg("--after-failure").run().succeeded();
    let _ = daemon.builder().clone().arg("--remove-left-queues").run().succeeded();
    assert_eq!(ask(&daemon.queue(), b"hello").0, 0);
    daemon.stop();
}

#[test]
fn what_may_be_another_programs_in_a_queue_of_answers_that_was_taken_over_keeps_both_queues() {
    let builder = DaemonBuilder::new().second_queue();
    let found = Queue::create(builder.second_key(), 0o640).unwrap();
    found.send(own_pid().into(), b"of another length than an answer").unwrap();
    let mut daemon: Daemon = builder.start();
    assert_eq!(answers_of(&daemon.queue()).id(), found.id());
    daemon.wait_for_log("they may be another program's");
    assert!(!msgqd_system_tests::eventually(std::time::Duration::from_secs(2), || is_empty(&found)));
    daemon.signal(Signal::SIGTERM);
    let requests = daemon.queue();
    let stopped = daemon.finish().succeeded();
    assert!(stopped.stderr.contains("queue kept for the next start"), "{stopped:?}");
    assert!(requests.stat().is_ok());
    assert!(found.try_receive(own_pid().into(), &mut MessageBuffer::new()).unwrap());
    let daemon = builder.start();
    wait_until("nothing of others is left", || is_empty(&found));
    std::thread::sleep(std::time::Duration::from_millis(700));
    daemon.stop();
}
