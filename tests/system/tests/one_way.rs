//! Programs that nobody answers, and handlers that fail or hang.
//!
//! The plain consumer takes the lines, and a plain server runs the handlers for the jobs, which shows that producers and handlers
//! are right. The same programs with msgqd are in `one_way_served.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{PlainRoute, Process, RouteProgram, numbers_of_producers, produce, sources_dir, wait_until};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const CLIENTS: usize = 20;
const MANY: usize = 100;
const FEW: usize = 5;

const PYTHON: &str = "/usr/bin/python3";

#[test]
fn lines_go_one_way_in_the_order_of_each_producer() {
    let program = RouteProgram::compile("lines", &[]);
    for width in 0..program.widths() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lines");
        let plain = PlainRoute::start(&program, width, file.to_str().unwrap());
        produce(&plain.program, plain.key(), CLIENTS, MANY);
        let expected = (0..CLIENTS).map(|number| (format!("p{number}"), (1..=MANY).collect())).collect();
        wait_until("all is in the file", || numbers_of_producers(&file, "") == expected);
    }
}

/// What becomes of `count` jobs of each of some producers behind a plain server that runs a handler of ours: the file of the
/// handler, and the server, which says what it has given up.
fn jobs(program: &RouteProgram, handler: &str, producers: usize, count: usize, test: impl Fn(&Path, &mut Process)) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("taken");
    let command = format!("export TAKEN='{}'; exec {handler}", file.display());
    let mut plain = PlainRoute::start(program, 0, &command);
    produce(&plain.program, plain.key(), producers, count);
    test(&file, &mut plain.server);
}

fn handlers(work: &str) -> [String; 2] {
    let script = |name| sources_dir().join("routes").join(name).display().to_string();
    [format!("{} {work}", script("handler.sh")), format!("{PYTHON} {} exec {work}", script("handler.py"))]
}

fn all_of_three(count: usize) -> BTreeMap<String, Vec<usize>> {
    (0..3).map(|number| (format!("p{number}"), (1..=count).collect())).collect()
}

#[test]
fn jobs_are_taken_once_where_nothing_fails() {
    for handler in handlers("takes") {
        jobs(&RouteProgram::compile("jobs", &[]), &handler, 3, FEW, |file, _| {
            wait_until("all is taken", || numbers_of_producers(file, "took") == all_of_three(FEW));
        });
    }
}

#[test]
fn jobs_are_taken_in_the_end_where_every_third_try_fails_or_the_first_two() {
    for work in ["third", "until-third"] {
        for handler in handlers(work) {
            jobs(&RouteProgram::compile("jobs", &[]), &handler, 3, FEW, |file, server| {
                wait_until("all is taken", || numbers_of_producers(file, "took") == all_of_three(FEW));
                let failed = numbers_of_producers(file, "failed").values().map(Vec::len).sum::<usize>();
                assert!(if work == "third" { failed > 0 } else { failed == 2 * 3 * FEW }, "{work}: {failed} failed");
                assert!(!server.stdout().contains("dead"), "{server:?}");
            });
        }
    }
}

/// The first job of each producer is, and no other.
#[track_caller]
fn first_jobs_are_given_up(program: &RouteProgram, handler: &str, producers: usize, said: &str) {
    jobs(program, handler, producers, 3, |file, server| {
        let of_each = |numbers: &[usize]| (0..producers).map(|number| (format!("p{number}"), numbers.into())).collect();
        wait_until("the others are taken", || numbers_of_producers(file, "took") == of_each(&[2, 3]));
        for number in 0..producers {
            server.wait_for_stdout(&format!("dead p{number} 1\n"));
        }
        assert_eq!(numbers_of_producers(file, said), of_each(&[1, 1, 1]));
    });
}

#[test]
fn jobs_whose_every_try_fails_are_given_up_and_others_are_taken() {
    for handler in handlers("always ' 1'") {
        first_jobs_are_given_up(&RouteProgram::compile("jobs", &[]), &handler, 3, "failed");
    }
}

#[test]
fn jobs_whose_every_try_hangs_are_given_up_and_others_are_taken() {
    // Long enough for the start of a handler on a busy machine.
    let program = RouteProgram::compile("jobs", &["-DLIMIT_MS=4000"]);
    std::thread::scope(|scope| {
        for handler in handlers("hangs ' 1'") {
            let program = &program;
            scope.spawn(move || first_jobs_are_given_up(program, &handler, 1, "hangs"));
        }
    });
}

/// What the handler says to these requests, in the version of the protocol that it is spoken to.
fn conversation(work: &str, said: &str, taken: &Path) -> String {
    let script = sources_dir().join("routes/handler.py");
    let line = format!("printf '{said}' | {PYTHON} '{}' worker {work}", script.display());
    Process::run(Command::new("sh").args(["-c", &line]).env("TAKEN", taken)).succeeded().stdout
}

#[test]
fn the_handler_speaks_both_versions_of_the_protocol_of_workers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("taken");
    let said = conversation("until-third", "msgqd-handler 1\\nrequest 1 4211 30000 4\\np0 1", &file);
    assert_eq!(said, "msgqd-handler 1\nanswer 1 -1 18\nthis time it fails");
    let requests = "msgqd-handler 2\\nrequest 1 4211 30000 1 4\\np0 1request 2 4211 30000 1 4\\np0 1";
    let said = conversation("until-third", requests, &file);
    assert_eq!(said, "msgqd-handler 2\nanswer 1 -1 18\nthis time it failsanswer 2 0 0\n");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "failed p0 1\nfailed p0 1\ntook p0 1\n");
    let said = conversation("long", "msgqd-handler 2\\nrequest 1 4211 30000 1 10\\nbytes 17 3", &file);
    assert_eq!(said, "msgqd-handler 2\nanswer 1 0 17\n0000003 0000000\n0");
}
