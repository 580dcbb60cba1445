//! The admin tool as its users see it: output, JSON, exit codes, on queues of msgqd and of other servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::frame::{BODY_LEN_LP64, REQUEST_MTYPE, Response, decode_request};
use msgq_core::limits::PID_MAX_LIMIT;
use msgq_core::queue::{MessageBuffer, Queue, QueueKey, QueueSettings};
use msgqd_system_tests::{
    ClientCall, Daemon, Finished, PlainServer, Process, STRANGER, ScratchKey, as_user, ipcs_row, is_blocked_in,
    is_root, proc_row, wait_until,
};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const OK: i32 = 0;
const SERVER_ERROR: i32 = 1;
const USAGE: i32 = 2;
const NO_QUEUE: i32 = 3;
const TIMEOUT: i32 = 4;
const PERMISSION: i32 = 5;
const OTHER: i32 = 6;

/// Debian's group `daemon`: neither root's nor the stranger's.
const OTHER_GROUP: u32 = 1;

fn msgqctl(key: QueueKey, arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").args(["--key", &key.to_string()]).args(arguments);
    command
}

fn run(key: QueueKey, arguments: &[&str]) -> Finished {
    Process::run(&mut msgqctl(key, arguments))
}

#[track_caller]
fn json(key: QueueKey, arguments: &[&str]) -> Value {
    let finished = run(key, &[&["--json"], arguments].concat()).succeeded();
    let value: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(value["schema_version"], 1, "{value}");
    value
}

#[track_caller]
fn ends_with(code: i32, key: QueueKey, arguments: &[&str]) -> Finished {
    let finished = run(key, arguments);
    assert_eq!(finished.code(), code, "{arguments:?}: {finished:?}");
    assert_eq!(code == OK, finished.stderr.is_empty(), "{arguments:?}: {finished:?}");
    finished
}

fn run_with_stdin(key: QueueKey, arguments: &[&str], input: &[u8]) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), input).unwrap();
    msgqctl(key, arguments).stdin(file.reopen().unwrap()).output().unwrap()
}

/// A queue of the test itself, without a server.
fn idle_queue() -> (ScratchKey, Queue) {
    let key = ScratchKey::new();
    let queue = Queue::create(key.key(), 0o660).unwrap();
    (key, queue)
}

fn put(queue: &Queue, mtype: i64, count: usize) {
    for _ in 0..count {
        queue.try_send(mtype, Response::new(0, b"x", BODY_LEN_LP64).as_bytes()).unwrap();
    }
}

/// Answers the next request with this status and text.
fn answer_once(queue: Queue, status: i32, text: &'static [u8]) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = MessageBuffer::new();
        queue.receive(REQUEST_MTYPE, &mut buffer).unwrap();
        let request = decode_request(buffer.body()).unwrap();
        let response = Response::new(status, text, request.response_len);
        queue.send(request.claimed_pid.into(), response.as_bytes()).unwrap();
    })
}

/// A process that does nothing; killed and reaped when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// Ends it without reaping it.
    fn into_zombie(mut self) -> Self {
        self.0.kill().unwrap();
        let stat = format!("/proc/{}/stat", self.pid());
        wait_until("the process is a zombie", || std::fs::read_to_string(&stat).unwrap().contains(") Z "));
        self
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A number that no process has: the highest that is free of all that Linux can give, whatever `kernel.pid_max` is now.
fn dead_pid() -> i32 {
    (2..PID_MAX_LIMIT).rev().find(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()).unwrap()
}

#[test]
fn a_request_is_answered_by_our_server_and_by_another_one() {
    let (ours, other) = (Daemon::start(), PlainServer::start());
    for key in [ours.key(), other.key()] {
        assert_eq!(ends_with(OK, key, &["send", "grüß dich"]).stdout, "Processed: grüß dich\n");
        let answer = json(key, &["send", "hello"]);
        assert_eq!((&answer["status"], &answer["text"]), (&Value::from(0), &Value::from("Processed: hello")));
        assert!(answer["latency_ns"].as_u64().unwrap() > 0);
        let summary = json(key, &["send", "--count", "500", "hello"]);
        assert_eq!((&summary["answered"], &summary["errors"]), (&Value::from(500), &Value::from(0)));
        let latency = &summary["latency_ns"];
        let values = ["min", "p50", "p90", "p99", "p999", "max"].map(|name| latency[name].as_u64().unwrap());
        assert!(values.is_sorted() && values[0] > 0, "{summary}");
        assert!(ends_with(OK, key, &["send", "--count", "3", "x"]).stdout.contains("answered  3 (0 errors)"));
        assert_eq!(Queue::open(key).unwrap().stat().unwrap().messages, 0);
    }
}

#[test]
fn a_text_from_standard_input_loses_its_last_newline_only() {
    let server = PlainServer::start();
    for (input, expected) in [("hi\n", "Processed: hi\n"), ("a\n\n", "Processed: a\\n\n"), ("", "Processed: \n")] {
        let output = run_with_stdin(server.key(), &["send", "-"], input.as_bytes());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
    assert_eq!(run_with_stdin(server.key(), &["send", "-"], &[b'x'; 256]).status.code(), Some(USAGE));
}

#[test]
fn an_error_of_the_server_is_exit_code_1_and_its_text_cannot_reach_the_terminal_raw() {
    let (key, queue) = idle_queue();
    let server = answer_once(queue, -1, b"no \x1b[31mred");
    let finished = ends_with(SERVER_ERROR, key.key(), &["send", "x"]);
    server.join().unwrap();
    assert!(finished.stderr.contains("status -1") && finished.stderr.contains("red"), "{finished:?}");
    assert!(!finished.stderr.contains('\u{1b}') && finished.stdout.is_empty(), "{finished:?}");

    let server = answer_once(queue, 7, b"no \x1b[31mred");
    let finished = ends_with(SERVER_ERROR, key.key(), &["--json", "send", "x"]);
    server.join().unwrap();
    let answer: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&answer["status"], &answer["text"]), (&Value::from(7), &Value::from("no \u{1b}[31mred")));
    assert!(!finished.stdout.contains('\u{1b}'), "{finished:?}");

    let server = answer_once(queue, 5, b"no");
    ends_with(SERVER_ERROR, key.key(), &["send", "--count", "1", "x"]);
    server.join().unwrap();
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let (key, queue) = idle_queue();
    let long = "x".repeat(256);
    let wrong: [&[&str]; 9] = [
        &[],
        &["frobnicate"],
        &["send"],
        &["send", &long],
        &["send", "x", "--timeout", "soon"],
        &["send", "x", "--count", "0"],
        &["purge", "--pid", "1"],
        &["purge", "--force"],
        &["purge", "--pid", "--force"],
    ];
    for arguments in wrong {
        ends_with(USAGE, key.key(), arguments);
    }
    assert_eq!(queue.stat().unwrap().last_send_pid, 0);
    let bad_key = Process::run(Command::new(msgqd_system_tests::msgqctl()).args(["--key", "0", "stat"]));
    assert_eq!(bad_key.code(), USAGE, "{bad_key:?}");
}

#[test]
fn a_missing_queue_is_exit_code_3_and_the_message_says_which_and_what_to_do() {
    let key = ScratchKey::new();
    for arguments in [["stat"].as_slice(), &["purge"], &["purge", "--pid", "7"], &["send", "x"]] {
        let finished = ends_with(NO_QUEUE, key.key(), arguments);
        assert!(finished.stderr.contains(&key.key().to_string()), "{finished:?}");
        assert!(finished.stderr.contains("start its server"), "{finished:?}");
    }
}

#[test]
fn a_queue_that_is_removed_during_the_wait_is_exit_code_3() {
    let (key, queue) = idle_queue();
    let client = Process::start(&mut msgqctl(key.key(), &["send", "x", "--timeout", "60"]));
    wait_until("the client waits for its answer", || is_blocked_in(client.pid(), ClientCall::Receive));
    queue.remove().unwrap();
    let finished = client.finish();
    assert_eq!(finished.code(), NO_QUEUE, "{finished:?}");
    assert!(finished.stderr.contains("removed"), "{finished:?}");
}

#[test]
fn nobody_answering_is_exit_code_4_whether_the_request_could_be_sent_or_not() {
    let (key, queue) = idle_queue();
    let unanswered = ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "50ms"]);
    assert!(unanswered.stderr.contains("not answered within 50ms"), "{unanswered:?}");
    while queue.try_send(REQUEST_MTYPE, &[0; 264]).is_ok() {}
    let unsent = ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "0.05"]);
    assert!(unsent.stderr.contains("could not be sent"), "{unsent:?}");
    ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "50ms", "--count", "1000"]);
}

/// A program that any user can execute, wherever this repository lies.
fn for_everybody() -> (TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = directory.path().join("msgqctl");
    std::fs::copy(msgqd_system_tests::msgqctl(), &program).unwrap();
    (directory, program)
}

#[test]
fn missing_permission_is_exit_code_5_and_the_message_names_the_group_to_join() {
    if !is_root() {
        eprintln!("not run: only root can become another user");
        return;
    }
    let (_directory, program) = for_everybody();
    let (key, queue) = idle_queue();
    queue.set(&QueueSettings { gid: Some(OTHER_GROUP), ..QueueSettings::default() }).unwrap();
    for arguments in [["stat"].as_slice(), &["purge"], &["purge", "--pid", "7"], &["send", "x"]] {
        let mut command = as_user(STRANGER, &program);
        let finished = Process::run(command.args(["--key", &key.key().to_string()]).args(arguments));
        assert_eq!(finished.code(), PERMISSION, "{finished:?}");
        assert!(finished.stderr.contains("usermod -aG daemon nobody"), "{finished:?}");
        assert!(finished.stdout.is_empty(), "{finished:?}");
    }
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn a_member_of_the_group_may_do_everything() {
    if !is_root() {
        eprintln!("not run: only root can become another user");
        return;
    }
    let (_directory, program) = for_everybody();
    let (key, queue) = idle_queue();
    queue.set(&QueueSettings { gid: Some(STRANGER), ..QueueSettings::default() }).unwrap();
    put(&queue, dead_pid().into(), 1);
    let server = answer_once(queue, 0, b"welcome");
    for (arguments, expected) in
        [(["send", "x"].as_slice(), "welcome\n"), (&["stat"], "1 waiting for 1 client"), (&["purge"], "removed 1")]
    {
        let mut command = as_user(STRANGER, &program);
        let finished = Process::run(command.args(["--key", &key.key().to_string()]).args(arguments)).succeeded();
        assert!(finished.stdout.contains(expected), "{finished:?}");
    }
    server.join().unwrap();
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn stat_agrees_with_ipcs_and_with_proc() {
    let (key, queue) = idle_queue();
    queue.set(&QueueSettings { mode: Some(0o640), max_bytes: Some(8000), ..QueueSettings::default() }).unwrap();
    put(&queue, REQUEST_MTYPE, 3);
    put(&queue, 77, 1);
    assert!(queue.try_receive(77, &mut MessageBuffer::new()).unwrap());
    // Another sender than the receiver, so that the two cannot be mixed up unnoticed.
    ends_with(TIMEOUT, key.key(), &["send", "x", "--timeout", "50ms"]);
    let stat = &json(key.key(), &["stat"])["queue"];

    let proc = proc_row(queue.id()).unwrap();
    let text = |field: &Value| field.as_str().map_or_else(|| field.to_string(), str::to_owned);
    for (column, value) in [
        ("cbytes", &stat["bytes"]),
        ("qnum", &stat["messages"]),
        ("lspid", &stat["last_send"]["pid"]),
        ("lrpid", &stat["last_receive"]["pid"]),
        ("stime", &stat["last_send"]["at_s"]),
        ("rtime", &stat["last_receive"]["at_s"]),
        ("ctime", &stat["changed_at_s"]),
        ("uid", &stat["owner"]["id"]),
        ("gid", &stat["group"]["id"]),
        ("cuid", &stat["creator"]["id"]),
        ("cgid", &stat["creator_group"]["id"]),
        ("msqid", &stat["msqid"]),
    ] {
        assert_eq!(proc[column], text(value), "{column}: {proc:?} {stat}");
    }
    let ipcs = ipcs_row(queue.id()).unwrap();
    for (column, value) in [
        ("key", &stat["key"]),
        ("owner", &stat["owner"]["name"]),
        ("used-bytes", &stat["bytes"]),
        ("messages", &stat["messages"]),
    ] {
        assert_eq!(ipcs[column], text(value), "{column}: {ipcs:?} {stat}");
    }
    assert_eq!(format!("0{}", ipcs["perms"]), text(&stat["mode"]));
    assert_eq!((&stat["bytes"], &stat["max_bytes"]), (&Value::from(4 * 264), &Value::from(8000)));
}

#[test]
fn stat_shows_what_waits_and_takes_nothing() {
    let (key, queue) = idle_queue();
    let (living, zombie) = (Sleeper::start(), Sleeper::start().into_zombie());
    put(&queue, REQUEST_MTYPE, 3);
    let rows =
        [(i64::from(living.pid()), 2, "alive"), (zombie.pid().into(), 1, "zombie"), (dead_pid().into(), 4, "dead")];
    for (mtype, count, _) in rows {
        put(&queue, mtype, count);
    }
    put(&queue, 1 << 40, 1);
    let waiting = &json(key.key(), &["stat"])["waiting"];
    assert_eq!((&waiting["requests"], &waiting["responses"]), (&Value::from(3), &Value::from(8)));
    assert_eq!(waiting["is_complete"], true);
    let client = |mtype: i64| waiting["clients"].as_array().unwrap().iter().find(|it| it["mtype"] == mtype).unwrap();
    for (mtype, count, state) in rows {
        assert_eq!(
            (&client(mtype)["pid"], &client(mtype)["messages"], &client(mtype)["state"]),
            (&Value::from(mtype), &Value::from(count), &Value::from(state))
        );
    }
    assert_eq!(client(living.pid().into())["program"], "sleep");
    assert_eq!((&client(1 << 40)["pid"], &client(1 << 40)["state"]), (&Value::Null, &Value::from("impossible")));

    let text = ends_with(OK, key.key(), &["stat"]).stdout;
    assert!(text.contains("requests      3 waiting") && text.contains("msgqctl purge"), "{text}");
    assert!(text.lines().any(|line| line.contains(&living.pid().to_string()) && line.ends_with("sleep")), "{text}");
    let stat = queue.stat().unwrap();
    assert_eq!((stat.messages, stat.last_receive_pid), (11, 0));
}

#[test]
fn stat_of_a_flooded_queue_ends_and_says_that_there_may_be_more() {
    let (key, queue) = idle_queue();
    let flood = (0..20_000).take_while(|number| queue.try_send(1_000_000 + number % 5000, b"").is_ok()).count();
    assert!(flood > 5000, "the queue holds only {flood} empty messages");
    let finished = ends_with(OK, key.key(), &["stat"]);
    assert!(finished.stdout.contains("there may be more"), "{finished:?}");
    assert_eq!(usize::try_from(queue.stat().unwrap().messages), Ok(flood));
}

#[test]
fn stat_tells_which_daemon_serves_and_that_a_dead_one_does_not() {
    let daemon = Daemon::start();
    let (key, pid) = (daemon.key(), daemon.pid());
    let directory = daemon.builder().directory().to_path_buf();
    let server = || {
        let mut command = msgqctl(key, &["--json", "stat"]);
        let finished = Process::run(command.env("RUNTIME_DIRECTORY", &directory)).succeeded();
        serde_json::from_str::<Value>(&finished.stdout).unwrap()["server"].clone()
    };
    let serving = server();
    assert_eq!((&serving["state"], &serving["pid"]), (&Value::from("msgqd"), &Value::from(pid)), "{serving}");
    assert_eq!(serving["program"], "msgqd");
    let _builder = daemon.crash();
    let dead = server();
    assert_eq!((&dead["state"], &dead["pid"]), (&Value::from("not_found"), &Value::Null), "{dead}");
}

#[test]
fn stat_names_another_server_and_admits_that_it_is_a_guess() {
    let mut other = PlainServer::start();
    ends_with(OK, other.key(), &["send", "x"]);
    let pid = other.process().pid();
    let report = json(other.key(), &["stat"]);
    let note = report["server"]["note"].as_str().unwrap();
    assert_eq!(report["server"]["state"], "not_found");
    assert!(note.contains(&format!("PID {pid} (server)")) && note.contains("does not tell"), "{note}");
}

#[test]
fn purge_removes_the_responses_of_the_dead_and_never_a_request() {
    let (key, queue) = idle_queue();
    let (living, zombie) = (Sleeper::start(), Sleeper::start().into_zombie());
    put(&queue, REQUEST_MTYPE, 2);
    for mtype in [living.pid(), zombie.pid(), dead_pid(), dead_pid()] {
        put(&queue, mtype.into(), 1);
    }
    for dry_run in [["purge", "--dry-run"].as_slice(), &["purge", "--pid", "--dry-run"]] {
        let would = ends_with(OK, key.key(), dry_run).stdout;
        assert!(would.contains("would remove 3 responses (792 bytes) for 2 clients"), "{would}");
    }
    assert_eq!(queue.stat().unwrap().messages, 6);

    let report = json(key.key(), &["purge"]);
    assert_eq!((&report["messages"], &report["bytes"]), (&Value::from(3), &Value::from(792)));
    let removed = report["removed"].as_array().unwrap();
    let reason = |pid: i32| &removed.iter().find(|it| it["mtype"] == pid).unwrap()["reason"];
    assert_eq!((reason(zombie.pid()).as_str(), reason(dead_pid()).as_str()), (Some("zombie"), Some("no_such_process")));
    assert_eq!(report["kept"][0]["mtype"], living.pid());
    assert_eq!(queue.stat().unwrap().messages, 3);
    assert!(queue.rests(living.pid().into()).unwrap());
    assert!(ends_with(OK, key.key(), &["purge"]).stdout.contains("removed nothing"));
}

#[test]
fn purge_of_a_living_client_is_refused_until_it_is_forced() {
    let (key, queue) = idle_queue();
    let living = Sleeper::start();
    let pid = living.pid().to_string();
    put(&queue, living.pid().into(), 2);
    put(&queue, dead_pid().into(), 1);
    let refused = ends_with(OTHER, key.key(), &["purge", "--pid", &pid]);
    assert!(refused.stderr.contains(&format!("PID {pid} (sleep) is alive")), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(queue.stat().unwrap().messages, 3);
    let forced = ends_with(OK, key.key(), &["purge", "--pid", &pid, "--force"]);
    assert!(forced.stdout.contains("removed 2 responses"), "{forced:?}");
    assert!(queue.rests(dead_pid().into()).unwrap());
    ends_with(OK, key.key(), &["purge", "--pid", &dead_pid().to_string(), &dead_pid().to_string()]);
    assert_eq!(queue.stat().unwrap().messages, 0);
}

/// The command under a tracer that lets its first msgrcv fail as on a kernel without MSG_COPY; `None` without strace.
fn without_msg_copy(key: QueueKey, arguments: &[&str]) -> Option<Command> {
    let has_strace = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|it| it.success());
    has_strace.then(|| {
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", "trace=msgrcv", "-e", "inject=msgrcv:error=ENOSYS:when=1"]);
        command.arg(msgqd_system_tests::msgqctl()).args(["--key", &key.to_string()]).args(arguments);
        command
    })
}

#[test]
fn on_a_kernel_without_msg_copy_named_clients_can_be_purged_and_the_rest_says_why_not() {
    let (key, queue) = idle_queue();
    let dead = dead_pid().to_string();
    put(&queue, dead_pid().into(), 2);
    put(&queue, REQUEST_MTYPE, 1);
    let run = |arguments: &[&str]| without_msg_copy(key.key(), arguments).map(|mut command| Process::run(&mut command));
    let Some(refused) = run(&["purge"]) else {
        eprintln!("not run: strace is missing (Debian: strace)");
        return;
    };
    assert_eq!(refused.code(), OTHER, "{refused:?}");
    assert!(refused.stderr.contains("MSG_COPY") && refused.stderr.contains("purge --pid PID"), "{refused:?}");
    assert_eq!(run(&["purge", "--pid", &dead, "--dry-run"]).unwrap().code(), OTHER);
    let stat = run(&["--json", "stat"]).unwrap().succeeded();
    assert!(stat.stderr.contains("MSG_COPY"), "{stat:?}");
    assert_eq!(serde_json::from_str::<Value>(&stat.stdout).unwrap()["waiting"], Value::Null);
    assert_eq!(queue.stat().unwrap().messages, 3);
    let purged = run(&["purge", "--pid", &dead]).unwrap().succeeded();
    assert!(purged.stdout.contains("removed 2 responses"), "{purged:?}");
    assert_eq!(queue.stat().unwrap().messages, 1);
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let server = PlainServer::start();
    for arguments in [["stat"].as_slice(), &["--json", "stat"], &["send", "x"], &["completions", "bash"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = msgqctl(server.key(), arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(OK), b"".as_slice()), "{arguments:?}");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = msgqctl(server.key(), &["stat"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(OTHER), "{output:?}");
}

#[test]
fn the_key_comes_from_the_configuration_unless_it_is_given() {
    let (key, _queue) = idle_queue();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("msgqd.toml");
    let stat = |arguments: &[&str]| {
        let mut command = Command::new(msgqd_system_tests::msgqctl());
        Process::run(command.arg("--config").arg(&config).arg("stat").args(arguments))
    };
    assert_eq!(stat(&[]).code(), OTHER);
    std::fs::write(&config, format!("[queue]\nkey = \"{}\"\n", key.key())).unwrap();
    assert!(stat(&[]).succeeded().stdout.contains(&key.key().to_string()));
    let unused = ScratchKey::new();
    assert_eq!(stat(&["--key", &unused.key().to_string()]).code(), NO_QUEUE);
    std::fs::write(&config, "[queue]\nkye = 1\n").unwrap();
    let broken = stat(&[]);
    assert_eq!(broken.code(), OTHER);
    assert!(broken.stderr.contains("msgqd.toml:2:1") && broken.stderr.contains("kye"), "{broken:?}");
}

#[test]
fn completion_scripts_know_every_command_and_bash_accepts_its_own() {
    let key = ScratchKey::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ends_with(OK, key.key(), &["completions", shell]).stdout;
        for word in ["stat", "purge", "send", "completions", "dry-run", "timeout"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        if shell == "bash" {
            let _ = Process::run(Command::new("bash").args(["-n", "-c", &script])).succeeded();
        }
    }
}
