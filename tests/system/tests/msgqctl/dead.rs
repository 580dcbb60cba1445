//! The dead letters of a queue, written by the library as a daemon does it.

mod places;
mod schemas;
mod taking_out;

use super::*;
use msgq_core::dead_letters::{DeadLetter, DeadLetters, letter_id, path, readable_text};
use msgq_core::layout::encode_request;
use std::io::Write;

/// A queue without a server, and a directory for its dead letters.
struct DeadQueue {
    key: ScratchKey,
    queue: Queue,
    state: TempDir,
    letters: DeadLetters,
}

impl Place for &DeadQueue {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = msgqctl(self.key.key(), arguments);
        command.env("STATE_DIRECTORY", self.state.path());
        command
    }
}

impl DeadQueue {
    fn new() -> Self {
        let (key, queue) = idle_queue();
        let state = tempfile::tempdir().unwrap();
        let letters = DeadLetters::at(path(state.path(), key.key()));
        Self { key, queue, state, letters }
    }

    fn with_letters(count: u64) -> Self {
        let dead = Self::new();
        (1..=count).for_each(|request| dead.letters.append(&dead.letter(request)).unwrap());
        dead
    }

    fn letter(&self, request: u64) -> DeadLetter {
        let body = encode_request(4711, format!("line {request}").as_bytes()).to_vec();
        DeadLetter {
            id: letter_id(1_700_000_000_000, request),
            at_s: 1_700_000_000,
            queue_key: self.key.key(),
            msqid: self.queue.id(),
            mtype: 1,
            text: Some(readable_text(format!("line {request}").as_bytes())),
            body,
            client: Some(4711),
            request,
            attempts: 3,
            reason: "the command ended with exit status 1".to_owned(),
        }
    }

    fn left(&self) -> Vec<u64> {
        self.letters.list().unwrap().map(|letter| letter.unwrap().request).collect()
    }

    /// Type and body of all that is in the queue, in its order.
    fn take_all(&self) -> Vec<(i64, Vec<u8>)> {
        let mut buffer = MessageBuffer::new();
        let mut all = Vec::new();
        while self.queue.try_receive_any(0, &mut buffer).unwrap() {
            all.push((buffer.mtype(), buffer.body().to_vec()));
        }
        all
    }
}

fn id(request: u64) -> String {
    letter_id(1_700_000_000_000, request)
}

/// A letter where msgqctl finds it for a user with this home.
pub(crate) fn leave_a_letter(home: &std::path::Path, key: QueueKey) -> String {
    let dead = DeadQueue::new();
    let directory = home.join(".local/state/msgqd");
    std::fs::create_dir_all(&directory).unwrap();
    let letter = DeadLetter { queue_key: key, ..dead.letter(1) };
    DeadLetters::at(path(&directory, key)).append(&letter).unwrap();
    letter.id
}

#[test]
fn letters_are_listed_with_age_size_client_tries_and_reason() {
    let none = DeadQueue::new();
    assert_eq!(ends_with(OK, &none, &["dead", "list"]).stdout, "no dead letters\n");
    let dead = DeadQueue::with_letters(3);
    let listed = ends_with(OK, &dead, &["dead", "list"]).stdout;
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["id", "age", "type", "bytes", "client", "tries", "reason"]);
    assert_eq!((rows.len(), rows[1][0], rows[3][0]), (4, id(1).as_str(), id(3).as_str()), "{listed}");
    assert_eq!(&rows[2][2..8], ["days", "1", "264", "4711", "3", "the"], "{listed}");
    assert!(listed.lines().all(|line| line.len() <= 80), "{listed}");
    let two = ends_with(OK, &dead, &["dead", "list", "--limit", "2"]).stdout;
    assert!(two.ends_with("2 of 3 letters shown; --limit shows more\n"), "{two}");
    let report = json(&dead, &["dead", "list", "--limit", "1"]);
    assert_eq!((&report["total"], &report["damaged"]), (&3.into(), &0.into()), "{report}");
    assert_eq!(report["letters"][0]["id"], id(1));
    assert_eq!(report["letters"][0]["attempts"], 3);
    assert_eq!(report["letters"][0]["file"], dead.letters.path().display().to_string());
}

#[test]
fn a_letter_is_shown_with_all_of_its_bytes_and_nothing_in_it_acts_on_a_terminal() {
    let dead = DeadQueue::new();
    let hostile = b"\x1b[2J\xff\n\0tail\xe2\x80\xae";
    let reason = "\u{1b}]0;title\u{7} it said \\x1b".to_owned();
    let odd = DeadLetter { body: hostile.to_vec(), mtype: 9, client: None, reason, ..dead.letter(1) };
    dead.letters.append(&odd).unwrap();
    dead.letters.append(&dead.letter(2)).unwrap();
    let shown = ends_with(OK, &dead, &["dead", "show", &id(1)]).stdout;
    let listed = ends_with(OK, &dead, &["dead", "list"]).stdout;
    assert!(!format!("{shown}{listed}").contains(|it: char| (it.is_control() && it != '\n') || it == '\u{202e}'));
    for expected in [
        "given up      2023-11-14T22:13:20Z (",
        r"body          \u{1b}[2J\xff\n\0tail\u{202e}",
        r"reason        \u{1b}]0;title\u{7} it said \x1b",
        "type          9\nclient        -\nrequest       1\n",
    ] {
        assert!(shown.contains(expected), "{expected:?} is not in {shown}");
    }
    let report = json(&dead, &["dead", "show", &id(1)]);
    assert_eq!(report["body_hex"], "1b5b324aff0a007461696ce280ae", "{report}");
    let plain = ends_with(OK, &dead, &["dead", "show", &id(2)]).stdout;
    assert!(plain.contains("text          line 2\n"), "{plain}");
    let missing = ends_with(OTHER, &dead, &["dead", "show", "no-such"]);
    assert!(missing.stderr.contains("no-such") && missing.stderr.contains("dead list"), "{missing:?}");
}

#[test]
fn the_fields_of_a_declared_protocol_are_shown_by_name() {
    let dead = DeadQueue::new();
    let config = DaemonBuilder::new()
        .set("queue", &format!("key = {}", dead.key.key().raw()))
        .set("protocol", "request = 'struct { long mtype; int op; pid_t pid; char name[20]; }'")
        .set("protocol", "response = 'struct { long mtype; int result; }'");
    let file = config.write_config();
    let mut body = [7_i32.to_ne_bytes(), 4711_i32.to_ne_bytes()].concat();
    body.extend_from_slice(b"bolt");
    body.resize(28, 0);
    dead.letters.append(&DeadLetter { body, ..dead.letter(1) }).unwrap();
    let with_config = |arguments: &[&str]| {
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        command.env("STATE_DIRECTORY", dead.state.path()).arg("--config").arg(&file);
        Process::run(command.args(arguments)).succeeded().stdout
    };
    let shown = with_config(&["dead", "show", &id(1)]);
    assert!(shown.contains("fields        op=7 pid=4711 name=\"bolt\"\n"), "{shown}");
    let report: Value = serde_json::from_str(&with_config(&["--json", "dead", "show", &id(1)])).unwrap();
    assert_eq!((&report["fields"]["op"], &report["fields"]["name"]), (&7.into(), &"bolt".into()), "{report}");
}

#[test]
fn what_is_damaged_is_counted_and_stops_nothing() {
    let dead = DeadQueue::with_letters(1);
    let mut file = std::fs::OpenOptions::new().append(true).open(dead.letters.path()).unwrap();
    file.write_all(b"{\"id\":\"torn").unwrap();
    dead.letters.append(&dead.letter(2)).unwrap();
    let listed = run(&dead, &["dead", "list"]).succeeded();
    assert!(listed.stdout.contains(&id(1)) && listed.stdout.contains(&id(2)), "{listed:?}");
    assert!(listed.stderr.contains("1 line of") && listed.stderr.contains("damaged"), "{listed:?}");
    assert_eq!(json(&dead, &["dead", "list"])["damaged"], 1);
}

#[test]
fn doctor_warns_of_letters_that_wait_and_says_what_shows_them() {
    let dead = DeadQueue::new();
    let finding = || {
        let report: Value = serde_json::from_str(&run(&dead, &["--json", "doctor"]).stdout).unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["check"] == "dead_letters")
    };
    assert_eq!(finding(), None);
    (1..=2).for_each(|request| dead.letters.append(&dead.letter(request)).unwrap());
    let found = finding().unwrap();
    assert_eq!(found["state"], "warning", "{found}");
    let expected = format!("2 dead letters, messages that no handler took, in {}", dead.letters.path().display());
    let what = found["what"].as_str().unwrap();
    assert!(what.starts_with(&expected) && what.contains("2023-11-14T22:13:20Z ("), "{what}");
    assert_eq!(found["mend"][0], format!("msgqctl --key {} dead list", dead.key.key()));
    std::fs::remove_file(dead.letters.path()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dead.letters.path()).unwrap();
    let found = finding().unwrap();
    assert!(found["what"].as_str().unwrap().contains("symbolic link"), "{found}");
}

#[test]
fn ids_are_completed() {
    let dead = DeadQueue::with_letters(2);
    for (action, last) in [("show", ""), ("retry", ""), ("drop", "17")] {
        let mut command = (&dead).command(&[]);
        let key = dead.key.key().to_string();
        let mut completion = Command::new(command.get_program());
        completion.env("STATE_DIRECTORY", dead.state.path()).env("MSGQCTL_COMPLETE", "fish");
        let finished =
            Process::run(completion.args(["--", "msgqctl", "--key", &key, "dead", action, last])).succeeded();
        assert!(finished.stdout.contains(&format!("{}\ttype 1, 264 bytes", id(1))), "{action}: {finished:?}");
        assert!(finished.stdout.contains(&id(2)), "{action}: {finished:?}");
        let _ = command.env_clear();
    }
}
