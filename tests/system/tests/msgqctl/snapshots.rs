//! Text output as a whole, with client text and process names made to do harm, at 80 and at 200 columns.
//!
//! What differs from run to run is replaced by words in capitals before the comparison, and lines that were broken are
//! joined, since where they break depends on it. `MSGQD_WRITE_SNAPSHOTS=1` writes the snapshots anew.

use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::snapshots_dir;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A window title, a screen that is cleared, a line of its own, writing from right to left, no UTF-8, a backslash.
const HOSTILE_TEXT: &[u8] = b"\x1b]0;title\x07\x1b[2J\r\nverdict       serving\xe2\x80\xae\xff\xfe\\\"";
/// As a process name, of which the kernel keeps 15 bytes.
const HOSTILE_NAME: &[u8] = b"\x1b[31m\n\xe2\x80\xaeab\xff%n";
const INDENT: &str = "              ";

/// A process with a hostile name that does nothing.
fn hostile_process(directory: &TempDir) -> Process {
    let program = directory.path().join(OsStr::from_bytes(HOSTILE_NAME));
    msgqd_system_tests::copy_program("/bin/sleep".as_ref(), &program);
    let process = Process::start(Command::new(&program).arg("600"));
    let comm = format!("/proc/{}/comm", process.pid());
    wait_until("it has its name", || std::fs::read(&comm).unwrap().starts_with(HOSTILE_NAME));
    process
}

/// What differs from run to run, and what stands for it.
struct Volatile(Vec<(String, &'static str)>);

impl Volatile {
    fn of(queue: &Queue, key: QueueKey, numbers: &[(i32, &'static str)]) -> Self {
        let stat = queue.stat().unwrap();
        let (user, group) = (output_of("id", "-un"), output_of("id", "-gn"));
        let mut words = vec![
            (format!("user {user} ({})", stat.uid), "user USER"),
            (format!("group {group} ({})", stat.gid), "group GROUP"),
            (key.to_string(), "KEY"),
            (format!("msqid {}", queue.id()), "msqid MSQID"),
            (std::fs::read_to_string("/proc/self/comm").unwrap().trim().to_owned(), "TEST"),
            (user, "USER"),
        ];
        words.extend(numbers.iter().map(|(number, name)| (number.to_string(), *name)));
        words.push((std::process::id().to_string(), "PID_OF_TEST"));
        Self(words)
    }

    fn replace(&self, text: &str) -> String {
        let joined = text.replace(&format!("\n{INDENT}"), " ");
        let mut lines: Vec<String> = joined.lines().map(times).collect();
        for line in &mut lines {
            for (word, name) in &self.0 {
                *line = replace_word(line, word, name);
            }
            if line.starts_with("latency ") {
                *line = without_numbers(line);
            }
            *line = line.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join("  ");
        }
        // Whether they are there depends on the moment.
        lines.retain(|line| !line.starts_with("rate ") && !line.starts_with("pressure "));
        lines.join("\n") + "\n"
    }
}

fn output_of(program: &str, argument: &str) -> String {
    Process::run(Command::new(program).arg(argument)).succeeded().stdout.trim().to_owned()
}

/// Only where it is no part of a longer word or number.
fn replace_word(line: &str, word: &str, name: &str) -> String {
    let is_part = |character: Option<char>| character.is_some_and(|it| it.is_alphanumeric() || it == '_');
    let mut replaced = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        replaced.push_str(before);
        let is_whole = !is_part(replaced.chars().last()) && !is_part(after.chars().next());
        replaced.push_str(if is_whole { name } else { word });
        rest = after;
    }
    replaced + rest
}

/// `2026-11-23T04:45:45Z (3 s ago)` is a TIME, and so is `since 3 s`.
fn times(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let is_moment = |word: &str| word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let is_aged = words.get(at + 1).is_some_and(|next| next.starts_with('('));
        kept.push(if is_moment(words[at]) { "TIME" } else { words[at] });
        at += if is_moment(words[at]) && is_aged { 4 } else { 1 };
    }
    kept.join(" ")
}

fn without_numbers(line: &str) -> String {
    let parts = line.split(|character: char| !character.is_ascii_digit() && character != '.');
    parts
        .filter(|part| part.starts_with(|first: char| first.is_ascii_digit()))
        .fold(line.to_owned(), |line, number| replace_word(&line, number.trim_end_matches('.'), "N"))
}

#[track_caller]
fn is_harmless(text: &str) {
    let is_bad = |character: &char| {
        (character.is_control() && *character != '\n')
            || matches!(*character, '\u{200e}'..='\u{202f}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(text.chars().find(is_bad), None, "{text:?}");
}

/// Runs a command at both widths and compares what it prints.
#[track_caller]
fn compare(name: &str, volatile: &Volatile, mut command: impl FnMut() -> Command) {
    for width in [80, 200] {
        let finished = Process::run(command().env("COLUMNS", width.to_string())).succeeded();
        let text = finished.stdout;
        is_harmless(&text);
        let is_full = name.ends_with("_full");
        assert!(is_full || text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
        let path = snapshots_dir().join(format!("{name}.{width}.txt"));
        let shown = volatile.replace(&text);
        if std::env::var_os("MSGQD_WRITE_SNAPSHOTS").is_some() {
            std::fs::create_dir_all(snapshots_dir()).unwrap();
            std::fs::write(&path, &shown).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            shown,
            expected,
            "differs from {}; if it is right now: MSGQD_WRITE_SNAPSHOTS=1\n{shown}",
            path.display()
        );
    }
}

#[test]
fn hostile_text_and_names_come_out_escaped_from_every_command_as_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let process = hostile_process(&directory);
    let (key, queue) = idle_queue();
    let (pid, dead) = (process.pid(), dead_pid());
    let request = encode_request(pid, HOSTILE_TEXT);
    let answer = |status| Response::new(status, HOSTILE_TEXT, BODY_LEN_LP64);
    queue.try_send(REQUEST_MTYPE, &request).unwrap();
    queue.try_send(pid.into(), answer(0).as_bytes()).unwrap();
    queue.try_send(pid.into(), answer(-1).as_bytes()).unwrap();
    queue.try_send(dead.into(), answer(0).as_bytes()).unwrap();
    queue.try_send(1 << 40, HOSTILE_TEXT).unwrap();
    let volatile = Volatile::of(&queue, key.key(), &[(pid, "PID"), (dead, "DEAD")]);
    let pid = pid.to_string();
    for (name, arguments) in [
        ("stat", ["stat"].as_slice()),
        ("peek", &["peek"]),
        ("peek_full", &["peek", "--full"]),
        ("explain", &["explain", &pid]),
        ("purge", &["purge", "--dry-run"]),
        ("purge_by_force", &["purge", "--dry-run", "--force", "--pid", &pid]),
        ("purge_requests", &["purge", "--dry-run", "--requests"]),
    ] {
        compare(name, &volatile, || msgqctl(key.key(), arguments));
        let json = Process::run(&mut msgqctl(key.key(), &[&["--json"], arguments].concat())).succeeded().stdout;
        assert!(json.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{json:?}");
    }
}

#[test]
fn stat_of_a_daemon_is_as_recorded() {
    let mut daemon = Daemon::start();
    let _ = Process::run(&mut msgqd_system_tests::load_client(msgqd_system_tests::Language::C, daemon.key(), 3, "x"));
    let own = std::process::id().cast_signed();
    let queue = daemon.queue();
    daemon.freeze();
    // Rests as long as the daemon stands still.
    put(&queue, own.into(), 2);
    let volatile = Volatile::of(&queue, daemon.key(), &[(daemon.pid(), "PID_OF_DAEMON")]);
    let last_receiver = queue.stat().unwrap().last_receive_pid;
    let volatile = Volatile([volatile.0, vec![(last_receiver.to_string(), "PID_OF_CLIENT")]].concat());
    let directory = daemon.builder().runtime_directory().to_path_buf();
    compare("stat_of_a_daemon", &volatile, || {
        let mut command = msgqctl(daemon.key(), &["stat"]);
        command.env("RUNTIME_DIRECTORY", &directory);
        command
    });
    assert!(queue.try_receive(own.into(), &mut MessageBuffer::new()).unwrap());
    assert!(queue.try_receive(own.into(), &mut MessageBuffer::new()).unwrap());
    daemon.thaw();
    daemon.stop();
}
