//! Answers in a queue of their own: what is promised for one queue holds for two.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

#[path = "second_queue/crashes.rs"]
mod crashes;
#[path = "second_queue/ends.rs"]
mod ends;
#[path = "second_queue/starts.rs"]
mod starts;
#[path = "crash_points/under_load.rs"]
mod under_load;

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Messages, Process, ask, good_request_is_answered, is_root, msgqctl, wait_until,
};
use nix::sys::signal::Signal;
use std::process::Command;

/// Few messages of 264 bytes.
const FEW: &str = "max_bytes = 2640";

/// A daemon with two small queues and answers that take until it is let go.
fn held() -> DaemonBuilder {
    DaemonBuilder::new().second_queue().held_handler("cat")
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// Asks in the name of this process, and does not wait.
fn send(queue: &Queue, text: &str) {
    queue.send(REQUEST_MTYPE, &encode_request(own_pid(), text.as_bytes())).unwrap();
}

fn is_empty(queue: &Queue) -> bool {
    queue.stat().unwrap().messages == 0
}

/// The daemon has taken what was sent.
fn wait_until_in_hand(queue: &Queue) {
    wait_until("the request is in hand", || is_empty(queue));
}

#[test]
fn clients_in_closed_loops_are_all_served_by_queues_that_hold_few_messages() {
    for messages in Messages::TWO_QUEUES {
        for (workers, clients, requests) in [(1, 20, 500), (1, 64, 200), (1, 500, 40), (4, 64, 200), (4, 500, 40)] {
            let builder = messages.daemon().workers(workers).set("queue", FEW).second_queue_with(FEW);
            let mut daemon = builder.start();
            let numbers = [clients, requests, 30_000].map(|number: usize| number.to_string());
            let numbers = numbers.each_ref().map(String::as_str);
            daemon.freeze();
            let mut crowd = Process::start(&mut messages.client("crowd", daemon.key(), &numbers));
            crowd.wait_for_stdout("started");
            daemon.thaw();
            let finished = crowd.finish().succeeded();
            let all = clients * requests;
            assert!(finished.stdout.contains(&format!("answered {all} of {all};")), "{finished:?}");
            println!("{messages:?} {workers} workers, {clients} clients: {}", finished.stdout);
            assert!(is_empty(&daemon.queue()) && is_empty(&daemon.answers()), "an answer too many");
            daemon.stop();
        }
    }
}

#[test]
fn what_rests_for_a_client_that_died_is_removed_from_the_queue_of_answers() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().second_queue_with(FEW).workers(workers).start();
        let mut silent =
            Process::start(&mut Messages::PlainInTwoQueues.client("hostile", daemon.key(), &["never_read", "500"]));
        silent.wait_for_stdout("sent 500");
        good_request_is_answered(daemon.key());
        silent.signal(Signal::SIGKILL);
        let _ = silent.finish();
        let answers = daemon.answers();
        wait_until("the answers of the dead are gone", || is_empty(&answers));
        good_request_is_answered(daemon.key());
        let stopped = daemon.stop();
        assert!(stopped.stderr.contains("nothing was left in the queue, in hand or in the outbox"), "{stopped:?}");
    }
}

#[test]
fn what_is_no_request_leaves_the_queue_of_requests_and_what_is_nobodys_that_of_answers() {
    let mut daemon = DaemonBuilder::new().second_queue().start();
    let (requests, answers) = (daemon.queue(), daemon.answers());
    // In the queue of requests not even a living process may have an answer; of those of answers nobody has type 1.
    requests.send(own_pid().into(), b"no request").unwrap();
    requests.send(0x4000_0000, b"no request").unwrap();
    answers.send(REQUEST_MTYPE, &encode_request(own_pid(), b"no answer")).unwrap();
    answers.send(0x4000_0000, b"nobody's").unwrap();
    wait_until("both queues are clean", || is_empty(&requests) && is_empty(&answers));
    daemon.wait_for_log("from the queue of requests: requests have other types");
    assert_eq!(ask(&requests, b"hello"), (0, b"Processed: hello".to_vec()));
    daemon.stop();
}

#[test]
fn who_waits_for_an_answer_gets_it_although_somebody_removes_the_queue_of_requests() {
    let builder = held();
    let mut daemon = builder.clone().start();
    let (requests, answers) = (daemon.queue(), daemon.answers());
    send(&requests, "asked before");
    wait_until_in_hand(&requests);
    requests.remove().unwrap();
    builder.let_handlers_go();
    let mut buffer = MessageBuffer::new();
    answers.receive(own_pid().into(), &mut buffer).unwrap();
    daemon.wait_for_log("serving the new queue of requests");
    assert_eq!(daemon.answers().id(), answers.id());
    good_request_is_answered_by(&daemon);
    assert!(!daemon.log().contains("queue of answers under"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn a_removed_queue_of_answers_is_made_anew_and_who_waited_there_hears_of_it() {
    let builder = held();
    let mut daemon = builder.clone().start();
    let (requests, answers) = (daemon.queue(), daemon.answers());
    send(&requests, "asked before");
    wait_until_in_hand(&requests);
    let waiting = std::thread::spawn(move || answers.receive(own_pid().into(), &mut MessageBuffer::new()));
    std::thread::sleep(std::time::Duration::from_millis(50));
    answers.remove().unwrap();
    builder.let_handlers_go();
    assert!(waiting.join().unwrap().unwrap_err().is_gone());
    daemon.wait_for_log("serving the new queue of answers");
    assert_eq!(daemon.queue().id(), requests.id());
    good_request_is_answered_by(&daemon);
    assert!(is_empty(&daemon.answers()), "the answer to the lost request is in the new queue");
    daemon.stop();
}

fn good_request_is_answered_by(daemon: &Daemon) {
    let (status, _) = ask(&daemon.queue(), b"hello");
    assert_eq!(status, 0, "{}", daemon.log());
}

#[test]
fn the_door_closes_the_queue_of_requests_alone() {
    let daemon = DaemonBuilder::new().set("queue", "mode = \"0620\"").second_queue().start();
    let modes = || (daemon.queue().stat().unwrap().mode, daemon.answers().stat().unwrap().mode);
    assert_eq!(modes(), (0o620, 0o640));
    good_request_is_answered(daemon.key());
    let msgqctl = |verb: &str| {
        let mut command = Command::new(msgqctl());
        command.args(["--key", &daemon.key().to_string(), verb]);
        Process::run(command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory()))
    };
    let drained = msgqctl("drain");
    wait_until("the door is closed", || modes() == (0o600, 0o640));
    let resumed = msgqctl("resume");
    wait_until("the door is open", || modes() == (0o620, 0o640));
    println!("{drained:?} {resumed:?}");
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn who_may_only_send_requests_and_only_read_answers_is_served() {
    if !is_root() {
        return eprintln!("not shown: only root can run clients as another user");
    }
    const GROUP: u32 = 65_533;
    let builder = DaemonBuilder::new().set("queue", "mode = \"0620\"\ngroup = \"65533\"");
    let daemon = builder.second_queue_with("mode = \"0640\", group = \"65533\"").start();
    let client = builder_copy(&daemon, "crowd");
    let mut command = msgqd_system_tests::as_user(GROUP, &client);
    command.args([&daemon.key().to_string(), "64", "50", "30000"]);
    command.env("MSGQ_REPLY_KEY", daemon.builder().second_key().to_string());
    let finished = Process::run(&mut command).succeeded();
    assert!(finished.stdout.contains("answered 3200 of 3200;"), "{finished:?}");
    // Who reads its answers from the queue of requests may not.
    let mut thief = msgqd_system_tests::as_user(GROUP, &client);
    thief.args([&daemon.key().to_string(), "1", "1", "3000"]);
    let refused = Process::run(&mut thief);
    assert!(refused.stderr.contains("EACCES"), "{refused:?}");
    daemon.stop();
}

fn builder_copy(daemon: &Daemon, name: &str) -> std::path::PathBuf {
    daemon.builder().copy_for_everyone(&msgqd_system_tests::test_client(name))
}
