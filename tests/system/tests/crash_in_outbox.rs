//! SIGKILL while an answer changes its place: into a response slot of somebody else, or back out of the queue. The next
//! server delivers each answer that is owed once, to the client whose answer it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::table_path;
use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::queue::{MessageBuffer, Queue};
use msgq_core::table::{CountersSnapshot, SlotState, Table};
use msgq_core::trusted_file::TrustedUsers;
use msgqd_system_tests::{
    Daemon, DaemonBuilder, LIMIT, Messages, Process, answers_of, eventually, msgqd_with_switches, wait_until,
};
use nix::sys::signal::Signal;
use std::process::Command;
use std::time::Duration;

const KILL_AT: &str = "MSGQD_TEST_KILL_AT";

fn wait_for_the_end(mut daemon: Daemon) -> DaemonBuilder {
    wait_until("the daemon came to the place where it is killed", || !daemon.process().is_running());
    daemon.builder().clone().without_env(KILL_AT)
}

/// A client that lives and reads nothing by itself; the test asks and reads in its name.
fn silent_client() -> Process {
    Process::start(Command::new("sleep").arg("600"))
}

fn counted(builder: &DaemonBuilder) -> CountersSnapshot {
    Table::read(&table_path(builder.runtime_directory(), builder.key()), TrustedUsers::own()).unwrap().counted()
}

fn read_answer(messages: Messages, queue: &Queue, client: i32) -> Option<String> {
    let mut buffer = MessageBuffer::new();
    let is_there = answers_of(queue).try_receive(client.into(), &mut buffer).unwrap();
    is_there.then(|| String::from_utf8(messages.answer(buffer.body()).1).unwrap())
}

/// Asks in the name of a client, one request after the other, until the daemon has ended; returns how many it sent.
fn ask_until_the_end(messages: Messages, daemon: &mut Daemon, client: i32, pause: Duration) -> usize {
    let (queue, mut sent) = (daemon.queue(), 0);
    let has_ended = eventually(LIMIT, || {
        while queue.try_send(REQUEST_MTYPE, &messages.request(client, sent.to_string().as_bytes())).is_ok() {
            sent += 1;
            std::thread::sleep(pause);
        }
        !daemon.process().is_running()
    });
    assert!(has_ended, "{messages:?}: the daemon never came to the place where it is killed");
    sent
}

#[test]
fn killed_while_an_answer_takes_over_the_slot_of_another_clients_answer() {
    // In a second queue only answers that nobody reads take places, and these are taken back: others seldom have to wait.
    for messages in [Messages::Plain, Messages::DECLARED[0], Messages::DECLARED[1]] {
        takes_over_the_slot_of_another_clients_answer(messages);
    }
}

fn takes_over_the_slot_of_another_clients_answer(messages: Messages) {
    let builder = messages.daemon().program(msgqd_with_switches()).set("service", "outbox_capacity = 64");
    let mut killed = builder.env(KILL_AT, "storing-instead").start();
    let (queue, victim) = (killed.queue(), silent_client());
    let mut others = Process::start(&mut messages.client("chaos", killed.key(), &["20", &LIMIT.as_secs().to_string()]));
    let asked = ask_until_the_end(messages, &mut killed, victim.pid(), Duration::ZERO);
    let next = wait_for_the_end(killed);
    let before = counted(&next);
    let daemon = next.start();
    std::thread::sleep(Duration::from_millis(200));
    others.signal(Signal::SIGTERM);
    let totals = others.finish().succeeded();
    assert!(totals.stdout.contains("wrong 0 lost 0 extra 0"), "{}{}\n{}", totals.stdout, totals.stderr, daemon.log());

    let answers = read_numbers(messages, &queue, victim.pid(), &daemon);
    assert!(is_in_order_but_for_one(&answers), "{messages:?}: {answers:?}");
    let after = counted(daemon.builder());
    let dropped = usize::try_from(before.shed + after.shed + after.recovered_ambiguous).unwrap();
    // Of an answer that was in the send call it is not known whether the client has read it.
    let perhaps = usize::try_from(after.recovered_delivered).unwrap();
    let known = answers.len() + dropped;
    assert!(
        (known..=known + perhaps).contains(&asked),
        "{messages:?}: {asked} asked, {dropped} dropped: {answers:?}\n{}",
        daemon.log()
    );
    daemon.stop();
}

/// The kill may meet an answer on its way back out of the queue, which is then given out behind those that rested still.
fn is_in_order_but_for_one(answers: &[usize]) -> bool {
    let is_in_order = |answers: &[usize]| answers.is_sorted_by(|one, next| one < next);
    let without = |index| [answers.get(..index).unwrap_or_default(), &answers[index + 1..]].concat();
    is_in_order(answers) || (0..answers.len()).any(|index| is_in_order(&without(index)))
}

/// Reads in the name of a client until there is nothing for it any more; the requests that were answered.
fn read_numbers(messages: Messages, queue: &Queue, client: i32, daemon: &Daemon) -> Vec<usize> {
    let mut answers = Vec::new();
    wait_until("the outbox is empty", || {
        while let Some(text) = read_answer(messages, queue, client) {
            answers.push(text.strip_prefix("Processed: ").unwrap().parse().unwrap());
        }
        let table =
            Table::read(&table_path(daemon.builder().runtime_directory(), daemon.key()), TrustedUsers::own()).unwrap();
        let capacity = table.geometry().capacity;
        (0..capacity).all(|slot| table.response(slot).unwrap().state() == Some(SlotState::Armed))
    });
    answers
}

#[test]
fn killed_while_answers_that_rest_are_taken_back_into_the_line_of_their_client() {
    for messages in Messages::ALL {
        let mut killed = messages.daemon().program(msgqd_with_switches()).env(KILL_AT, "adopting:3").start();
        let (queue, client) = (killed.queue(), silent_client());
        // So slowly that each is answered before the next, until the queue is full of answers.
        let asked = ask_until_the_end(messages, &mut killed, client.pid(), Duration::from_millis(1));
        let daemon = wait_for_the_end(killed).start();
        let mut answers = read_numbers(messages, &queue, client.pid(), &daemon);
        // Those that were taken back already are given out behind those that rested still.
        answers.sort_unstable();
        assert!(answers.iter().copied().eq(0..asked), "{messages:?}: {asked} asked: {answers:?}\n{}", daemon.log());
        daemon.stop();
    }
}

#[test]
fn killed_while_an_answer_in_doubt_is_taken_back_its_client_does_not_get_it_twice() {
    for messages in Messages::ALL {
        let builder = messages.daemon().program(msgqd_with_switches());
        let builder = if messages == Messages::Plain { builder.set("queue", "max_bytes = 16384") } else { builder };
        let first = builder.env(KILL_AT, "sent").start();
        let (queue, fills) = (first.queue(), silent_client());
        assert_eq!(messages.ask(&queue, b"once"), (0, b"Processed: once".to_vec()));
        let second = wait_for_the_end(first).env(KILL_AT, "withdrawing");
        // There is no room, so nobody can find out yet whether the client has its answer.
        let mut filled = 0;
        while queue.try_send(REQUEST_MTYPE, &messages.request(fills.pid(), filled.to_string().as_bytes())).is_ok() {
            filled += 1;
        }
        let third = wait_for_the_end(second.spawn()).start();
        assert_eq!(messages.ask(&queue, b"another"), (0, b"Processed: another".to_vec()), "{}", third.log());
        let others = read_numbers(messages, &queue, fills.pid(), &third);
        assert_eq!(others.len(), filled, "{messages:?}: {}", third.log());
        let own_pid = std::process::id().cast_signed();
        assert_eq!(read_answer(messages, &queue, own_pid), None, "{messages:?}: {}", third.log());
        third.stop();
    }
}
