//! Hostile clients, each with 20 well-behaved clients beside it whose every answer must arrive and be right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, PATIENCE_MS, Process, STRANGER, as_user, crowd, good_request_is_answered, hostile, is_root,
    msgqctl, wait_until,
};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const CLIENTS: usize = 20;
/// What the mean latency of the slowest of equal clients may be, as a multiple of the median one's.
const FAIR: u64 = 5;
/// Below this mean latency, differences are the scheduler's doing: a dozen floods at the same time share two processors.
const NOISE_US: u64 = 5000;

fn each_number_of_workers(test: impl Fn(&mut Daemon)) {
    for workers in [1, 4] {
        for builder in DaemonBuilder::new().workers(workers).with_one_queue_and_with_two() {
            let mut daemon = builder.start();
            test(&mut daemon);
            let (queue, answers) = (daemon.queue(), daemon.answers());
            let are_empty = || [queue, answers].iter().all(|queue| queue.stat().unwrap().messages == 0);
            wait_until("nothing is left in the queues", are_empty);
            good_request_is_answered(daemon.key());
            daemon.stop();
        }
    }
}

/// The well-behaved clients; every answer must be right, and none of them may be served much worse than the others.
/// Served worse by chance, as the machine is shared, they are not served worse every time.
fn well_behaved_clients_are_answered(daemon: &Daemon, requests: usize) {
    let unfair: Vec<String> = (0..3).map_while(|_| served_unfairly(daemon, requests)).collect();
    assert!(unfair.len() < 3, "unfair each time: {unfair:?}");
}

/// What the clients say when one of them was served much worse than the others.
fn served_unfairly(daemon: &Daemon, requests: usize) -> Option<String> {
    let finished = Process::run(&mut crowd(daemon.key(), CLIENTS, requests, PATIENCE_MS)).succeeded();
    let all = CLIENTS * requests;
    assert!(finished.stdout.contains(&format!("answered {all} of {all};")), "{finished:?}\n{}", daemon.log());
    let median = number_after(&finished.stdout, "median client ");
    let slowest = number_after(&finished.stdout, "slowest client ");
    (slowest > FAIR * median.max(NOISE_US)).then_some(finished.stdout)
}

fn number_after(text: &str, words: &str) -> u64 {
    let rest = text.split_once(words).unwrap().1;
    rest.split(|next: char| !next.is_ascii_digit()).next().unwrap().parse().unwrap()
}

fn start(daemon: &Daemon, arguments: &[&str]) -> Process {
    Process::start(&mut hostile(daemon.key(), arguments))
}

#[test]
fn a_client_that_never_reads_its_thousands_of_answers() {
    each_number_of_workers(|daemon| {
        let mut hostile = start(daemon, &["never_read", "10000"]);
        well_behaved_clients_are_answered(daemon, 200);
        hostile.wait_for_stdout("sent 10000");
        well_behaved_clients_are_answered(daemon, 200);
        daemon.wait_for_log(&hostile.pid().to_string());
        assert!(daemon.log().contains("4096"), "the log does not name the limit:\n{}", daemon.log());
    });
}

#[test]
fn several_clients_that_never_read() {
    each_number_of_workers(|daemon| {
        let _hostile: Vec<_> = (0..5).map(|_| start(daemon, &["never_read", "3000"])).collect();
        well_behaved_clients_are_answered(daemon, 200);
    });
}

/// Fills the queue with junk, keeps on filling it, and is killed in the end.
fn junk_fills_the_queue(flooders: usize, mtype: &str, length: &str) {
    each_number_of_workers(|daemon| {
        daemon.freeze();
        let mut hostile: Vec<_> = (0..flooders).map(|_| start(daemon, &["junk", mtype, length, "60000"])).collect();
        for flooder in &mut hostile {
            flooder.wait_for_stdout("full");
        }
        daemon.thaw();
        well_behaved_clients_are_answered(daemon, 20);
    });
}

#[test]
fn junk_types_that_nobody_has() {
    junk_fills_the_queue(1, "junk", "264");
}

#[test]
fn junk_for_the_sender_itself() {
    junk_fills_the_queue(1, "self", "264");
}

#[test]
fn zero_length_messages_of_types_that_nobody_has() {
    junk_fills_the_queue(1, "junk", "0");
}

#[test]
fn two_flooders_of_zero_length_messages() {
    junk_fills_the_queue(2, "junk", "0");
}

#[test]
fn zero_length_messages_for_the_sender_itself() {
    junk_fills_the_queue(1, "self", "0");
}

#[test]
fn zero_length_messages_of_the_type_of_requests() {
    junk_fills_the_queue(1, "1", "0");
}

#[test]
fn junk_that_fills_the_queue_once_and_whose_sender_is_gone() {
    each_number_of_workers(|daemon| {
        for length in ["264", "0"] {
            daemon.freeze();
            let _ = Process::run(&mut hostile(daemon.key(), &["junk", "junk", length, "0"])).succeeded();
            daemon.thaw();
            well_behaved_clients_are_answered(daemon, 100);
        }
    });
}

#[test]
fn bodies_of_every_bad_shape() {
    each_number_of_workers(|daemon| {
        let _hostile = start(daemon, &["bad_bodies", "1000000"]);
        well_behaved_clients_are_answered(daemon, 300);
    });
}

#[test]
fn requests_in_the_name_of_processes_that_cannot_be_answered() {
    each_number_of_workers(|daemon| {
        let server = daemon.pid().to_string();
        let _hostile = start(daemon, &["bad_pids", "1000000", &server]);
        well_behaved_clients_are_answered(daemon, 300);
    });
}

#[test]
fn a_client_that_pipelines_3000_requests_gets_all_answers_in_order() {
    each_number_of_workers(|daemon| {
        let pipelining = start(daemon, &["pipeline", "3000"]);
        well_behaved_clients_are_answered(daemon, 300);
        let finished = pipelining.finish().succeeded();
        assert!(finished.stdout.contains("ok 3000"), "{finished:?}");
    });
}

/// Processes that ask for nothing.
const BYSTANDERS: usize = 170;
const FORGED: usize = 22;
/// So many of their answers wait; the others rest in the queue.
const FORGED_THAT_WAIT: u64 = 3500;
/// Longer than a client has to begin to read what is offered to it.
const UNREAD: Duration = Duration::from_secs(3);
/// Of clients that pipeline.
const ATTEMPTS: usize = 4;

fn answers_in_outbox(daemon: &Daemon) -> u64 {
    let mut command = Command::new(msgqctl());
    command.args(["--json", "--key", &daemon.key().to_string(), "stat"]);
    let seen = Process::run(command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory())).succeeded();
    let seen: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    seen["server"]["inside"]["outbox"]["answers"].as_u64().unwrap()
}

/// Beside thousands of answers for bystanders in whose names somebody asked.
fn a_client_that_has_read_gets_3000_answers(bystander: impl Fn() -> Command) {
    each_number_of_workers(|daemon| {
        let bystanders: Vec<_> = (0..BYSTANDERS).map(|_| Process::start(bystander().arg("600"))).collect();
        for _ in 0..FORGED {
            for bystander in &bystanders {
                daemon.queue().send(REQUEST_MTYPE, &encode_request(bystander.pid(), b"forged")).unwrap();
            }
        }
        wait_until("the answers wait", || answers_in_outbox(daemon) > FORGED_THAT_WAIT);
        // A bystander's time to begin to read runs from when its first answer rested in the queue, where they have their turns one
        // after the other. A client that comes before the time of most is over is weighed by what it holds.
        let mut seen = String::new();
        let gets_all = (0..ATTEMPTS).any(|_| {
            std::thread::sleep(UNREAD);
            let client = start(daemon, &["ask_and_pipeline", "3000"]);
            let pid = client.pid();
            let finished = client.finish();
            seen = format!("client {pid}: {finished:?}\n{}", daemon.log());
            finished.stdout.contains("ok 3000")
        });
        assert!(gets_all, "{seen}");
    });
}

#[test]
fn a_client_that_has_read_loses_nothing_to_answers_for_bystanders_in_whose_names_others_asked() {
    a_client_that_has_read_gets_3000_answers(|| Command::new("sleep"));
}

#[test]
fn nor_to_answers_for_bystanders_of_another_user() {
    if !is_root() {
        return eprintln!("not shown: only root can start processes of another user");
    }
    a_client_that_has_read_gets_3000_answers(|| as_user(STRANGER, Path::new("sleep")));
}

#[test]
fn clients_killed_at_random_moments_by_the_thousand() {
    each_number_of_workers(|daemon| {
        let killed: Vec<_> = (0..2).map(|_| start(daemon, &["killed", "1000"])).collect();
        well_behaved_clients_are_answered(daemon, 1000);
        for process in killed {
            assert_eq!(process.finish().succeeded().stdout, "ok\n");
        }
    });
}

#[test]
fn the_answer_of_a_stopped_client_is_still_there_when_it_goes_on() {
    each_number_of_workers(|daemon| {
        daemon.freeze();
        let mut stopped = start(daemon, &["one_request", "patience"]);
        stopped.wait_for_stdout("sent");
        stopped.freeze();
        daemon.thaw();
        let mut junk = start(daemon, &["junk", "junk", "264", "2000"]);
        junk.wait_for_stdout("full");
        well_behaved_clients_are_answered(daemon, 100);
        let _ = junk.finish().succeeded();
        stopped.thaw();
        assert_eq!(stopped.finish().succeeded().stdout, "sent\nProcessed: patience\n");
    });
}
