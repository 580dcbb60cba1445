//! On the queue of a msgqd that answers nobody.

use super::schema::fits_if_checkable;
use super::*;

/// A daemon whose handler is this command, and where its dead letters are.
fn daemon_with(command: &str, attempts: usize) -> (Daemon, TempDir) {
    let state = tempfile::tempdir().unwrap();
    let builder = DaemonBuilder::new();
    let key = format!("key = {}", builder.key().raw());
    let daemon = builder
        .set("queue", &key)
        .set("protocol", "request = 'struct { long mtype; char line[64]; }'\nreply = 'none'")
        .set("handler", &format!("kind = 'exec'\ncommand = {command}\nkill_grace_ms = 1"))
        .set("service", &format!("attempts = {attempts}"))
        .env("STATE_DIRECTORY", state.path())
        .start();
    (daemon, state)
}

fn command(daemon: &Daemon, state: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory()).env("STATE_DIRECTORY", state.path());
    command.arg("--config").arg(daemon.builder().write_config()).args(arguments);
    command
}

fn stat(daemon: &Daemon, state: &TempDir) -> Value {
    let finished = Process::run(&mut command(daemon, state, &["--json", "stat"])).succeeded();
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn stat_tells_of_messages_that_were_taken_and_of_dead_letters_that_wait() {
    let (daemon, state) = daemon_with("['true']", 3);
    let counter = |name: &str| stat(&daemon, &state)["server"]["counters"][name].as_u64().unwrap();
    let report = stat(&daemon, &state);
    assert_eq!((&report["dead_letters"]["letters"], &report["verdict"]), (&0.into(), &"serving".into()), "{report}");
    let sent = Process::run(&mut command(&daemon, &state, &["send", "one", "--count", "3"])).succeeded();
    assert!(sent.stdout.contains("sent      3 in "), "{sent:?}");
    wait_until("all are taken", || counter("consumed") == 3);
    let text = Process::run(&mut command(&daemon, &state, &["stat"])).succeeded().stdout;
    assert!(text.contains("served        3 messages taken by the handler; received 3\n"), "{text}");
    assert!(text.contains("one-way       taken 3\n"), "{text}");
    drop(daemon);

    let (daemon, state) = daemon_with("['false']", 1);
    let _ = Process::run(&mut command(&daemon, &state, &["send", "one"])).succeeded();
    wait_until("it is a dead letter", || stat(&daemon, &state)["dead_letters"]["letters"] == 1);
    let report = stat(&daemon, &state);
    fits_if_checkable("stat", &report);
    let expected = "serving; 1 dead letter waits, messages that no handler took: msgqctl dead list";
    assert_eq!((&report["condition"], &report["verdict"]), (&"serving".into(), &expected.into()), "{report}");
    let metrics = Process::run(&mut command(&daemon, &state, &["stat", "--prometheus"])).succeeded().stdout;
    assert!(metrics.lines().any(|line| line.starts_with("msgqd_dead_letters{") && line.ends_with("} 1")), "{metrics}");
    drop(daemon);
}

#[test]
fn drain_waits_for_a_message_that_the_handler_has_not_taken() {
    let (daemon, state) = daemon_with("['false']", 1000);
    let _ = Process::run(&mut command(&daemon, &state, &["send", "one"])).succeeded();
    wait_until("it is tried again", || stat(&daemon, &state)["server"]["counters"]["retried"].as_u64() > Some(0));
    let late = Process::run(&mut command(&daemon, &state, &["drain", "--wait=1"]));
    assert!(late.code() == TIMEOUT && late.stderr.contains("and 1 in hand"), "{late:?}");
}
