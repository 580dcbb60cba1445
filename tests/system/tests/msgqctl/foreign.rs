//! On queues of other programs: nothing goes, nothing is advised, and no type is called a client.

use super::*;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::io::Write;

/// What `msgqctl` does to messages without a type or `--yes`: for each of its commands, each way to call it. `PID` stands for a
/// number that is a type in the queue. The last two add a message of their own.
const HARMLESS: [(&str, &[&[&str]]); 17] = [
    ("stat", &[&[], &["--prometheus"], &["--check"]]),
    ("list", &[&[], &["--abandoned", "--idle-for", "1ms"], &["--stuck"], &["--user", "0", "--sort", "age"]]),
    // It ends by an error alone; what it does is what list does.
    ("top", &[&["--user", "nobody-of-this-name"]]),
    ("peek", &[&[], &["--full"], &["--pid", "PID"], &["--queue", "answers"]]),
    ("explain", &[&["PID"]]),
    ("doctor", &[&[]]),
    (
        "purge",
        &[
            &[],
            &["--dry-run"],
            &["--all-orphans"],
            &["--pid"],
            &["--pid", "PID"],
            &["--older-than", "1ms"],
            &["--pid", "PID", "--older-than", "1ms"],
            &["--requests"],
            &["--requests", "--dry-run"],
            &["--type", "PID"],
            &["--type", "PID", "--force"],
            &["--type", "PID", "--limit", "1"],
            &["--type", "PID", "--dry-run"],
            &["--pid", "PID", "--force"],
            &["--pid", "--limit", "1"],
        ],
    ),
    ("restore", &[&["/dev/null"], &["/nonexistent/saved.jsonl", "--into-another-queue"]]),
    ("remove", &[&["0"], &["1", "2"], &["0x7"], &[], &["0", "--force"], &["0", "--dry-run"]]),
    ("layout", &[&["--request", "struct { long mtype; int pid; }"]]),
    ("client", &[&["c"], &["perl"], &["python"], &["php"]]),
    ("drain", &[&[], &["--wait=0.1"]]),
    ("resume", &[&[], &["--mode", "0660"]]),
    ("dead", &[&["list"], &["show", "x"], &["retry", "--all"], &["drop", "--all"]]),
    ("completions", &[&["bash"]]),
    ("send", &[&["x", "--timeout", "10ms"]]),
    ("bench", &[&["--clients", "1", "--count", "1", "--timeout", "10ms"]]),
];

pub(crate) type Message = (i64, Vec<u8>);

/// Messages of any program: types that are small, that look like PIDs or like nothing, bodies of the plain protocol or not.
fn foreign_messages() -> impl Strategy<Value = Vec<Message>> {
    let mtype = prop_oneof![1..3_i64, 2..500_i64, 30_000..70_000_i64, 500..i64::from(PID_MAX_LIMIT), 2..=i64::MAX];
    let body = prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 260..=264)];
    vec((mtype, body), 1..20)
}

pub(crate) fn messages_of(queue: &Queue) -> Vec<Message> {
    let mut buffer = MessageBuffer::new();
    (0..20_000)
        .map_while(|index| {
            let is_there = queue.peek(index, &mut buffer).unwrap();
            is_there.then(|| (buffer.mtype(), buffer.body().to_vec()))
        })
        .collect()
}

/// The commands that clap knows, as `--help` lists them.
fn commands_of_help() -> BTreeSet<String> {
    let help = Process::run(Command::new(msgqd_system_tests::msgqctl()).arg("--help")).succeeded().stdout;
    let list = help.split_once("\nCommands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let begun = list.lines().filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    begun.map(|line| line.split(' ').next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

/// What must not be said of a queue that nobody knows.
#[track_caller]
fn advises_nothing(command: &str, arguments: &[&str], finished: &Finished) {
    let said = format!("{}{}", finished.stdout, finished.stderr).replace('\n', " ");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let forbidden: &[&str] = match command {
        "doctor" => &["kill", "purge"],
        "stat" | "peek" | "explain" if !arguments.contains(&"--prometheus") => {
            &["kill", "purge", "orphan", "nobody will read", "client ", "clients ", "response"]
        }
        _ => &["kill"],
    };
    for word in forbidden {
        assert!(!said.contains(word), "{word:?} is said by {command} {arguments:?}: {finished:?}");
    }
}

#[test]
fn no_command_without_a_type_or_a_consent_removes_a_message_of_another_program() {
    let known = HARMLESS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(commands_of_help(), known, "a command without its line in the list of this test");
    let mut runner = TestRunner::default();
    for _ in 0..6 {
        let foreign = foreign_messages().new_tree(&mut runner).unwrap().current();
        let (key, queue) = idle_queue();
        for (mtype, body) in &foreign {
            queue.try_send(*mtype, body).unwrap();
        }
        let is_pid = |mtype: &i64| (2..PID_MAX_LIMIT.into()).contains(mtype);
        let pid = foreign.iter().map(|(mtype, _)| *mtype).find(is_pid).unwrap_or(4711).to_string();
        for (command, ways) in HARMLESS {
            for way in ways {
                let way: Vec<&str> = way.iter().map(|word| if *word == "PID" { &pid } else { *word }).collect();
                let finished = run(key.key(), &[&[command], way.as_slice()].concat());
                let left = messages_of(&queue);
                assert_eq!(left[..foreign.len()], foreign, "after {command} {way:?}: {finished:?}");
                advises_nothing(command, &way, &finished);
            }
        }
    }
}

#[test]
fn the_server_of_another_program_is_no_problem_and_nobody_is_told_to_kill_it() {
    let mut other = PlainServer::start();
    let queue = Queue::open(other.key()).unwrap();
    [100, 200, 200, 32768, i64::MAX].iter().for_each(|mtype| put(&queue, *mtype, 1));
    let server = other.process().pid().to_string();
    wait_until("it waits for requests", || is_blocked_in(server.parse().unwrap(), ClientCall::Receive));
    let finished = run(other.key(), &["--json", "doctor"]);
    assert!(!finished.stdout.contains("kill"), "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["check"] == "other_programs").unwrap();
    assert_eq!(check["state"], "not_applicable", "{check}");
}

#[test]
fn in_json_no_type_of_another_programs_queue_is_a_client() {
    let (key, queue) = idle_queue();
    let living = Sleeper::start();
    for mtype in [1, i64::from(living.pid()), dead_pid().into(), dead_pid().into(), 1 << 40] {
        put(&queue, mtype, 1);
    }
    let stat = json(key.key(), &["stat"]);
    assert_eq!((&stat["waiting"], &stat["clients"]), (&Value::Null, &Value::Array(vec![])), "{stat}");
    let types = stat["messages"]["types"].as_array().unwrap();
    let counted = |mtype: i64| types.iter().find(|row| row["mtype"] == mtype).unwrap()["messages"].as_u64();
    assert_eq!((types.len(), counted(1), counted(dead_pid().into())), (4, Some(1), Some(2)), "{stat}");
    let peek = json(key.key(), &["peek"]);
    for row in peek["messages"].as_array().unwrap() {
        assert_eq!((&row["kind"], &row["pid"], &row["state"]), (&"unknown".into(), &Value::Null, &"unknown".into()));
    }
    let explain = json(key.key(), &["explain", &living.pid().to_string()]);
    assert_eq!((&explain["resting"]["messages"], &explain["is_complete"]), (&0.into(), &false.into()), "{explain}");
    assert!(explain["unknown"].to_string().contains("not known to be msgqd's"), "{explain}");
}

#[test]
fn a_refused_purge_says_what_it_would_need_and_a_type_needs_a_yes() {
    let (key, queue) = idle_queue();
    for mtype in [1, 100, 200, 200, i64::from(dead_pid())] {
        put(&queue, mtype, 1);
    }
    let refused: [&[&str]; 7] = [
        &["purge"],
        &["purge", "--dry-run"],
        &["purge", "--all-orphans"],
        &["purge", "--pid", "200"],
        &["purge", "--pid", "200", "--force"],
        &["purge", "--yes"],
        &["purge", "--requests", "--yes"],
    ];
    for arguments in refused {
        let said = ends_with(OTHER, key.key(), arguments).stderr;
        for word in [
            "is not known to be msgqd's",
            "no msgqd holds a lock",
            "nothing was removed",
            "--protocol plain",
            "--config FILE",
            "--yes",
        ] {
            assert!(said.contains(word), "{word:?}: {said}");
        }
    }
    let unasked = ends_with(USAGE, key.key(), &["purge", "--type", "1", "200"]).stderr;
    assert!(
        unasked.contains("needs --yes; it would remove 3 messages (792 bytes) of 2 types: 1 of type 1, 2 of"),
        "{unasked}"
    );
    let would = ends_with(OK, key.key(), &["purge", "--type", "1", "200", "--dry-run"]).stdout;
    assert!(would.starts_with("would remove 3 messages (792 bytes) of 2 types\n"), "{would}");
    assert_eq!(queue.stat().unwrap().messages, 5);
    let removed = run(key.key(), &["--json", "purge", "--type", "1", "200", "--yes"]).succeeded();
    assert!(removed.stderr.contains("removing 3 messages (792 bytes)"), "{removed:?}");
    let removed: Value = serde_json::from_str(&removed.stdout).unwrap();
    assert_eq!((&removed["messages"], &removed["removed"][0]["reason"]), (&3.into(), &"named".into()), "{removed}");
    assert_eq!(queue.stat().unwrap().messages, 2);
}

#[test]
fn whoever_says_what_the_messages_mean_may_purge_as_on_a_queue_of_msgqds() {
    let (key, queue) = idle_queue();
    let living = Sleeper::start();
    for mtype in [1, i64::from(living.pid()), i64::from(dead_pid())] {
        put(&queue, mtype, 1);
    }
    let purged = ends_with(OK, key.key(), &["--protocol", "plain", "purge"]).stdout;
    assert!(purged.contains("removed 1 response (264 bytes) for 1 client"), "{purged}");
    let refused =
        ends_with(OTHER, key.key(), &["--protocol", "plain", "purge", "--pid", &living.pid().to_string()]).stderr;
    assert!(refused.contains("is alive"), "{refused}");
    assert_eq!(queue.stat().unwrap().messages, 2);
}

#[test]
fn at_a_terminal_it_is_asked_before_messages_of_an_unknown_queue_go() {
    let (key, queue) = idle_queue();
    put(&queue, 100, 2);
    put(&queue, 200, 1);
    let command = format!("{} --key {} purge --type 100", msgqd_system_tests::msgqctl().display(), key.key());
    for (answer, code, left) in [("n", OTHER, 3), ("y", OK, 1)] {
        let Some(terminal) = terminal::Terminal::run(&command) else { return };
        terminal.shows("Remove 2 messages (528 bytes) of 1 type: 2 of type 100, from queue");
        assert_eq!(queue.stat().unwrap().messages, 3);
        let _ = terminal.tmux(&["send-keys", answer, "Enter"]);
        terminal.shows(&format!("ended with {code}"));
        assert_eq!(queue.stat().unwrap().messages, left);
    }
}

#[test]
fn the_queue_of_a_dead_msgqd_counts_as_its_own() {
    let (builder, queue) = queue_of_dead_msgqd();
    put(&queue, dead_pid().into(), 2);
    assert!(run(&builder, &["purge"]).succeeded().stdout.contains("removed 2 responses"));
    assert_eq!(queue.stat().unwrap().messages, 0);
    // Its table is looked for where the caller says; one that is not found makes the queue a foreign one.
    let unseen = ends_with(OTHER, builder.key(), &["purge"]);
    assert!(unseen.stderr.contains("is not known to be msgqd's"), "{unseen:?}");
}

/// The command, run by a process whose number is known before it begins: messages of that type are there by then.
fn run_among_messages_of_its_own_number(key: QueueKey, queue: &Queue, arguments: &[&str]) -> Output {
    let mut command = wrapped(&["sh", "-c", "echo $$; read -r _; exec \"$0\" \"$@\""], &msgqctl(key, arguments));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let pid = i64::from(child.id());
    queue.try_send(pid, b"work").unwrap();
    queue.try_send(pid, b"").unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_request_is_not_sent_where_its_answer_could_not_be_told_from_what_another_program_left() {
    for arguments in [["send", "x", "--timeout", "50ms"].as_slice(), &["bench", "--count", "1", "--timeout", "50ms"]] {
        let (key, queue) = idle_queue();
        let output = run_among_messages_of_its_own_number(key.key(), &queue, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(queue.stat().unwrap().messages, 2, "{arguments:?}: {said}");
        assert!(said.contains("not known to be msgqd's") && said.contains("nothing was sent"), "{said}");
        assert_eq!(output.status.code(), Some(OTHER), "{said}");
    }
}

#[test]
fn explain_tells_what_the_kernel_shows_of_a_process_and_an_unknown_queue_and_what_it_does_not() {
    let mut other = PlainServer::start();
    let queue = Queue::open(other.key()).unwrap();
    ends_with(OK, other.key(), &["send", "x"]);
    let pid = other.process().pid();
    wait_until("it waits for the next message", || is_blocked_in(pid, ClientCall::Receive));
    let number = pid.to_string();
    let report = json(other.key(), &["explain", &number]);
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.contains("waits in this queue for messages of type 1"), "{report}");
    let shown = report["shown"].to_string();
    for word in ["this number sent to the queue last", "received from the queue last, and not this one"] {
        assert!(shown.contains(word), "{word:?} is missing: {report}");
    }
    assert!(report["unknown"].to_string().contains("the kernel keeps only who sent and who received last"), "{report}");
    [100, 200, 200, i64::from(pid)].iter().for_each(|mtype| put(&queue, *mtype, 1));
    let text = ends_with(OK, other.key(), &["explain", "200"]).stdout;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("2 messages of 4 in the queue have the type 200; whether that means this number"), "{text}");
    let only = ends_with(OK, other.key(), &["explain", "100"]).stdout;
    let only = only.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(only.contains("1 message of 4 in the queue has the type 100; whether that means"), "{only}");
    let left = messages_of(&queue).len();
    assert_eq!(left, 4, "explain takes nothing");
}

#[test]
fn one_type_more_than_are_shown_is_told_as_one() {
    let (key, queue) = idle_queue();
    (100..111).for_each(|mtype| put(&queue, mtype, 1));
    let shown = ends_with(OK, key.key(), &["stat"]).stdout;
    assert!(shown.contains("1 more type with fewer; --json shows them all"), "{shown}");
    put(&queue, 111, 1);
    let shown = ends_with(OK, key.key(), &["stat"]).stdout;
    assert!(shown.contains("2 more types with fewer"), "{shown}");
}

#[test]
fn a_door_of_an_unknown_queue_is_closed_in_its_own_words_and_a_second_time_changes_nothing() {
    let (key, queue) = idle_queue();
    let closed = ends_with(OK, key.key(), &["drain"]).stdout;
    assert!(closed.contains("from 0660 to 0640") && closed.contains("msgqctl resume --mode 0660"), "{closed}");
    assert!(!closed.contains("request"), "what its messages are is not known: {closed}");
    let again = ends_with(OK, key.key(), &["drain"]).stdout;
    assert!(again.contains("nothing was changed") && !again.contains("--mode 0640"), "{again}");
    assert_eq!(queue.stat().unwrap().mode, 0o640);
}

#[test]
fn where_the_command_line_names_the_protocol_stat_tells_for_whom_messages_are() {
    let (key, queue) = idle_queue();
    let living = Sleeper::start();
    for mtype in [i64::from(living.pid()), dead_pid().into(), dead_pid().into()] {
        put(&queue, mtype, 1);
    }
    assert_eq!(json(key.key(), &["stat"])["clients"], Value::Array(vec![]));
    let stat = json(key.key(), &["--protocol", "plain", "stat"]);
    let state = |pid: i32| {
        let clients = stat["clients"].as_array().unwrap();
        clients.iter().find(|client| client["pid"] == pid).map(|client| client["state"].clone())
    };
    assert_eq!((state(living.pid()), state(dead_pid())), (Some("alive".into()), Some("dead".into())), "{stat}");
    assert_eq!(stat["condition"], "not_served", "{stat}");
}
