//! What the engine promises, for messages that are shorter and longer than those of the plain protocol: bodies of 40 and of
//! 1024 bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{Daemon, DaemonBuilder, Process, test_client_with_texts_of, wait_until};
use std::process::Command;

const TEXT_LENS: [usize; 2] = [36, 1020];

fn each_struct_and_number_of_workers(test: impl Fn(&mut Daemon, usize)) {
    for text_len in TEXT_LENS {
        for workers in [1, 4] {
            let builder = DaemonBuilder::new().texts_of(text_len).workers(workers).set("queue", "max_bytes = 16384");
            let mut daemon = builder.start();
            test(&mut daemon, text_len);
            let queue = daemon.queue();
            wait_until("nothing is left in the queue", || queue.stat().unwrap().messages == 0);
            daemon.stop();
        }
    }
}

fn client(daemon: &Daemon, text_len: usize, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(test_client_with_texts_of(text_len, name));
    command.arg(daemon.key().to_string()).args(arguments);
    command
}

/// Clients that ask one request after the other and check every answer.
fn all_are_answered(daemon: &Daemon, text_len: usize, clients: usize, requests: usize) {
    let numbers = [clients, requests, 30_000].map(|number| number.to_string());
    let mut crowd = client(daemon, text_len, "crowd", &numbers.each_ref().map(String::as_str));
    let finished = Process::run(&mut crowd).succeeded();
    let all = clients * requests;
    assert!(finished.stdout.contains(&format!("answered {all} of {all};")), "{finished:?}\n{}", daemon.log());
}

#[test]
fn more_clients_than_the_queue_has_places_are_all_answered() {
    each_struct_and_number_of_workers(|daemon, text_len| all_are_answered(daemon, text_len, 500, 4));
}

#[test]
fn clients_that_read_are_answered_beside_one_that_never_reads() {
    each_struct_and_number_of_workers(|daemon, text_len| {
        let mut hostile = Process::start(&mut client(daemon, text_len, "hostile", &["never_read", "5000"]));
        all_are_answered(daemon, text_len, 20, 100);
        hostile.wait_for_stdout("sent 5000");
        all_are_answered(daemon, text_len, 20, 100);
        drop(hostile);
    });
}

#[test]
fn clients_are_answered_beside_junk_and_bodies_of_every_bad_shape() {
    each_struct_and_number_of_workers(|daemon, text_len| {
        for arguments in [&["junk", "junk", "264", "1000"][..], &["junk", "self", "0", "1000"], &["bad_bodies", "2000"]]
        {
            let _hostile = Process::start(&mut client(daemon, text_len, "hostile", arguments));
            all_are_answered(daemon, text_len, 20, 50);
        }
    });
}
