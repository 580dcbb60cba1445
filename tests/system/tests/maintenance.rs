//! `msgqctl drain` and `resume`: the door of a queue, closed and opened while its server runs on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::closed_path;
use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgqd_system_tests::{
    ClientCall, Daemon, DaemonBuilder, Finished, Process, STRANGER, ScratchKey, as_user, good_request_is_answered,
    is_blocked_in, is_root, msgqctl, test_client, wait_until,
};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn control(builder: &DaemonBuilder, arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqctl());
    command.args(["--key", &builder.key().to_string()]).args(arguments);
    command.env("RUNTIME_DIRECTORY", builder.runtime_directory());
    command
}

fn run(builder: &DaemonBuilder, arguments: &[&str]) -> Finished {
    Process::run(&mut control(builder, arguments))
}

fn verdict(builder: &DaemonBuilder) -> (String, String) {
    let stat = run(builder, &["--json", "stat"]).succeeded().stdout;
    let stat: serde_json::Value = serde_json::from_str(&stat).unwrap();
    (stat["condition"].as_str().unwrap().to_owned(), stat["verdict"].as_str().unwrap().to_owned())
}

fn mode(daemon: &Daemon) -> u32 {
    daemon.queue().stat().unwrap().mode
}

/// Root may send whatever the mode says, so clients here are somebody else.
fn builder() -> DaemonBuilder {
    let builder = DaemonBuilder::new().set("queue", "mode = \"0666\"");
    std::fs::set_permissions(builder.runtime_directory(), PermissionsExt::from_mode(0o755)).unwrap();
    builder
}

fn stranger(builder: &DaemonBuilder, program: &Path, arguments: &[&str]) -> Command {
    let mut command = as_user(STRANGER, &builder.copy_for_everyone(program));
    command.args(arguments);
    command
}

fn strangers_request(builder: &DaemonBuilder) -> Finished {
    let key = builder.key().to_string();
    let mut command = stranger(builder, &msgqctl(), &["--key", &key, "send", "--timeout", "60", "hello"]);
    Process::run(command.env("RUNTIME_DIRECTORY", builder.runtime_directory()))
}

fn closed_file(builder: &DaemonBuilder) -> PathBuf {
    closed_path(builder.runtime_directory(), builder.key())
}

fn needs_root() -> bool {
    if !is_root() {
        eprintln!("not run: needs root, to be somebody else");
    }
    !is_root()
}

#[test]
fn a_closed_door_refuses_new_requests_says_by_whom_and_why_and_opens_again() {
    if needs_root() {
        return;
    }
    let mut daemon = builder().start();
    let builder = daemon.builder().clone();
    assert_eq!(strangers_request(&builder).succeeded().stdout, "Processed: hello\n");
    let closed = run(&builder, &["drain", "--wait", "--reason", "new disk"]).succeeded().stdout;
    assert!(closed.contains("closed for new requests since") && closed.contains("root"), "{closed}");
    assert!(closed.contains(": new disk; nothing is queued or in hand any more"), "{closed}");
    assert_eq!(mode(&daemon), 0o644);
    let refused = strangers_request(&builder);
    assert_eq!(refused.code(), 5, "{refused:?}");
    assert!(refused.stderr.contains("closed for new requests") && refused.stderr.contains("new disk"), "{refused:?}");
    good_request_is_answered(daemon.key());
    let (condition, sentence) = verdict(&builder);
    assert_eq!(condition, "closed");
    assert!(sentence.contains("new disk; open it with: msgqctl resume"), "{sentence}");
    assert!(run(&builder, &["stat", "--prometheus"]).succeeded().stdout.contains("\nmsgqd_closed{"));
    let again = run(&builder, &["drain", "--reason", "another"]).succeeded().stdout;
    assert!(again.contains("new disk, already"), "{again}");
    daemon.wait_for_log("the door is closed by root");
    assert_eq!(run(&builder, &["resume"]).succeeded().stdout, "open: new requests are welcome\n");
    assert_eq!(mode(&daemon), 0o666);
    assert_eq!(strangers_request(&builder).succeeded().stdout, "Processed: hello\n");
    assert_eq!(verdict(&builder).0, "serving");
    assert_eq!(run(&builder, &["resume"]).succeeded().stdout, "the door was open\n");
    daemon.stop();
}

#[test]
fn whoever_waits_for_room_is_refused_and_what_was_accepted_is_answered() {
    if needs_root() {
        return;
    }
    let slow = "command = [\"/bin/sh\", \"-c\", \"sleep 0.5; cat\"]";
    let builder = builder().set("queue", "max_bytes = 528").set("handler", "kind = \"exec\"");
    let mut daemon = builder.set("handler", "max_concurrency = 1").set("handler", slow).start();
    let builder = daemon.builder().clone();
    let key = daemon.key().to_string();
    let mut clients: Vec<Process> = (0..8)
        .map(|number| {
            let text = number.to_string();
            let arguments = ["--key", &key, "send", "--timeout", "100", &text];
            Process::start(&mut stranger(&builder, &msgqctl(), &arguments))
        })
        .collect();
    wait_until("somebody waits for room", || clients.iter().any(|it| is_blocked_in(it.pid(), ClientCall::Send)));
    let _ = run(&builder, &["drain", "--wait=100"]).succeeded();
    let finished: Vec<Finished> = clients.drain(..).map(Process::finish).collect();
    let answered = finished.iter().filter(|it| it.code() == 0).count();
    let refused = finished.iter().filter(|it| it.code() == 5).count();
    assert_eq!(answered + refused, 8, "{finished:?}");
    assert!(answered >= 2 && refused >= 1, "{finished:?}");
    let _ = run(&builder, &["resume"]).succeeded();
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish();
}

#[test]
fn the_door_stays_closed_over_a_crash_a_restart_a_reload_and_the_removal_of_the_queue() {
    let daemon = builder().start();
    let builder = daemon.builder().clone();
    let _ = run(&builder, &["drain"]).succeeded();
    let builder = daemon.crash();
    let mut daemon = builder.start();
    assert_eq!(mode(&daemon), 0o644, "after a crash");
    assert!(daemon.log().contains("the door is closed by"), "{}", daemon.log());
    let lost = daemon.queue();
    lost.remove().unwrap();
    daemon.wait_for_log("serving the new queue");
    assert_eq!(mode(&daemon), 0o644, "after the removal of the queue");
    let changed = builder.clone().set("queue", "max_bytes = 8192");
    let _ = changed.write_config();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("reloaded the configuration: changed [queue]");
    assert_eq!((mode(&daemon), daemon.queue().stat().unwrap().max_bytes), (0o644, 8192), "after a reload");
    daemon.stop();
    let daemon = builder.start();
    assert_eq!(mode(&daemon), 0o644, "after a restart");
    let _ = run(&builder, &["resume"]).succeeded();
    assert_eq!(mode(&daemon), 0o666);
    daemon.stop();
}

#[test]
fn while_no_daemon_runs_the_door_is_closed_for_the_next_one() {
    let builder = builder();
    builder.start().stop();
    let closed = run(&builder, &["drain"]).succeeded().stdout;
    assert!(closed.contains("the next start comes up with the door closed"), "{closed}");
    let daemon = builder.start();
    assert_eq!(mode(&daemon), 0o644);
    daemon.stop();
    let open = run(&builder, &["resume"]).succeeded().stdout;
    assert_eq!(open, "the next start comes up with the door open\n");
    let daemon = builder.start();
    assert_eq!(mode(&daemon), 0o666);
    daemon.stop();
}

#[test]
fn a_daemon_that_hangs_is_said_to_and_obeys_when_it_goes_on() {
    let mut daemon = builder().start();
    daemon.freeze();
    let hung = run(daemon.builder(), &["drain"]);
    assert_eq!(hung.code(), 4, "{hung:?}");
    assert!(hung.stderr.contains("the server did not close the door within 10 s"), "{hung:?}");
    daemon.thaw();
    wait_until("the door is closed", || mode(&daemon) == 0o644);
    daemon.stop();
}

#[test]
fn whoever_may_not_change_the_door_is_told_who_may() {
    if needs_root() {
        return;
    }
    let daemon = builder().start();
    let builder = daemon.builder();
    let key = daemon.key().to_string();
    for subcommand in ["drain", "resume"] {
        if subcommand == "resume" {
            let _ = run(builder, &["drain"]).succeeded();
        }
        let mut command = stranger(builder, &msgqctl(), &["--key", &key, subcommand]);
        let refused = Process::run(command.env("RUNTIME_DIRECTORY", builder.runtime_directory()));
        assert_eq!(refused.code(), 5, "{refused:?}");
        assert!(refused.stderr.contains("only root and the user that runs msgqd"), "{refused:?}");
    }
    let _ = run(builder, &["resume"]).succeeded();
    daemon.stop();
}

#[test]
fn a_reason_cannot_reach_a_terminal_or_the_log_unescaped_and_has_a_limit() {
    let mut daemon = builder().start();
    let builder = daemon.builder().clone();
    let hostile = "\u{1b}[31mred\u{202e}\nSECOND LINE";
    let closed = run(&builder, &["drain", "--reason", hostile]).succeeded().stdout;
    daemon.wait_for_log("the door is closed by");
    let stat = run(&builder, &["stat"]).succeeded().stdout;
    for text in [closed, stat, daemon.log()] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains("\nSECOND"), "{text:?}");
        assert!(text.contains("SECOND LINE"), "{text:?}");
    }
    let _ = run(&builder, &["resume"]).succeeded();
    let long = run(&builder, &["drain", "--reason", &"x".repeat(100_000)]);
    assert_eq!(long.code(), 2, "{}", long.stderr.len());
    assert_eq!(verdict(&builder).0, "serving");
    daemon.stop();
}

#[test]
fn what_is_no_note_closes_the_door_is_reported_once_and_is_never_followed() {
    let mut daemon = builder().start();
    let builder = daemon.builder().clone();
    let path = closed_file(&builder);
    let secret = builder.directory().join("secret");
    std::fs::write(&secret, "by = \"SECRET\"\nat_s = 1\nreason = \"SECRET\"\n").unwrap();
    // In one step: an empty file would be another complaint.
    let put = |bytes: &[u8]| {
        let written = builder.runtime_directory().join("written");
        std::fs::write(&written, bytes).unwrap();
        std::fs::rename(&written, &path).unwrap();
    };
    let places: [&dyn Fn(); 4] = [
        &|| std::os::unix::fs::symlink(&secret, &path).unwrap(),
        &|| std::fs::create_dir(&path).unwrap(),
        &|| put(b"\xff\x1b[31m"),
        &|| put(b"by = 3"),
    ];
    for place in places {
        place();
        wait_until("the door is closed", || mode(&daemon) == 0o644);
        let (condition, sentence) = verdict(&builder);
        assert_eq!(condition, "closed");
        assert!(sentence.contains("cannot be read"), "{sentence}");
        assert!(!["invalid", "expected", "UTF-8"].iter().any(|jargon| sentence.contains(jargon)), "{sentence}");
        good_request_is_answered(daemon.key());
        // The note is looked at once a second.
        std::thread::sleep(Duration::from_millis(2500));
        let _ = std::fs::remove_dir(&path);
        let _ = std::fs::remove_file(&path);
        wait_until("the door is open", || mode(&daemon) == 0o666);
    }
    let log = daemon.log();
    assert!(!log.contains("SECRET") && !log.contains('\u{1b}'), "{log}");
    assert!(log.matches("so the door is closed, but it cannot be read").count() <= 4, "{log}");
    assert!(!log.contains("invalid type"), "{log}");
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish();
}

#[test]
fn the_queue_of_another_program_is_closed_and_opened_by_its_mode() {
    if needs_root() {
        return;
    }
    let key = ScratchKey::new();
    let mut server = Process::start(Command::new(test_client("server")).arg(key.key().to_string()));
    wait_until("the server has its queue", || msgq_core::queue::Queue::open(key.key()).is_ok());
    let queue = msgq_core::queue::Queue::open(key.key()).unwrap();
    let before = queue.stat().unwrap().mode;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(msgqctl());
        Process::run(command.args(["--key", &key.key().to_string()]).args(arguments))
    };
    let closed = run(&["drain"]).succeeded().stdout;
    assert!(closed.contains(&format!("msgqctl resume --mode {before:04o}")), "{closed}");
    assert_eq!(queue.stat().unwrap().mode, before & !0o022);
    assert_eq!(run(&["resume"]).code(), 2);
    let _ = run(&["resume", "--mode", &format!("{before:o}")]).succeeded();
    assert_eq!(queue.stat().unwrap().mode, before);
    assert!(queue.try_send(REQUEST_MTYPE, &encode_request(1, b"")).is_ok());
    server.signal(Signal::SIGKILL);
}
