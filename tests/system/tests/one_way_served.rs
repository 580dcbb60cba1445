//! The one-way programs of `tests/clients/routes` with msgqd, `reply = "none"` and handlers that append to a file, fail or hang.
//!
//! The same programs with the plain consumer that they were written for are in `one_way.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{
    Daemon, DaemonBuilder, Finished, Process, RouteClient, RouteProgram, msgqctl, numbers_of_producers, sources_dir,
    wait_until,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const PRODUCERS: usize = 20;
const KILLS: usize = 3;
const FEW: usize = 5;
/// More than a test has time for.
const WITHOUT_END: usize = 1_000_000_000;
const PYTHON: &str = "/usr/bin/python3";

/// What runs the handler's script, and in which kind of handler.
const HANDLERS: [(&str, &str); 3] = [("exec", "sh"), ("exec", PYTHON), ("worker", PYTHON)];

/// A one-way program and msgqd's settings for it.
struct OneWayProgram {
    program: RouteProgram,
    directory: TempDir,
    builder: DaemonBuilder,
}

impl OneWayProgram {
    fn new(program: &RouteProgram, request: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let builder = request.iter().fold(DaemonBuilder::new(), |builder, line| builder.set("protocol", line));
        // So that little waits that producers without an end have sent.
        let builder = builder.set("protocol", "reply = 'none'").set("queue", "max_bytes = 1024");
        let builder = builder.env("STATE_DIRECTORY", directory.path());
        Self { program: program.clone(), directory, builder }
    }

    fn lines() -> Self {
        Self::new(&RouteProgram::compile("lines", &[]), &["request = 'struct { long mtype; char line[256]; }'"])
    }

    fn jobs() -> Self {
        let request = "request = 'struct { long mtype; int number; char text[64]; }'";
        Self::new(&RouteProgram::compile("jobs", &[]), &[request, "request_text = 'text'"])
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("taken")
    }

    /// With a handler that does this, see `handler.py`.
    fn handled_by(&self, (kind, interpreter): (&str, &str), work: &[&str]) -> DaemonBuilder {
        let script = |name| sources_dir().join("routes").join(name).display().to_string();
        let mut command = vec![interpreter.to_owned()];
        match interpreter {
            "sh" => command.push(script("handler.sh")),
            _ => command.extend([script("handler.py"), kind.to_owned()]),
        }
        command.extend(work.iter().map(|word| (*word).to_owned()));
        let builder = self.builder.clone().set("handler", &format!("kind = '{kind}'\ncommand = {command:?}"));
        builder.set("handler", &format!("environment = {{ TAKEN = '{}' }}", self.file().display()))
    }

    fn produce(&self, number: usize, count: usize, name: &str) -> RouteClient {
        self.program.start_client(number, self.builder.key(), count, name)
    }

    /// The numbers of the lines of the file that begin so, of each producer in their order.
    fn numbers(&self, word: &str) -> BTreeMap<String, Vec<usize>> {
        numbers_of_producers(&self.file(), word)
    }

    /// 20 producers at once have all of their messages taken, each in its order, beside producers that are killed and kills of
    /// msgqd; what is taken twice is no more than what was in hand at a kill.
    #[track_caller]
    fn all_is_taken(&self, builder: &DaemonBuilder, count: usize) {
        let mut daemon = builder.start();
        let all: Vec<_> = (0..PRODUCERS).map(|number| self.produce(number, count, &format!("p{number}"))).collect();
        let victim = |number| self.produce(number, WITHOUT_END, &format!("v{number}"));
        let mut victims: Vec<_> = (0..2 * KILLS).map(victim).collect();
        for kill in 1..=KILLS {
            let taken = || self.numbers("took").values().map(Vec::len).sum::<usize>();
            wait_until("it goes on", || taken() >= kill * PRODUCERS);
            victims.pop().unwrap().kill();
            let killed = daemon.crash();
            victims.pop().unwrap().kill();
            daemon = killed.start();
        }
        all.into_iter().for_each(|producer| producer.says(&format!("ok {count}\n")));
        let are_taken =
            |name: String| self.numbers("took").get(&name).is_some_and(|all| (1..=count).all(|it| all.contains(&it)));
        wait_until("all is taken", || (0..PRODUCERS).all(|number| are_taken(format!("p{number}"))));
        wait_until("the queue is empty", || daemon.queue().stat().unwrap().messages == 0);
        stopped(daemon);
        self.none_is_missing(count);
        assert_eq!(self.dead(&["list"])["total"], 0);
    }

    #[track_caller]
    fn none_is_missing(&self, count: usize) {
        let (mut taken, mut again) = (self.numbers("took"), 0);
        for (name, numbers) in &mut taken {
            let length = numbers.len();
            let mut seen = BTreeSet::new();
            numbers.retain(|number| seen.insert(*number));
            again += length - numbers.len();
            // Of those that were killed nobody knows how many they had sent.
            let sent = if name.starts_with('p') { count } else { numbers.len() };
            assert_eq!(*numbers, (1..=sent).collect::<Vec<_>>(), "{name}");
        }
        assert_eq!(taken.keys().filter(|name| name.starts_with('p')).count(), PRODUCERS);
        assert!(again <= KILLS, "{again} handled again at {KILLS} kills");
    }

    /// The report of a `msgqctl dead` command.
    #[track_caller]
    fn dead(&self, arguments: &[&str]) -> Value {
        let said = self.msgqctl_dead(&[arguments, &["--json"]].concat()).succeeded().stdout;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    fn msgqctl_dead(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new(msgqctl());
        command.args(["--key", &self.builder.key().to_string(), "--config"]).arg(self.builder.write_config());
        command.arg("dead").args(arguments);
        command.env("STATE_DIRECTORY", self.directory.path());
        command.env("RUNTIME_DIRECTORY", self.builder.runtime_directory());
        Process::run(&mut command)
    }
}

/// Ends it in order. Its queue stays, and goes with the scratch key.
#[track_caller]
fn stopped(mut daemon: Daemon) {
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
}

#[test]
fn lines_are_taken_in_the_order_of_each_producer_over_kills() {
    for handler in HANDLERS {
        let lines = OneWayProgram::lines();
        let count = if handler.0 == "worker" { 100 } else { FEW };
        lines.all_is_taken(&lines.handled_by(handler, &["takes"]), count);
    }
}

#[test]
fn jobs_are_taken_in_the_order_of_each_producer_over_kills_where_every_third_try_fails() {
    for handler in HANDLERS {
        let jobs = OneWayProgram::jobs();
        jobs.all_is_taken(&jobs.handled_by(handler, &["third"]), FEW);
    }
}

/// The first job of each producer is a dead letter after three tries that did this, for a reason with these words; what comes
/// behind it is taken.
#[track_caller]
fn first_jobs_are_dead(jobs: &OneWayProgram, builder: &DaemonBuilder, producers: usize, did: &str, reason: &str) {
    let daemon = builder.start();
    let all: Vec<_> = (0..producers).map(|number| jobs.produce(number, 3, &format!("p{number}"))).collect();
    all.into_iter().for_each(|producer| producer.says("ok 3\n"));
    let of_each = |numbers: &[usize]| (0..producers).map(|number| (format!("p{number}"), numbers.into())).collect();
    wait_until("the others are taken", || jobs.numbers("took") == of_each(&[2, 3]));
    // On a busy machine a command is at its time limit before it says that it hangs.
    let least = if did == "hangs" { 1 } else { 3 };
    let tries = jobs.numbers(did);
    let is_right = |numbers: &Vec<usize>| numbers.iter().all(|it| *it == 1) && (least..=3).contains(&numbers.len());
    assert!(tries.len() == producers && tries.values().all(is_right), "{tries:?}");
    stopped(daemon);
    let report = jobs.dead(&["list"]);
    let letters = report["letters"].as_array().unwrap();
    assert_eq!(
        (letters.len(), &report["total"], &report["damaged"]),
        (producers, &producers.into(), &0.into()),
        "{report}"
    );
    for letter in letters {
        assert_eq!((&letter["attempts"], &letter["mtype"]), (&3.into(), &1.into()), "{letter}");
        assert!(letter["client"].is_null() && letter["reason"].as_str().unwrap().contains(reason), "{letter}");
    }
}

/// The oldest letter is dropped, and the others are taken by a handler that takes them when they are retried.
#[track_caller]
fn letters_are_dropped_or_taken_at_last(jobs: &OneWayProgram, handler: (&str, &str), producers: usize) {
    let list = jobs.dead(&["list"]);
    let id = list["letters"][0]["id"].as_str().unwrap();
    let dropped_text = jobs.dead(&["show", id])["text_escaped"].as_str().unwrap().to_owned();
    assert!(dropped_text.ends_with(" 1"), "{dropped_text}");
    jobs.dead(&["drop", id]);
    let daemon = jobs.handled_by(handler, &["takes"]).start();
    assert_eq!(jobs.dead(&["retry", "--all"])["sent"].as_array().unwrap().len(), producers - 1);
    let is_dropped = |name: &String| dropped_text == format!("{name} 1");
    let taken = |name: String| (if is_dropped(&name) { vec![2, 3] } else { vec![2, 3, 1] }, name);
    let all = (0..producers).map(|number| taken(format!("p{number}"))).map(|(numbers, name)| (name, numbers)).collect();
    wait_until("the others are taken", || jobs.numbers("took") == all);
    stopped(daemon);
    assert_eq!(jobs.dead(&["list"])["total"], 0);
}

#[test]
fn jobs_whose_every_try_fails_are_dead_letters_until_they_are_dropped_or_retried() {
    for handler in HANDLERS {
        let jobs = OneWayProgram::jobs();
        first_jobs_are_dead(&jobs, &jobs.handled_by(handler, &["always", " 1"]), 3, "failed", "this time it fails");
        letters_are_dropped_or_taken_at_last(&jobs, handler, 3);
    }
}

#[test]
fn jobs_whose_every_try_hangs_are_dead_letters_until_they_are_dropped_or_retried() {
    std::thread::scope(|scope| {
        for handler in HANDLERS {
            scope.spawn(move || {
                let jobs = OneWayProgram::jobs();
                // Long enough for the start of a handler on a busy machine.
                let hangs = jobs.handled_by(handler, &["hangs", " 1"]).set("handler", "timeout_ms = 3000");
                first_jobs_are_dead(&jobs, &hangs, 2, "hangs", "time limit");
                letters_are_dropped_or_taken_at_last(&jobs, handler, 2);
            });
        }
    });
}
