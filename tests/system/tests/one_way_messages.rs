//! `reply = "none"`: each message is handled until the handler takes it, in the order of receipt, over crashes too, or it is
//! a dead letter. The service that handles them takes note of each, see tests/clients/recorder.c.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::dead_letters::{DeadLetter, DeadLetters, path};
use msgq_core::queue::Queue;
use msgqd_system_tests::{Daemon, DaemonBuilder, Process, Until, msgqd_with_switches, test_client, wait_until};
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const PROTOCOL: &str = "request = \"struct { long mtype; char line[64]; }\"\nreply = \"none\"";
const KILL_AT: &str = "MSGQD_TEST_KILL_AT";

/// A service that notes what it gets, and a daemon that asks it.
struct Scene {
    builder: DaemonBuilder,
    directory: tempfile::TempDir,
    service: Option<Process>,
}

impl Scene {
    fn new(attempts: usize) -> Self {
        Self::with_protocol(PROTOCOL, attempts, 2000)
    }

    fn with_protocol(protocol: &str, attempts: usize, timeout_ms: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let builder = DaemonBuilder::new()
            .set("protocol", protocol)
            .set("handler", &format!("kind = \"unix\"\nsocket = \"{}\"", socket.display()))
            .set("handler", &format!("timeout_ms = {timeout_ms}\nmax_concurrency = 1"))
            .set("service", &format!("attempts = {attempts}"))
            .env("STATE_DIRECTORY", directory.path());
        let mut scene = Self { builder, directory, service: None };
        scene.start_service();
        scene
    }

    fn start_service(&mut self) {
        let mut command = Command::new(test_client("recorder"));
        let mut service = Process::start(command.arg(self.directory.path().join("socket")).arg(self.record()));
        service.wait_for_stdout("listening");
        self.service = Some(service);
    }

    fn with_switch(&self, place: &str) -> DaemonBuilder {
        self.builder.clone().program(msgqd_with_switches()).env(KILL_AT, place)
    }

    fn record(&self) -> PathBuf {
        self.directory.path().join("record")
    }

    /// What the service got, in this order.
    fn handled(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn letters(&self) -> Vec<DeadLetter> {
        let letters = DeadLetters::at(path(self.directory.path(), self.builder.key())).list().unwrap();
        letters.map(Result::unwrap).collect()
    }

    #[track_caller]
    fn wait_for(&self, lines: usize) {
        wait_until("all was handled", || self.handled().len() >= lines);
    }
}

fn send(queue: &Queue, text: &str) {
    let mut body = text.as_bytes().to_vec();
    body.push(0);
    queue.send(1, &body).unwrap();
}

fn is_idle(daemon: &Daemon) -> bool {
    daemon.queue().stat().unwrap().messages == 0
}

#[test]
fn messages_are_handled_in_order_and_nobody_is_answered() {
    let scene = Scene::new(3);
    let daemon = scene.builder.start();
    let texts: Vec<String> = (0..200).map(|number| format!("line {number}")).collect();
    for text in &texts {
        send(&daemon.queue(), text);
    }
    scene.wait_for(texts.len());
    assert_eq!(scene.handled(), texts);
    assert!(is_idle(&daemon));
    assert_eq!(scene.letters(), []);
    let stopped = daemon.stop_and_keep();
    assert!(stopped.stderr.contains("queue kept"), "{}", stopped.stderr);
}

#[test]
fn a_message_that_fails_is_tried_again_and_keeps_its_place() {
    let scene = Scene::new(3);
    let daemon = scene.builder.start();
    send(&daemon.queue(), "third time");
    send(&daemon.queue(), "next");
    scene.wait_for(4);
    assert_eq!(scene.handled(), ["third time", "third time", "third time", "next"]);
    assert_eq!(scene.letters(), []);
    assert!(daemon.log().contains("failed 2 of 3 times: sorry"), "{}", daemon.log());
    daemon.stop_and_keep();
}

#[test]
fn a_message_that_always_fails_or_hangs_is_a_dead_letter_with_all_its_bytes_and_the_next_ones_go_on() {
    let scene = Scene::new(2);
    let daemon = scene.builder.start();
    let mut bytes = b"never\x20this\0\xff\xfe behind".to_vec();
    bytes.resize(64, 7);
    daemon.queue().send(1, &bytes).unwrap();
    send(&daemon.queue(), "hang there");
    // Longer than any request.
    daemon.queue().send(1, &[b'x'; 300]).unwrap();
    send(&daemon.queue(), "next");
    wait_until("the last one was handled", || scene.handled().last().is_some_and(|line| line == "next"));
    assert_eq!(scene.handled(), ["never this", "never this", "hang there", "hang there", "next"]);
    let letters = scene.letters();
    let told: Vec<_> =
        letters.iter().map(|letter| (letter.body.clone(), letter.attempts, letter.reason.clone())).collect();
    assert_eq!(told[0], (bytes, 2, "sorry".to_owned()));
    assert_eq!((told[1].1, told[1].2.contains("did not answer within the time limit")), (2, true), "{told:?}");
    assert_eq!((told[2].0.len(), told[2].1), (300, 0), "{told:?}");
    assert!(told[2].2.contains("300"), "{told:?}");
    assert!(daemon.log().contains("msgqctl dead show"), "{}", daemon.log());
    daemon.stop_and_keep();
}

#[test]
fn while_the_handler_is_away_a_message_waits_and_nothing_is_given_up() {
    let mut scene = Scene::new(1);
    drop(scene.service.take());
    let mut daemon = scene.builder.start();
    send(&daemon.queue(), "patient");
    daemon.wait_for_log("waits for the handler, which cannot be asked");
    std::thread::sleep(Duration::from_secs(1));
    scene.start_service();
    scene.wait_for(1);
    assert_eq!((scene.handled(), scene.letters()), (vec!["patient".to_owned()], vec![]));
    daemon.stop_and_keep();
}

#[test]
fn a_stop_leaves_what_it_cannot_finish_to_the_next_start() {
    let mut scene = Scene::new(1);
    drop(scene.service.take());
    let mut daemon = scene.builder.clone().drain_timeout_ms(100).start();
    for text in ["in hand", "behind it"] {
        send(&daemon.queue(), text);
    }
    daemon.wait_for_log("waits for the handler");
    daemon.stop_and_keep();
    scene.start_service();
    let daemon = scene.builder.start();
    scene.wait_for(2);
    assert_eq!(scene.handled(), ["in hand", "behind it"]);
    assert!(!daemon.log().contains("killed or crashed"), "{}", daemon.log());
    daemon.stop_and_keep();
}

#[test]
fn killed_at_each_step_it_handles_all_at_least_once_in_order_and_no_letter_is_written_twice() {
    for place in ["received:3", "consumed:3", "giving-up", "letter-written"] {
        let scene = Scene::new(1);
        let mut killed = scene.with_switch(place).start();
        let queue = killed.queue();
        for text in ["one", "never two", "three", "four", "five"] {
            send(&queue, text);
        }
        wait_until("it is killed", || !killed.process().is_running());
        let daemon = killed.crash().env(KILL_AT, "nowhere").start();
        wait_until("the last one was handled", || scene.handled().last().is_some_and(|line| line == "five"));
        let mut handled = scene.handled();
        handled.dedup();
        assert_eq!(handled, ["one", "never two", "three", "four", "five"], "{place}");
        assert!(scene.handled().len() <= 6, "{place}: {:?}", scene.handled());
        let letters = scene.letters();
        assert_eq!(letters.len(), 1, "{place}: {letters:?}");
        assert_eq!(letters[0].body, b"never two\0");
        daemon.stop_and_keep();
    }
}

#[test]
fn a_message_keeps_its_number_when_it_is_tried_again_and_no_other_gets_it_even_where_the_table_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let numbers = directory.path().join("numbers");
    // The first try of each fails.
    let script = format!("echo $MSGQ_REQUEST_ID >>{0}; [ $(grep -c $MSGQ_REQUEST_ID {0}) -ge 2 ]", numbers.display());
    let builder = DaemonBuilder::new()
        .set("protocol", PROTOCOL)
        .set("service", "on_stop = \"remove\"")
        .set("handler", &format!("kind = \"exec\"\ncommand = ['sh', '-c', '{script}']\nmax_concurrency = 1"))
        .env("STATE_DIRECTORY", directory.path());
    let seen = || std::fs::read_to_string(&numbers).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    for life in 1..=3 {
        let daemon = builder.start();
        for text in ["one", "two"] {
            send(&daemon.queue(), text);
        }
        wait_until("each was tried twice", || seen().len() == 4 * life);
        // The table goes with the queue.
        daemon.stop();
    }
    let seen: Vec<u64> = seen().iter().map(|number| number.parse().unwrap()).collect();
    let (first, second): (Vec<u64>, Vec<u64>) = seen.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
    assert_eq!(first, second);
    assert!(first.is_sorted_by(|before, after| before < after), "{first:?}");
}

#[test]
fn a_removed_queue_takes_no_message_along_that_was_in_hand() {
    let mut scene = Scene::new(1);
    drop(scene.service.take());
    let mut daemon = scene.builder.start();
    send(&daemon.queue(), "in hand");
    daemon.wait_for_log("waits for the handler");
    let killed = daemon.queue();
    let next = daemon.crash();
    killed.remove().unwrap();
    scene.start_service();
    let daemon = next.start();
    scene.wait_for(1);
    assert_eq!(scene.handled(), ["in hand"]);
    daemon.stop_and_keep();
}

/// Kills of the daemon; `MSGQD_ONE_WAY_KILLS` says how many.
fn kills() -> u64 {
    std::env::var("MSGQD_ONE_WAY_KILLS").map_or(1000, |kills| kills.parse().unwrap())
}

#[test]
fn killed_a_thousand_times_under_eight_producers_it_handles_each_message_and_keeps_their_order() {
    const PRODUCERS: usize = 8;
    // Longer than the test: what is slow has not failed.
    let scene = Scene::with_protocol(PROTOCOL, 3, 600_000);
    let mut daemon = scene.builder.start();
    let (queue, until) = (daemon.queue(), Until::default());
    let (sent, kills, daemon) = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let until = &until;
                scope.spawn(move || {
                    let mut number = 0_u64;
                    while !until.is_over() {
                        send(&queue, &format!("{producer} {number}"));
                        number += 1;
                    }
                    number
                })
            })
            .collect();
        let over = until.guard();
        let (mut kills, end) = (0_u64, Instant::now() + Duration::from_secs(240));
        while kills < self::kills() && Instant::now() < end {
            // From the start itself to well behind it.
            std::thread::sleep(Duration::from_micros(200 * (kills % 25)));
            daemon = daemon.crash().start();
            kills += 1;
            // On a busy machine: a message that was in hand at ten kills in a row would be given up.
            if kills.is_multiple_of(8) {
                let recorded = || std::fs::metadata(scene.record()).map_or(0, |file| file.len());
                let before = recorded();
                wait_until("a message is handled", || recorded() > before);
            }
        }
        drop(over);
        let sent: Vec<u64> = producers.into_iter().map(|producer| producer.join().unwrap()).collect();
        (sent, kills, daemon)
    });
    wait_until("the queue is empty", || is_idle(&daemon));
    let total: u64 = sent.iter().sum();
    let distinct = || scene.handled().into_iter().collect::<std::collections::HashSet<_>>().len() as u64;
    wait_until("each was handled", || distinct() >= total);
    let mut times: HashMap<String, u64> = HashMap::new();
    let mut last = [None; PRODUCERS];
    for line in scene.handled() {
        let (producer, number) = line.split_once(' ').unwrap();
        let (producer, number): (usize, u64) = (producer.parse().unwrap(), number.parse().unwrap());
        assert!(last[producer].is_none_or(|last| last <= number), "{line} after {:?}", last[producer]);
        last[producer] = Some(number);
        *times.entry(line).or_default() += 1;
    }
    assert_eq!(times.len() as u64, total);
    let again: u64 = times.values().map(|times| times - 1).sum();
    println!("{kills} kills, {total} messages, {again} handled again");
    assert!(kills >= self::kills(), "only {kills} kills in the time");
    // One worker: each kill makes it do one request again at most.
    assert!(again <= kills, "{again} handled again at {kills} kills");
    assert_eq!(scene.letters(), []);
    daemon.stop_and_keep();
}

#[test]
fn where_a_client_is_declared_it_has_to_live_and_what_others_sent_is_a_dead_letter() {
    let protocol = "request = \"struct { long mtype; pid_t pid; char line[64]; }\"\nreply = \"none\"\nclient = \"pid\"";
    let scene = Scene::with_protocol(protocol, 1, 2000);
    let daemon = scene.builder.start();
    let send = |client: i32, text: &str| {
        let mut body = client.to_ne_bytes().to_vec();
        body.extend(text.as_bytes());
        body.resize(68, 0);
        daemon.queue().send(1, &body).unwrap();
    };
    send(0, "of nobody");
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    send(dead.id().cast_signed(), "of the dead");
    send(std::process::id().cast_signed(), "of the living");
    scene.wait_for(1);
    assert_eq!(scene.handled(), ["of the living"]);
    let reasons: Vec<String> = scene.letters().into_iter().map(|letter| letter.reason).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("which no client can have"), "{reasons:?}");
    assert!(reasons[1].contains("no living process or thread has it"), "{reasons:?}");
    daemon.stop_and_keep();
}

#[test]
fn attempts_without_one_way_messages_are_a_misunderstanding() {
    let refused = DaemonBuilder::new().set("service", "attempts = 5").run();
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(refused.stderr.contains("reply = \"none\""), "{}", refused.stderr);
}

trait StopAndKeep {
    fn stop_and_keep(self) -> msgqd_system_tests::Finished;
}

impl StopAndKeep for Daemon {
    /// Ends it in order; its queue stays, and goes with the scratch key.
    fn stop_and_keep(mut self) -> msgqd_system_tests::Finished {
        self.signal(Signal::SIGTERM);
        self.finish().succeeded()
    }
}
