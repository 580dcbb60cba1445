//! Random sequences of commands on queues of random foreign messages: without `--yes` and a type none of them removes anything, and
//! what is saved comes back.

use super::foreign::{Message, messages_of};
use super::*;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Commands with random words of their options behind them.
const COMMANDS: [(&str, &[&[&str]]); 15] = [
    ("stat", &[&["--prometheus"], &["--json"]]),
    ("peek", &[&["--full"], &["--json"], &["--limit", "3"], &["--pid", "TYPE"], &["--queue", "answers"]]),
    ("explain TYPE", &[&["--json"]]),
    ("doctor", &[&["--json"]]),
    (
        "purge",
        &[
            &["--dry-run"],
            &["--all-orphans"],
            &["--pid"],
            &["--pid", "TYPE"],
            &["--older-than", "1ms"],
            &["--requests"],
            &["--type", "TYPE"],
            &["--force"],
            &["--limit", "2"],
            &["--save", "FILE"],
            &["--append"],
            &["--json"],
        ],
    ),
    ("restore FILE", &[&["--into-another-queue"], &["--doubtful"], &["--timeout", "1ms"]]),
    ("list", &[&["--abandoned"], &["--idle-for", "1ms"], &["--stuck"], &["--json"]]),
    ("remove QUEUE", &[&["--force"], &["--dry-run"], &["--save", "FILE"], &["--json"]]),
    ("drain", &[&["--wait=0.05"]]),
    ("resume", &[&["--mode", "0660"]]),
    ("dead list", &[&["--json"]]),
    ("dead retry --all", &[&["--json"]]),
    ("dead drop --all", &[&["--save", "FILE"]]),
    ("completions bash", &[]),
    ("send x --timeout 1ms", &[&["--count", "2"], &["--json"]]),
];

/// A command, which of its options, and which type stands for `TYPE`.
type Step = (usize, Vec<Index>, Index);

fn foreign_messages() -> impl Strategy<Value = Vec<Message>> {
    let living = [i64::from(std::process::id()), i64::from(std::os::unix::process::parent_id()), 1, 2];
    let mtype = prop_oneof![
        1..5_i64,
        select(living.to_vec()),
        Just(i64::from(dead_pid())),
        100..70_000_i64,
        i64::from(PID_MAX_LIMIT)..=i64::MAX,
        Just(i64::MAX),
    ];
    let body = prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => Just(vec![]), 1 => vec(any::<u8>(), 0..=8192)];
    vec((mtype, body), 1..12)
}

fn arguments_of(step: &Step, foreign: &[Message], file: &str, key: QueueKey) -> Vec<String> {
    let (command, options, mtype) = step;
    let (words, known) = COMMANDS[*command];
    let mtype = mtype.get(foreign).0.to_string();
    let chosen = options.iter().filter(|_| !known.is_empty()).flat_map(|option| option.get(known).iter().copied());
    let all = words.split(' ').chain(chosen);
    all.map(|word| word.replace("TYPE", &mtype).replace("FILE", file).replace("QUEUE", &key.to_string())).collect()
}

/// As many of them as the queue takes.
fn put_all(queue: &Queue, messages: &[Message]) -> Vec<Message> {
    messages.iter().filter(|(mtype, body)| queue.try_send(*mtype, body).is_ok()).cloned().collect()
}

#[test]
fn no_sequence_of_commands_without_a_yes_and_a_type_removes_a_message() {
    let mut runner = TestRunner::default();
    let steps = vec((0..COMMANDS.len(), vec(any::<Index>(), 0..3), any::<Index>()), 12);
    let cases = (foreign_messages(), steps);
    let mut successes = 0;
    for _ in 0..8 {
        let (foreign, steps) = cases.new_tree(&mut runner).unwrap().current();
        let (key, queue) = idle_queue();
        let (directory, foreign) = (tempfile::tempdir().unwrap(), put_all(&queue, &foreign));
        let file = directory.path().join("saved").display().to_string();
        for step in &steps {
            let arguments = arguments_of(step, &foreign, &file, key.key());
            let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let finished = run(key.key(), &words);
            successes += usize::from(finished.code() == OK);
            let left = messages_of(&queue);
            assert_eq!(left.get(..foreign.len()), Some(&foreign[..]), "after {words:?} of {steps:?}: {finished:?}");
        }
    }
    assert!(successes > 8, "hardly a command was one: {successes}");
}

#[test]
fn what_is_saved_comes_back_with_every_byte_type_and_order() {
    let mut runner = TestRunner::default();
    let cases = (foreign_messages(), vec(any::<Index>(), 1..4), 1..20_usize);
    for _ in 0..12 {
        let (foreign, types, limit) = cases.new_tree(&mut runner).unwrap().current();
        let (key, queue) = idle_queue();
        let (directory, foreign) = (tempfile::tempdir().unwrap(), put_all(&queue, &foreign));
        let file = directory.path().join("saved").display().to_string();
        let types: Vec<i64> = types.iter().map(|place| place.get(&foreign).0).collect();
        let words: Vec<String> = types.iter().map(i64::to_string).collect();
        let purge = ["purge", "--yes", "--save", &file, "--limit", &limit.to_string(), "--type"].map(str::to_owned);
        let words: Vec<&str> = purge.iter().chain(&words).map(String::as_str).collect();
        let purged = run(key.key(), &words).succeeded();
        let mut left_to_take = limit;
        let (taken, stayed): (Vec<Message>, Vec<Message>) = foreign.iter().cloned().partition(|(mtype, _)| {
            let goes = types.contains(mtype) && left_to_take > 0;
            left_to_take -= usize::from(goes);
            goes
        });
        assert_eq!(messages_of(&queue), stayed, "{purged:?}");
        let restored = run(key.key(), &["restore", &file]).succeeded();
        assert_eq!(messages_of(&queue), [stayed, taken].concat(), "{restored:?}");
    }
}
