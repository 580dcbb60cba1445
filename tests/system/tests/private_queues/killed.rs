//! SIGKILL of the server while clients with queues of their own ask in closed loops: nothing is answered twice, and nothing is
//! lost but what is counted as ambiguous: an answer that was in the send call, of which nothing shows whether it was sent.

use crate::clients::{BY_MSQID, NAMED, OwnQueue, counted, own_pid, request, serving};
use msgqd_system_tests::{Daemon, DaemonBuilder, Process, msgqd_with_switches, test_client, wait_until};
use nix::sys::signal::Signal;
use std::process::Command;
use std::time::Duration;

const KILL_AT: &str = "MSGQD_TEST_KILL_AT";
/// After so many seconds an answer is lost.
const LOST_AFTER_S: usize = 170;
/// The same where some are, and are waited for.
const SOON_LOST_AFTER_S: usize = 60;

fn with_switches() -> DaemonBuilder {
    serving(&[BY_MSQID, NAMED]).program(msgqd_with_switches())
}

fn chaos(daemon: &Daemon, clients: usize, lost_after_s: usize) -> Process {
    let mut command = Command::new(test_client("private_chaos"));
    Process::start(command.args([daemon.key().to_string(), clients.to_string(), lost_after_s.to_string()]))
}

fn wait_for_the_end(mut daemon: Daemon) -> DaemonBuilder {
    wait_until("the daemon came to the place where it is killed", || !daemon.process().is_running());
    daemon.builder().clone().without_env(KILL_AT)
}

/// Ends the clients and the server, and checks what they counted. Returns how many answers were lost, and how many are
/// ambiguous by the counters of the last server.
#[track_caller]
fn balance(mut clients: Process, daemon: Daemon) -> (u64, u64) {
    std::thread::sleep(Duration::from_millis(200));
    clients.signal(Signal::SIGTERM);
    let totals = clients.finish().succeeded();
    let log = daemon.stop().stderr;
    assert!(totals.stdout.contains(" wrong 0 ") && totals.stdout.contains(" extra 0"), "{totals:?}\n{log}");
    let words: Vec<&str> = totals.stdout.split_whitespace().collect();
    (words[7].parse().unwrap(), counted(&log, "recovered_ambiguous"))
}

#[track_caller]
fn kill_under_load(builder: DaemonBuilder, (place, visit): (&str, usize), lost_after_s: usize) -> (u64, u64) {
    let killed = builder.env(KILL_AT, format!("{place}:{visit}")).start();
    let load = chaos(&killed, 6, lost_after_s);
    let next = wait_for_the_end(killed).start();
    balance(load, next)
}

macro_rules! killed {
    ($($name:ident: $place:literal;)+) => {
        $(#[test]
        fn $name() {
            for (workers, visit) in [(1, 1), (3, 300)] {
                assert_eq!(kill_under_load(with_switches().workers(workers), ($place, visit), LOST_AFTER_S).0, 0);
            }
        })+
    };
}

killed! {
    killed_after_the_receive: "received";
    killed_before_the_handler: "handling";
    killed_after_the_answer_was_stored: "answered";
    killed_after_the_send: "sent";
}

#[test]
fn killed_before_the_send_no_more_is_lost_than_is_counted_as_ambiguous() {
    let (lost, ambiguous) = kill_under_load(with_switches().workers(3), ("sending", 300), SOON_LOST_AFTER_S);
    assert!(lost <= ambiguous && ambiguous <= 3, "{lost} lost, {ambiguous} ambiguous");
}

#[test]
fn killed_before_the_first_answer_to_a_queue_nothing_is_lost() {
    let (lost, ambiguous) = kill_under_load(with_switches(), ("sending", 1), LOST_AFTER_S);
    assert_eq!((lost, ambiguous), (0, 0), "nobody had sent to the queue");
}

#[test]
fn an_earlier_answer_that_rests_shows_that_the_later_one_was_not_sent() {
    let killed = with_switches().env(KILL_AT, "sending:2").start();
    let own = OwnQueue::new();
    for text in ["first", "second"] {
        killed.queue().send(1, &request(own_pid(), own.queue.id(), text)).unwrap();
    }
    let next = wait_for_the_end(killed).start();
    assert_eq!(own.next().1, "Processed: first");
    assert_eq!(own.next().1, "Processed: second");
    next.stop();
    assert!(own.is_empty());
}

#[test]
fn an_answer_that_rests_is_not_sent_again() {
    let killed = with_switches().env(KILL_AT, "sent").start();
    let own = OwnQueue::new();
    killed.queue().send(1, &request(own_pid(), own.queue.id(), "once")).unwrap();
    let next = wait_for_the_end(killed).start();
    assert_eq!(own.next().1, "Processed: once");
    assert_eq!(counted(&next.stop().stderr, "recovered_delivered"), 1);
    assert!(own.is_empty());
}

#[test]
fn an_answer_that_was_read_and_not_asked_about_again_is_ambiguous_and_not_sent_again() {
    let killed = with_switches().env(KILL_AT, "sent").start();
    let own = OwnQueue::new();
    killed.queue().send(1, &request(own_pid(), own.queue.id(), "once")).unwrap();
    assert_eq!(own.next().1, "Processed: once");
    let next = wait_for_the_end(killed).start();
    assert_eq!(counted(&next.stop().stderr, "recovered_ambiguous"), 1);
    assert!(own.is_empty());
}

/// Ten answers to a queue with room for one, so that the courier has the others.
#[track_caller]
fn killed_with_a_line(place: &str) {
    let killed = with_switches().env(KILL_AT, place).start();
    let own = OwnQueue::with_room_for(1);
    for number in 0..10 {
        killed.queue().send(1, &request(own_pid(), own.queue.id(), &number.to_string())).unwrap();
    }
    let next = wait_for_the_end(killed).start();
    for number in 0..10 {
        assert_eq!(own.next().1, format!("Processed: {number}"));
    }
    next.stop();
    assert!(own.is_empty(), "an answer too many");
}

#[test]
fn killed_while_an_answer_goes_into_the_outbox() {
    killed_with_a_line("posting:3");
}

#[test]
fn killed_before_the_couriers_send() {
    killed_with_a_line("courier-sending:2");
}

#[test]
fn killed_after_a_try_of_the_couriers() {
    killed_with_a_line("courier-sent:3");
}

#[test]
fn a_request_in_hand_goes_to_the_queue_that_it_names_although_the_queue_of_the_requests_was_lost() {
    let killed = with_switches().env(KILL_AT, "handling").start();
    let own = OwnQueue::new();
    killed.queue().send(1, &request(own_pid(), own.queue.id(), "in hand")).unwrap();
    let queue = killed.queue();
    let next = wait_for_the_end(killed);
    queue.remove().unwrap();
    let next = next.start();
    assert_eq!(own.next().1, "Processed: in hand");
    next.stop();
}

#[test]
fn killed_again_and_again_under_load_no_answer_is_wrong_or_one_too_many() {
    let mut daemon = serving(&[BY_MSQID, NAMED]).workers(2).start();
    let load = chaos(&daemon, 12, SOON_LOST_AFTER_S);
    let mut ambiguous = 0;
    for _ in 0..25 {
        std::thread::sleep(Duration::from_millis(40));
        daemon = daemon.crash().start();
        let log = daemon.log();
        let before = log.split(" ambiguous").next().unwrap().rsplit(' ').next().unwrap();
        ambiguous += if log.contains(" ambiguous") { before.parse::<u64>().unwrap() } else { 0 };
    }
    let (lost, _) = balance(load, daemon);
    assert!(lost <= ambiguous, "{lost} lost, {ambiguous} ambiguous");
}

#[test]
fn more_clients_than_the_queue_of_the_requests_has_places_are_all_answered() {
    let daemon = serving(&[BY_MSQID, NAMED]).start();
    let load = chaos(&daemon, 400, LOST_AFTER_S);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(balance(load, daemon), (0, 0));
}

#[test]
fn a_client_that_died_meanwhile_gets_no_answer_although_its_queue_is_there() {
    let builder = serving(&[BY_MSQID, NAMED]).held_handler("cat");
    let daemon = builder.clone().start();
    let (own, other) = (OwnQueue::new(), OwnQueue::new());
    let mut client = Process::start(Command::new("sleep").arg("600"));
    daemon.queue().send(1, &request(client.pid(), own.queue.id(), "of the dead")).unwrap();
    wait_until("it is with the handler", || builder.handlers_begun() == 1);
    client.signal(Signal::SIGKILL);
    wait_until("it is dead", || !client.is_running());
    builder.let_handlers_go();
    daemon.queue().send(1, &request(own_pid(), other.queue.id(), "next")).unwrap();
    assert_eq!(other.next().1, "next");
    assert!(own.is_empty());
    assert_eq!(counted(&daemon.stop().stderr, "client_gone"), 1);
}
