//! SIGKILL at random moments, again and again, under clients that count: every answer comes once, and it is the right one.
//! `MSGQD_CHAOS_SECONDS` says for how long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{DaemonBuilder, Messages, Process, msgqd_with_switches};
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const CLIENTS: usize = 20;
const SHORT: Duration = Duration::from_secs(8);
/// A client whose answer takes longer takes it for lost.
const LIMIT_SECONDS: usize = 170;
/// The same where losses are expected, and have to be waited for.
const SHORT_LIMIT_SECONDS: usize = 3;
/// Fewer show little.
const FEWEST_KILLS: u64 = 20;

#[derive(Debug, Default)]
struct Score {
    kills: u64,
    /// By the words of the daemon's line about its recovery.
    recovered: HashMap<String, u64>,
    /// By the words of the clients.
    clients: HashMap<String, u64>,
}

impl Score {
    fn recovered(&self, what: &str) -> u64 {
        self.recovered.get(what).copied().unwrap_or(0)
    }

    fn clients(&self, what: &str) -> u64 {
        self.clients[what]
    }

    fn note_recovery(&mut self, log: &str) {
        for line in log.lines().filter_map(|line| line.split_once("had in hand: ")) {
            for (number, what) in line.1.split(", ").filter_map(|part| part.split_once(' ')) {
                *self.recovered.entry(what.to_owned()).or_default() += number.parse::<u64>().unwrap();
            }
        }
    }
}

/// Not to be predicted by whoever wrote the daemon; the seed is printed.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = u64::from(std::process::id()) << 20 | 0x5eed;
        println!("seed {seed}");
        Self(seed)
    }

    /// From 10 microseconds to 10 milliseconds, each order of magnitude as often as the others.
    fn pause(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (magnitude, rest) = ((self.0 >> 33) % 3, (self.0 >> 40) % 1000);
        Duration::from_nanos((10_000 + rest * 90) * 10_u64.pow(u32::try_from(magnitude).unwrap()))
    }
}

fn run(builder: &DaemonBuilder, duration: Duration, limit_seconds: usize) -> Score {
    run_with(Messages::Plain, builder, duration, limit_seconds)
}

fn run_with(messages: Messages, builder: &DaemonBuilder, duration: Duration, limit_seconds: usize) -> Score {
    let mut score = Score::default();
    let mut random = Random::new();
    let mut daemon = builder.start();
    let arguments = [CLIENTS.to_string(), limit_seconds.to_string()];
    let arguments = arguments.each_ref().map(String::as_str);
    let mut clients = Process::start(&mut messages.client("chaos", builder.key(), &arguments));
    let begin = Instant::now();
    // A busy machine starts daemons slowly.
    let is_enough = |kills| kills > FEWEST_KILLS || begin.elapsed() > 10 * duration;
    while begin.elapsed() < duration || !is_enough(score.kills) {
        std::thread::sleep(random.pause());
        score.note_recovery(&daemon.log());
        daemon = daemon.crash().start();
        score.kills += 1;
    }
    clients.signal(Signal::SIGTERM);
    let totals = clients.finish().succeeded();
    let words: Vec<&str> = totals.stdout.split_whitespace().collect();
    score.clients = words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap())).collect();
    score.note_recovery(&daemon.log());
    println!("{score:?}\n{}", totals.stderr);
    daemon.stop();
    score
}

fn duration() -> Duration {
    std::env::var("MSGQD_CHAOS_SECONDS").map_or(SHORT, |seconds| Duration::from_secs(seconds.parse().unwrap()))
}

fn assert_nothing_was_lost(score: &Score) {
    assert!(score.kills > FEWEST_KILLS, "only {} kills", score.kills);
    let finished: u64 = score.recovered.values().sum();
    assert!(finished > score.kills / 4, "the kills hardly ever hit a request in hand: {score:?}");
    assert_eq!(score.clients("wrong"), 0, "{score:?}");
    let ambiguous = score.recovered("ambiguous");
    assert!(score.clients("lost") + score.clients("extra") <= ambiguous, "{score:?}");
    assert!(ambiguous <= score.kills / 1000 + 1, "{score:?}");
    assert_eq!(score.clients("requests"), score.clients("right") + score.clients("lost"), "{score:?}");
}

#[test]
fn killed_at_random_moments_the_server_loses_nothing_and_answers_nothing_twice() {
    let score = run(&DaemonBuilder::new(), duration(), LIMIT_SECONDS);
    println!("{} kills, {} answers right", score.kills, score.clients("right"));
    assert_nothing_was_lost(&score);
}

#[test]
fn killed_at_random_moments_four_workers_lose_nothing_and_answer_nothing_twice() {
    assert_nothing_was_lost(&run(&DaemonBuilder::new().workers(4), duration(), LIMIT_SECONDS));
}

#[test]
fn killed_at_random_moments_a_server_of_bodies_of_40_and_of_1024_bytes_loses_nothing_and_answers_nothing_twice() {
    for text_len in [36, 1020] {
        let builder = DaemonBuilder::new().texts_of(text_len);
        let score = run_with(Messages::TextsOf(text_len), &builder, SHORT / 2, LIMIT_SECONDS);
        assert_nothing_was_lost(&score);
    }
}

#[test]
fn killed_at_random_moments_a_server_of_two_queues_loses_nothing_and_answers_nothing_twice() {
    for messages in Messages::TWO_QUEUES {
        for workers in [1, 4] {
            let builder = messages.daemon().workers(workers);
            assert_nothing_was_lost(&run_with(messages, &builder, duration() / 2, LIMIT_SECONDS));
        }
    }
}

/// So that the others can fail.
#[test]
fn a_server_that_receives_through_its_stack_loses_requests_and_is_found_out() {
    let naive = DaemonBuilder::new().program(msgqd_with_switches()).env("MSGQD_TEST_STACK_RECEIVE", "1");
    for _ in 0..5 {
        let score = run(&naive, SHORT, SHORT_LIMIT_SECONDS);
        if score.clients("lost") > 0 {
            return;
        }
    }
    panic!("no request was lost");
}
