//! Letters go back into the queue, or for good.

use super::*;
use crate::terminal::Terminal;
use std::collections::HashSet;

#[test]
fn a_letter_that_is_tried_again_is_in_the_queue_as_it_was_sent_and_in_the_file_no_more() {
    let dead = DeadQueue::with_letters(4);
    let binary = DeadLetter { mtype: 77, body: b"\0\xff\n".to_vec(), ..dead.letter(5) };
    dead.letters.append(&binary).unwrap();
    let said = ends_with(OK, &dead, &["dead", "retry", &id(5), &id(2)]).stdout;
    assert!(said.starts_with("sent 2 letters to the queue again\n"), "{said}");
    assert!(said.contains(&format!("  {}  type 77, 3 bytes, of client 4711: the command", id(5))), "{said}");
    assert_eq!(dead.take_all(), [(1, dead.letter(2).body), (77, b"\0\xff\n".to_vec())], "the oldest first");
    assert_eq!(dead.left(), [1, 3, 4]);
    let report = json(&dead, &["dead", "retry", "--all"]);
    assert_eq!((report["sent"].as_array().unwrap().len(), &report["left"]), (3, &0.into()), "{report}");
    assert_eq!(dead.take_all(), [1, 3, 4].map(|request| (1, dead.letter(request).body)));
    assert_eq!(dead.left(), [0; 0]);
    let nothing = ends_with(OK, &dead, &["dead", "retry", "--all"]).stdout;
    assert_eq!(nothing, "no dead letters: nothing to send\n");
}

#[test]
fn a_full_queue_keeps_the_rest_in_the_file_and_says_how_many() {
    let dead = DeadQueue::with_letters(5);
    let room = 2 * dead.letter(1).body.len() as u64 + 10;
    dead.queue.set(&QueueSettings { max_bytes: Some(room), ..QueueSettings::default() }).unwrap();
    let finished = ends_with(OTHER, &dead, &["dead", "retry", "--all"]);
    assert!(finished.stdout.starts_with("sent 2 letters"), "{finished:?}");
    assert!(finished.stderr.contains("full") && finished.stderr.contains("3 letters are left"), "{finished:?}");
    assert_eq!(dead.left(), [3, 4, 5]);
    assert_eq!(dead.take_all().len(), 2);
    let wide = DeadLetter { body: vec![7; 600], ..dead.letter(6) };
    dead.letters.append(&wide).unwrap();
    let finished = ends_with(OTHER, &dead, &["dead", "retry", &id(6), &id(3)]);
    assert!(finished.stderr.contains("has 600 bytes, and the whole queue holds 538"), "{finished:?}");
    assert_eq!(dead.left(), [4, 5, 6]);
}

#[test]
fn what_cannot_be_sent_changes_nothing() {
    let dead = DeadQueue::with_letters(2);
    let other = DeadLetter { queue_key: QueueKey::new(77).unwrap(), ..dead.letter(3) };
    let untyped = DeadLetter { mtype: 0, ..dead.letter(4) };
    [&other, &untyped].iter().for_each(|letter| dead.letters.append(letter).unwrap());
    let unknown = ends_with(OTHER, &dead, &["dead", "retry", &id(1), "no-such"]);
    assert!(unknown.stderr.contains("no-such, so nothing was done"), "{unknown:?}");
    let refused = ends_with(OTHER, &dead, &["dead", "retry", &id(3), &id(4)]);
    assert!(refused.stderr.contains("is a letter of queue 0x0000004d"), "{refused:?}");
    assert!(refused.stderr.contains(&id(4)) && refused.stderr.contains("a type below 1"), "{refused:?}");
    for arguments in [["dead", "retry"].as_slice(), &["dead", "drop"], &["dead", "drop", "--all", "x"], &["dead"]] {
        let _ = ends_with(USAGE, &dead, arguments);
    }
    assert_eq!((dead.left(), dead.take_all().len()), (vec![1, 2, 3, 4], 0));
    dead.queue.remove().unwrap();
    let gone = ends_with(NO_QUEUE, &dead, &["dead", "retry", &id(1)]);
    assert!(gone.stderr.contains("there is no queue"), "{gone:?}");
    assert_eq!(dead.left(), [1, 2, 3, 4]);
}

#[test]
fn letters_are_dropped_by_name_and_all_of_them_only_when_that_is_meant() {
    let dead = DeadQueue::with_letters(4);
    let said = ends_with(OK, &dead, &["dead", "drop", &id(2)]).stdout;
    assert!(said.starts_with(&format!("dropped 1 letter\n  {}  type 1, 264 bytes", id(2))), "{said}");
    assert_eq!(dead.left(), [1, 3, 4]);
    let refused = ends_with(USAGE, &dead, &["dead", "drop", "--all"]);
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    let unknown = ends_with(OTHER, &dead, &["dead", "drop", &id(1), &id(2)]);
    assert!(unknown.stderr.contains(&id(2)), "{unknown:?}");
    assert_eq!(dead.left(), [1, 3, 4]);
    let mut file = std::fs::OpenOptions::new().append(true).open(dead.letters.path()).unwrap();
    file.write_all(b"torn").unwrap();
    let said = ends_with(OK, &dead, &["dead", "drop", "--all", "--yes"]).stdout;
    assert!(said.starts_with("dropped 3 letters and 1 damaged line\n"), "{said}");
    assert_eq!(dead.left(), [0; 0]);
    assert_eq!(std::fs::metadata(dead.letters.path()).unwrap().len(), 0);
    assert_eq!(ends_with(OK, &dead, &["dead", "drop", "--all", "--yes"]).stdout, "no dead letters: nothing to drop\n");
    assert_eq!(dead.take_all().len(), 0);
}

#[test]
fn what_is_dropped_can_be_saved_first() {
    let dead = DeadQueue::with_letters(3);
    let before = std::fs::read_to_string(dead.letters.path()).unwrap();
    let saved = dead.state.path().join("saved");
    let name = saved.to_str().unwrap();
    std::fs::write(&saved, "something else").unwrap();
    let refused = ends_with(OTHER, &dead, &["dead", "drop", "--all", "--yes", "--save", name]);
    assert!(refused.stderr.contains("nothing was removed"), "{refused:?}");
    assert_eq!((dead.left().len(), std::fs::read_to_string(&saved).unwrap()), (3, "something else".to_owned()));
    std::fs::remove_file(&saved).unwrap();
    let said = ends_with(OK, &dead, &["dead", "drop", "--all", "--yes", "--save", name]).stdout;
    assert!(said.starts_with(&format!("dropped 3 letters, saved in {name}\n")), "{said}");
    assert_eq!((dead.left(), std::fs::read_to_string(&saved).unwrap()), (vec![], before));
    let back = json(&dead, &["restore", name]);
    assert_eq!((&back["letters"], &back["back_before"], dead.left()), (&3.into(), &0.into(), vec![1, 2, 3]), "{back}");
    schema::fits_if_checkable("restore-dead", &back);
    let again = ends_with(OK, &dead, &["restore", name]).stdout;
    assert!(again.contains("3 letters were there already"), "{again}");
    assert_eq!(dead.left(), [1, 2, 3]);
}

#[test]
fn at_a_terminal_it_is_asked_before_all_are_dropped() {
    let dead = DeadQueue::with_letters(3);
    let (program, directory) = (msgqd_system_tests::msgqctl(), dead.state.path().display());
    let command = format!("STATE_DIRECTORY={directory} {} --key {} dead drop --all", program.display(), dead.key.key());
    for (answer, code, left) in [("n", OTHER, 3), ("y", OK, 0)] {
        let Some(terminal) = Terminal::run(&command) else { return };
        terminal.shows("Remove 3 dead letters of queue");
        assert_eq!(dead.left().len(), 3);
        terminal.tmux(&["send-keys", answer, "Enter"]);
        terminal.shows(&format!("ended with {code}"));
        assert_eq!(dead.left().len(), left);
    }
}

#[test]
fn no_letter_is_lost_or_doubled_while_others_drop_and_retry_and_a_daemon_appends() {
    const LETTERS: u64 = 200;
    let dead = DeadQueue::new();
    let mut received = Vec::new();
    let mut dropped = HashSet::new();
    std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| (1..=LETTERS).for_each(|request| dead.letters.append(&dead.letter(request)).unwrap()));
        while !writer.is_finished() {
            let commands: [&[&str]; 2] = [&["dead", "drop", "--all", "--yes"], &["dead", "retry", "--all"]];
            let running =
                commands.map(|arguments| Process::start(&mut (&dead).command(&[&["--json"], arguments].concat())));
            for (index, process) in running.into_iter().enumerate() {
                let finished = process.finish();
                let report: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
                let rows = if index == 0 { report["dropped"].as_array().unwrap() } else { continue };
                rows.iter().for_each(|row| assert!(dropped.insert(row["request"].as_u64().unwrap()), "{row}"));
            }
            received.extend(dead.take_all());
        }
    });
    let text_of = |body: &[u8]| String::from_utf8_lossy(decode_request(body).unwrap().text).into_owned();
    let mut all: Vec<String> = received.iter().map(|(_, body)| text_of(body)).collect();
    all.extend(dropped.iter().chain(&dead.left()).map(|request| format!("line {request}")));
    all.sort();
    let mut expected: Vec<String> = (1..=LETTERS).map(|request| format!("line {request}")).collect();
    expected.sort();
    assert_eq!(all, expected);
    assert!(!received.is_empty() || !dropped.is_empty(), "nothing was taken out while letters were appended");
}

#[test]
fn on_a_full_disk_nothing_is_sent_that_could_not_be_taken_out() {
    if !is_root() {
        return eprintln!("not run: a small file system needs root");
    }
    let dead = DeadQueue::with_letters(30);
    let full = tempfile::tempdir().unwrap();
    let (letters, place) = (dead.letters.path().display(), full.path().display());
    // Room for the file, and not for another one.
    let script =
        format!("mount -t tmpfs -o size=40k tmpfs {place} && cp --preserve=mode {letters} {place}/ && \"$0\" \"$@\"");
    let mut command =
        wrapped(&["unshare", "--mount", "sh", "-c", &script], &(&dead).command(&["dead", "retry", "--all"]));
    let finished = Process::run(command.env("STATE_DIRECTORY", full.path()));
    assert_eq!(finished.code(), OTHER, "{finished:?}");
    assert!(finished.stderr.contains("No space left on device"), "{finished:?}");
    assert!(!finished.stderr.contains("went to the queue"), "{finished:?}");
    assert_eq!(dead.take_all().len(), 0);
}
