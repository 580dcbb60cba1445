//! Text output as a whole, with client text and process names made to do harm, at 80 and at 200 columns.
//!
//! What differs from run to run is replaced by words in capitals before the comparison, and lines that were broken are
//! joined, since where they break depends on it. `MSGQD_WRITE_SNAPSHOTS=1` writes the snapshots anew.

use super::*;
use msgq_core::layout::encode_request;
use msgqd_system_tests::{Language, load_client, snapshots_dir};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// A window title, a screen that is cleared, a line of its own, writing from right to left, no UTF-8, a backslash.
const HOSTILE_TEXT: &[u8] = b"\x1b]0;title\x07\x1b[2J\r\nverdict       serving\xe2\x80\xae\xff\xfe\\\"";
/// As a process name, of which the kernel keeps 15 bytes.
pub(crate) const HOSTILE_NAME: &[u8] = b"\x1b[31m\n\xe2\x80\xaeab\xff%n";
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
pub(crate) struct Volatile(pub(crate) Vec<(String, &'static str)>);

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
        let mut lines: Vec<String> = joined.lines().map(|line| sleeps(&times(line))).collect();
        for line in &mut lines {
            for (word, name) in &self.0 {
                *line = replace_word(line, word, name);
            }
            if line.starts_with("latency ") {
                *line = without_numbers(line);
                for unit in ["µs", "ms", "s"] {
                    *line = line.replace(&format!("N {unit},"), "N,");
                }
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

/// `asleep for 3 s` is asleep for a SPAN.
fn sleeps(line: &str) -> String {
    const BEFORE: &str = "asleep for ";
    let mut parts = line.split(BEFORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |so_far, part| {
        let behind = part.split(' ').skip(2).map(|word| format!(" {word}"));
        format!("{so_far}{BEFORE}SPAN{}", behind.collect::<String>())
    })
}

/// Each number in one pass: `3` and `3.0` are two numbers, not one that stands in the other.
fn without_numbers(line: &str) -> String {
    let is_of_number = |character: char| character.is_ascii_digit() || character == '.';
    let words = line.split(' ').map(|word| {
        let number = word.trim_end_matches(',');
        let is_number = number.starts_with(|first: char| first.is_ascii_digit()) && number.chars().all(is_of_number);
        if is_number { word.replace(number, "N") } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
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
pub(crate) fn compare(name: &str, volatile: &Volatile, mut command: impl FnMut() -> Command) {
    for width in [80, 200] {
        let finished = Process::run(command().env("COLUMNS", width.to_string()).env("TZ", "UTC0")).succeeded();
        let text = finished.stdout;
        is_harmless(&text);
        let is_full = name.ends_with("_full");
        // A command stands in one line, so that it can be copied.
        let fits = |line: &str| line.chars().count() <= width || line.starts_with("run on with ");
        assert!(is_full || text.lines().all(fits), "{width}:\n{text}");
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
    let (builder, queue) = queue_of_dead_msgqd();
    let volatile = with_hostile_messages(&queue, builder.key(), process.pid());
    let pid = process.pid().to_string();
    for (name, arguments) in [
        ("peek", ["peek"].as_slice()),
        ("peek_full", &["peek", "--full"]),
        ("explain", &["explain", &pid]),
        ("purge", &["purge", "--dry-run"]),
        ("purge_by_force", &["purge", "--dry-run", "--force", "--pid", &pid]),
        ("purge_requests", &["purge", "--dry-run", "--requests"]),
    ] {
        is_as_recorded_and_harmless(name, &volatile, &builder, arguments);
    }
}

#[test]
fn so_it_does_from_those_that_show_the_queue_of_another_program() {
    let directory = tempfile::tempdir().unwrap();
    let process = hostile_process(&directory);
    let (key, queue) = idle_queue();
    let volatile = with_hostile_messages(&queue, key.key(), process.pid());
    let (pid, junk) = (process.pid().to_string(), (1_i64 << 40).to_string());
    for (name, arguments) in [
        ("stat", ["stat"].as_slice()),
        ("peek_foreign", &["peek", "--type", &junk]),
        ("explain_foreign", &["explain", &pid]),
        ("purge_foreign", &["purge", "--dry-run", "--type", "1", &pid]),
    ] {
        is_as_recorded_and_harmless(name, &volatile, key.key(), arguments);
    }
}

/// Puts a request, answers for it and for somebody dead, and junk into the queue, all with hostile text.
fn with_hostile_messages(queue: &Queue, key: QueueKey, pid: i32) -> Volatile {
    let dead = dead_pid();
    let request = encode_request(pid, HOSTILE_TEXT);
    let answer = |status| Response::new(status, HOSTILE_TEXT, BODY_LEN_LP64);
    queue.try_send(REQUEST_MTYPE, &request).unwrap();
    queue.try_send(pid.into(), answer(0).as_bytes()).unwrap();
    queue.try_send(pid.into(), answer(-1).as_bytes()).unwrap();
    queue.try_send(dead.into(), answer(0).as_bytes()).unwrap();
    queue.try_send(1 << 40, HOSTILE_TEXT).unwrap();
    Volatile::of(queue, key, &[(pid, "PID"), (dead, "DEAD")])
}

#[track_caller]
fn is_as_recorded_and_harmless(name: &str, volatile: &Volatile, place: impl Place, arguments: &[&str]) {
    compare(name, volatile, || place.command(arguments));
    let json = Process::run(&mut place.command(&[&["--json"], arguments].concat())).succeeded().stdout;
    assert!(json.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{json:?}");
}

#[test]
fn stat_of_a_daemon_is_as_recorded() {
    let daemon = Daemon::start();
    let _ = Process::run(&mut load_client(Language::C, daemon.key(), 3, "x"));
    let own = std::process::id().cast_signed();
    let queue = daemon.queue();
    // This process lives and does not read them.
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
    daemon.stop();
}

#[test]
fn stat_of_a_deadlocked_queue_with_hostile_names_among_those_who_wait_is_as_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = PlainServer::with_work(Duration::from_millis(500));
    let (key, queue) = (server.key(), Queue::open(server.key()).unwrap());
    let client = Process::start(&mut load_client(Language::C, key, 1, "x"));
    wait_until("the server has the request", || queue.stat().unwrap().last_receive_pid != 0);
    put(&queue, 100, 62);
    let pid = server.process().pid();
    wait_until("the server waits for room", || is_blocked_in(pid, ClientCall::Send));
    let program = directory.path().join(OsStr::from_bytes(HOSTILE_NAME));
    msgqd_system_tests::copy_program(&msgqd_system_tests::test_client("client"), &program);
    let hostile = Process::start(Command::new(&program).args([&key.to_string(), "1", "x"]));
    wait_until("the sender waits for room", || is_blocked_in(hostile.pid(), ClientCall::Send));
    wait_until("the queue has stood still", || json(key, &["stat"])["condition"] == "deadlocked");
    let numbers = [(pid, "SERVER"), (client.pid(), "CLIENT"), (hostile.pid(), "HOSTILE")];
    is_as_recorded_and_harmless("stat_deadlocked", &Volatile::of(&queue, key, &numbers), key, &["stat"]);
}

#[test]
fn layout_is_as_recorded() {
    let request = "enum op { GET, SET = 5 };
        struct item { int number; double amount; };
        typedef struct { char c; int64_t at; } stamp_t;
        struct message {
            long mtype;
            enum op op;
            long id;
            char name[NAME_LEN];
            struct item item[2][MAX];
            union { float f; char t[SET]; stamp_t stamp; } any;
            struct { bool is_last; char lines[2][4]; };
            char rest[];
        };";
    let response = "struct { long mtype; union { struct { char c; int64_t at; } stamp; char text[16]; } any; \
                    int end, a_name_that_is_so_long_that_it_is_cut_on_a_narrow_screen; }";
    let key = ScratchKey::new();
    for (name, more) in [("layout", [].as_slice()), ("layout_of_both", &["--response", response])] {
        let constants = ["--constants", "NAME_LEN=0x20", "MAX=3"];
        let arguments = [&["layout", "--request", request], constants.as_slice(), more].concat();
        compare(name, &Volatile(Vec::new()), || msgqctl(key.key(), &arguments));
    }
    let config = DaemonBuilder::new()
        .set("queue", &format!("key = {}", key.key().raw()))
        .set("protocol", "request = 'struct { long mtype; int op; pid_t pid; char name[20]; long serial; }'")
        .set("protocol", "response = 'struct { long mtype; int result; int version; long serial; char text[40]; }'")
        .set("protocol", "status = 'result'")
        .set("protocol", "request_types = [2, '4..=6']")
        .set("protocol", "set = { version = 2 }");
    let file = config.write_config();
    let arguments = ["--config", file.to_str().unwrap(), "layout"];
    compare("layout_with_roles", &Volatile(Vec::new()), || msgqctl(key.key(), &arguments));
}
