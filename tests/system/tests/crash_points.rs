//! SIGKILL at each step of the way of a request, forced: the server that is started next finishes it, and no client notices
//! more than that it took a moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

#[path = "crash_points/under_load.rs"]
mod under_load;

use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::queue::MessageBuffer;
use msgqd_system_tests::{Daemon, DaemonBuilder, Messages, Process, answers_of, ask, wait_until};
use nix::sys::signal::Signal;
use std::thread::JoinHandle;
use std::time::Duration;
use under_load::{KILL_AT, assert_nothing_was_lost, builder, chaos, kill_under_load, wait_for_the_end};

#[track_caller]
fn assert_answer(client: JoinHandle<(i32, Vec<u8>)>, status: i32, part: &str) {
    let (answered, text) = client.join().unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(answered, status, "{text}");
    assert!(text.contains(part), "{text}");
}

macro_rules! killed {
    ($($name:ident: $place:literal with $clients:literal clients;)+) => {
        $(#[test]
        fn $name() {
            kill_under_load(Messages::Plain, builder(Messages::Plain), ($place, 1), $clients);
            kill_under_load(Messages::Plain, builder(Messages::Plain).workers(3), ($place, 500), $clients);
            for messages in Messages::DECLARED {
                kill_under_load(messages, builder(messages).workers(3), ($place, 100), $clients);
            }
        })+
    };
}

killed! {
    killed_after_the_receive: "received" with 5 clients;
    killed_before_the_handler: "handling" with 5 clients;
    killed_after_the_answer_was_stored: "answered" with 5 clients;
    killed_before_the_send: "sending" with 5 clients;
    killed_after_the_send: "sent" with 5 clients;
    killed_while_the_answer_goes_into_the_outbox: "posting" with 200 clients;
    killed_before_the_couriers_send: "courier-sending" with 200 clients;
    killed_after_the_couriers_send: "courier-sent" with 200 clients;
}

#[test]
fn killed_while_it_takes_an_offer_back() {
    for messages in [Messages::Plain].into_iter().chain(Messages::DECLARED) {
        let killed = builder(messages).env(KILL_AT, "taking-back:3").start();
        let _never_reads = Process::start(&mut messages.client("hostile", killed.key(), &["never_read", "3000"]));
        let load = chaos(messages, killed.key(), 100);
        let next = wait_for_the_end(killed).start();
        assert_nothing_was_lost(load, &next);
        next.stop();
    }
}

#[test]
fn a_client_that_asks_again_during_recovery_does_not_get_its_old_answer_once_more() {
    for messages in Messages::ALL {
        let killed = builder(messages).env(KILL_AT, "sent").start();
        let queue = killed.queue();
        let (go_on, wait) = std::sync::mpsc::channel();
        // In msgrcv when an answer comes, so that it is handed over.
        let client = std::thread::spawn(move || {
            let own_tid = nix::unistd::gettid().as_raw();
            ["first", "second"].map(|text| {
                wait.recv().unwrap();
                queue.send(REQUEST_MTYPE, &messages.request(own_tid, text.as_bytes())).unwrap();
                let mut buffer = MessageBuffer::new();
                answers_of(&queue).receive(own_tid.into(), &mut buffer).unwrap();
                String::from_utf8(messages.answer(buffer.body()).1).unwrap()
            })
        });
        go_on.send(()).unwrap();
        let mut next = wait_for_the_end(killed).env("MSGQD_TEST_PAUSE_AT", "settling-doubt:1500").spawn();
        next.wait_for_log("pausing at settling-doubt");
        go_on.send(()).unwrap();
        assert_eq!(client.join().unwrap(), ["Processed: first", "Processed: second"]);
        next.wait_for_log("serving queue");
        next.stop();
    }
}

#[test]
fn killed_in_the_middle_of_recovery() {
    for messages in Messages::ALL {
        for place in ["recovery-rerun", "recovery-before-publish", "recovery-published"] {
            let killed = builder(messages).env(KILL_AT, "handling:20").start();
            let load = chaos(messages, killed.key(), 20);
            let again = wait_for_the_end(killed).env(KILL_AT, place).spawn();
            let next = wait_for_the_end(again).start();
            assert_nothing_was_lost(load, &next);
            next.stop();
        }
    }
}

#[test]
fn of_two_that_are_started_at_once_after_a_crash_one_serves() {
    let killed = builder(Messages::Plain).env(KILL_AT, "handling:20").start();
    let load = chaos(Messages::Plain, killed.key(), 20);
    let next = wait_for_the_end(killed);
    let (mut one, mut other) = (next.spawn(), next.spawn());
    wait_until("one of them gives up", || !one.process().is_running() || !other.process().is_running());
    let (refused, mut serving) = if one.process().is_running() { (other, one) } else { (one, other) };
    serving.wait_for_log("serving queue");
    let refused = refused.finish();
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains("already serves queue"), "{}", refused.stderr);
    assert_nothing_was_lost(load, &serving);
    serving.stop();
}

#[test]
fn a_request_that_is_in_hand_at_three_crashes_is_answered_with_an_error_and_reported() {
    for messages in Messages::ALL {
        let killed = builder(messages).env(KILL_AT, "handling").start();
        let queue = killed.queue();
        let client = std::thread::spawn(move || messages.ask(&queue, b"poison \x1b[31m"));
        let mut next = wait_for_the_end(killed);
        for _ in 0..2 {
            next = wait_for_the_end(next.env(KILL_AT, "handling").spawn());
        }
        let daemon = next.start();
        assert_answer(client, -1, "died 3 times");
        assert!(daemon.log().contains("poison \\u{1b}[31m"), "{}", daemon.log());
        assert_eq!(queue.stat().unwrap().messages, 0);
        daemon.stop();
    }
}

#[test]
fn with_on_crash_fail_a_request_in_hand_is_answered_with_an_error() {
    for messages in Messages::ALL {
        let killed = builder(messages).set("service", "on_crash = \"fail\"").env(KILL_AT, "handling").start();
        let queue = killed.queue();
        let client = std::thread::spawn(move || messages.ask(&queue, b"once only"));
        let daemon = wait_for_the_end(killed).start();
        assert_answer(client, -1, "crashed");
        assert!(daemon.log().contains("1 answered with an error"), "{}", daemon.log());
        daemon.stop();
    }
}

#[test]
fn the_log_has_one_finished_answer_in_the_singular() {
    let killed = builder(Messages::Plain).env(KILL_AT, "answered").start();
    let queue = killed.queue();
    let client = std::thread::spawn(move || ask(&queue, b"finished"));
    let daemon = wait_for_the_end(killed).start();
    assert_answer(client, 0, "Processed: finished");
    assert!(daemon.log().contains(", 1 answer to send,"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn with_on_stop_keep_clients_do_not_notice_a_restart() {
    let mut daemon = DaemonBuilder::new().set("service", "on_stop = \"keep\"").start();
    let (msqid, load) = (daemon.queue().id(), chaos(Messages::Plain, daemon.key(), 100));
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(50));
        daemon.signal(Signal::SIGTERM);
        let builder = daemon.builder().clone();
        let ended = daemon.finish().succeeded();
        assert!(ended.stderr.contains("queue kept for the next start"), "{}", ended.stderr);
        daemon = builder.start();
        assert_eq!(daemon.queue().id(), msqid);
    }
    let log = daemon.log();
    assert!(log.contains("ended in order") && !log.contains("killed or crashed"), "{log}");
    assert_nothing_was_lost(load, &daemon);
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
}

#[test]
fn a_table_that_cannot_be_used_is_explained_and_the_server_serves() {
    let daemon = DaemonBuilder::new().start();
    let queue = daemon.queue();
    let builder = daemon.crash();
    let files = std::fs::read_dir(builder.runtime_directory()).unwrap().map(|entry| entry.unwrap().path());
    let table = files.into_iter().find(|path| path.extension().is_some_and(|it| it == "table")).unwrap();
    let good = std::fs::read(&table).unwrap();
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let random: Vec<u8> = (0..good.len()).map(|at| (at.wrapping_mul(2_654_435_761) >> 7).to_ne_bytes()[0]).collect();
    // Magic, layout, boot id and key of the queue stand in this order in the first 64 bytes.
    let cases = [
        (changed(0), "not a table of msgqd"),
        (changed(8), "whose layout this version does not know"),
        (changed(16), "before the machine was started"),
        (changed(40), "that of another queue"),
        (good[..good.len() - 1].to_vec(), "where its header asks for"),
        (good[..64].to_vec(), "not a table of msgqd"),
        (random, "not a table of msgqd"),
        (Vec::new(), "not a table of msgqd"),
    ];
    for (bytes, reason) in cases {
        std::fs::write(&table, bytes).unwrap();
        let daemon = builder.start();
        assert!(daemon.log().contains(reason), "{reason}: {}", daemon.log());
        // No more than a note where nothing can be lost with it.
        let said = ["cannot use the table of an earlier server", "is not used"];
        assert!(said.iter().any(|said| daemon.log().contains(said)), "{}", daemon.log());
        assert_eq!(ask(&queue, b"hello"), (0, b"Processed: hello".to_vec()));
        let _ = daemon.crash();
    }
}

#[test]
fn what_a_removed_queue_had_in_hand_is_not_answered_in_the_next_one() {
    let killed = builder(Messages::Plain).env(KILL_AT, "answered:20").start();
    let load = chaos(Messages::Plain, killed.key(), 20);
    let queue = killed.queue();
    let next = wait_for_the_end(killed);
    queue.remove().unwrap();
    assert_ne!(load.finish().code(), 0, "clients hear of a removed queue");
    let daemon = next.start();
    assert_eq!(daemon.queue().stat().unwrap().messages, 0);
    assert!(!daemon.log().contains("recovered what"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn without_a_memory_file_system_the_server_says_what_that_means_and_serves() {
    let daemon = builder(Messages::Plain).env("MSGQD_TEST_TABLE", "anonymous").start();
    assert!(
        daemon.log().contains("requests that are in hand when the server is killed will be lost"),
        "{}",
        daemon.log()
    );
    assert_eq!(ask(&daemon.queue(), b"hello"), (0, b"Processed: hello".to_vec()));
    daemon.stop();
}

#[test]
fn when_the_service_is_given_up_clients_are_told_unless_the_queue_is_to_be_kept() {
    for (on_failure, is_removed) in [("remove", true), ("keep", false)] {
        let builder = DaemonBuilder::new().set("service", &format!("on_failure = \"{on_failure}\""));
        let daemon = builder.start();
        let give_up = builder.clone().arg("--after-failure");
        let while_it_runs = give_up.run();
        assert!(while_it_runs.stderr.contains("nothing to do"), "{while_it_runs:?}");
        assert_eq!(ask(&daemon.queue(), b"hello"), (0, b"Processed: hello".to_vec()));
        let queue = daemon.queue();
        let _ = daemon.crash();
        let given_up = give_up.run();
        assert_eq!(given_up.code(), 0, "{given_up:?}");
        assert_eq!(queue.stat().is_err(), is_removed, "{given_up:?}");
    }
}

/// An error that only the whole of a file shows, and one that shows nothing of it.
const BROKEN: [(&str, &str); 2] = [("service", "there_is_no_such_setting = 1"), ("log", "= no TOML")];

#[test]
fn when_the_service_is_given_up_for_an_error_in_its_configuration_the_table_tells_what_to_do() {
    for (on_failure, is_removed) in [("remove", true), ("keep", false)] {
        for (table, line) in BROKEN {
            let policy = format!("on_failure = \"{on_failure}\"");
            let builder = DaemonBuilder::new().set("service", &policy).set("service", "on_stop = \"keep\"");
            let daemon = builder.start();
            let queue = daemon.queue();
            let give_up = builder.clone().without_key_argument().set(table, line).arg("--after-failure");
            let while_it_runs = give_up.run();
            assert!(while_it_runs.stderr.contains("nothing to do"), "{while_it_runs:?}");
            stop_and_keep(daemon);
            let given_up = give_up.run();
            assert_eq!(given_up.code(), 0, "{given_up:?}");
            assert!(given_up.stderr.contains("going by the table that the server left"), "{given_up:?}");
            assert_eq!(queue.stat().is_err(), is_removed, "{given_up:?}");
        }
    }
}

fn stop_and_keep(mut daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    let finished = daemon.finish().succeeded();
    assert!(finished.stderr.contains("queue kept for the next start"), "{finished:?}");
}

#[test]
fn removal_of_the_package_removes_what_a_stop_kept_and_nothing_that_is_served() {
    let builder = DaemonBuilder::new().set("service", "on_stop = \"keep\"").set("service", "on_failure = \"keep\"");
    let daemon = builder.start();
    let queue = daemon.queue();
    let removal = builder.clone().set("log", "= no TOML").arg("--remove-left-queues");
    let _ = removal.run().succeeded();
    assert_eq!(ask(&queue, b"hello"), (0, b"Processed: hello".to_vec()));
    stop_and_keep(daemon);
    assert!(queue.stat().is_ok());
    let removed = removal.run().succeeded();
    assert!(queue.stat().unwrap_err().is_gone(), "{removed:?}");
    let left: Vec<_> = std::fs::read_dir(builder.runtime_directory()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_upgrade_keeps_the_queue_once_whatever_on_stop_says() {
    let builder = DaemonBuilder::new();
    let daemon = builder.start();
    let queue = daemon.queue();
    let note = builder.runtime_directory().join("keep-queue-once");
    std::fs::write(&note, "").unwrap();
    stop_and_keep(daemon);
    assert!(queue.stat().is_ok() && !note.exists());
    std::fs::write(&note, "").unwrap();
    let next = builder.start();
    assert_eq!(next.queue().id(), queue.id());
    assert!(!note.exists(), "what an upgrade left that restarted nothing has no effect later");
    next.stop();
}

#[test]
fn a_note_of_an_upgrade_that_was_broken_off_long_ago_does_not_keep_the_queue() {
    let builder = DaemonBuilder::new();
    let mut daemon = builder.start();
    let queue = daemon.queue();
    let note = builder.runtime_directory().join("keep-queue-once");
    let file = std::fs::File::create(&note).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
    daemon.signal(Signal::SIGTERM);
    let finished = daemon.finish().succeeded();
    assert!(queue.stat().unwrap_err().is_gone(), "{finished:?}");
    assert!(!note.exists());
    assert!(finished.stderr.contains("a note of an upgrade that was left 60 minutes ago"), "{finished:?}");
}
