//! What becomes of the service when somebody does something to its queue or its table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::{Queue, QueueKey, QueueSettings};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Finished, Process, STRANGER, eventually, good_request_is_answered, is_root, msgqctl,
    msgqd_with_switches, wait_until,
};
use std::process::Command;
use std::time::Duration;

fn stat(daemon: &Daemon, form: &str) -> Finished {
    let mut command = Command::new(msgqctl());
    command.args(["--key", &daemon.key().to_string(), "stat", form]);
    Process::run(command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory()))
}

#[test]
fn a_key_that_somebody_else_took_is_said_once_and_counts_as_not_served_until_it_is_free_again() {
    if !is_root() {
        return eprintln!("not shown: only root can start the daemon as another user");
    }
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new().workers(workers).user(STRANGER).start();
        daemon.freeze();
        daemon.queue().remove().unwrap();
        let foreign = Queue::create(daemon.key(), 0o600).unwrap();
        daemon.thaw();
        daemon.wait_for_log("cannot make the queue anew");
        assert!(
            !eventually(Duration::from_secs(2), || daemon.log().matches("queue anew").count() > 1),
            "{}",
            daemon.log()
        );
        assert_eq!(daemon.log().matches("somebody removed the queue").count(), 1, "{}", daemon.log());
        let json = stat(&daemon, "--json").stdout;
        assert!(json.contains("\"not_served\""), "{json}");
        let metrics = stat(&daemon, "--prometheus").stdout;
        assert!(metrics.lines().any(|line| line.starts_with("msgqd_up{") && line.ends_with(" 0")), "{metrics}");
        foreign.remove().unwrap();
        wait_until("it is served again", || Queue::open(daemon.key()).is_ok());
        good_request_is_answered(daemon.key());
        daemon.stop();
    }
}

#[test]
fn a_queue_whose_mode_or_size_lets_nobody_be_served_gets_what_the_configuration_says() {
    for user in [None, Some(STRANGER)].into_iter().filter(|user| user.is_none() || is_root()) {
        let builder = DaemonBuilder::new();
        let mut daemon = user.map_or(builder.clone(), |user| builder.user(user)).start();
        let before = daemon.queue().stat().unwrap();
        let mode = QueueSettings { mode: Some(0), ..QueueSettings::default() };
        let size = QueueSettings { max_bytes: Some(263), ..QueueSettings::default() };
        for (what, settings) in [("mode", mode), ("size", size)] {
            daemon.queue().set(&settings).unwrap();
            wait_until(what, || {
                let now = daemon.queue().stat().unwrap();
                (now.mode, now.max_bytes) == (before.mode, before.max_bytes)
            });
            daemon.wait_for_log("somebody changed the queue");
            good_request_is_answered(daemon.key());
        }
        daemon.stop();
    }
}

#[test]
fn a_larger_size_that_somebody_gave_the_queue_stays() {
    let daemon = DaemonBuilder::new().set("queue", "max_bytes = 8000").start();
    daemon.queue().set(&QueueSettings { max_bytes: Some(9000), ..QueueSettings::default() }).unwrap();
    assert!(!eventually(Duration::from_secs(3), || daemon.queue().stat().unwrap().max_bytes != 9000));
    daemon.stop();
}

#[test]
fn a_start_on_another_key_names_the_queue_that_a_dead_server_left_in_the_same_directory() {
    let builder = DaemonBuilder::new().without_key_argument();
    let (file, other) = (builder.directory().join("named.by"), builder.directory().join("replacement"));
    std::fs::write(&file, "").unwrap();
    std::fs::write(&other, "").unwrap();
    let key = QueueKey::from_path(&file, 65).unwrap();
    let builder = builder.set("queue", &format!("key = {{ path = {:?}, id = 65 }}", file.display()));
    let mut daemon = builder.start();
    daemon.signal(nix::sys::signal::Signal::SIGKILL);
    let _ = daemon.finish();
    std::fs::rename(&other, &file).unwrap();
    let mut daemon = builder.start();
    let left = Queue::open(key).unwrap();
    let line = format!("left queue {key} (msqid {})", left.id());
    daemon.wait_for_log(&line);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
    left.remove().unwrap();
}

#[test]
fn a_table_that_is_cut_short_ends_the_server_with_a_line_and_the_next_start_goes_on() {
    let daemon = Daemon::start();
    let table = msgq_core::instance::table_path(daemon.builder().runtime_directory(), daemon.key());
    std::fs::File::options().write(true).open(table).unwrap().set_len(0).unwrap();
    let builder = daemon.builder().clone();
    let ended = daemon.finish();
    assert!(ended.stderr.contains("the table was cut short"), "{}", ended.stderr);
    let daemon = builder.start();
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn a_stop_calls_off_what_runs_in_a_handler_that_was_replaced_however_long_its_grace_is() {
    let command = r#"command = ["/bin/sh", "-c", "trap '' TERM; echo $$ > \"$0\"; while :; do sleep 0.1; done"#;
    for is_replaced in [false, true] {
        let builder = DaemonBuilder::new().drain_timeout_ms(200).workers(2);
        let noted = builder.directory().join("pid");
        let exec = builder.clone().set("handler", "kind = \"exec\"\nkill_grace_ms = 600000\ntimeout_ms = 600000");
        let mut daemon = exec.set("handler", &format!("{command}\", {:?}]", noted.display())).start();
        let request = encode_request(std::process::id().cast_signed(), b"slow");
        daemon.queue().send(REQUEST_MTYPE, &request).unwrap();
        let pid = || std::fs::read_to_string(&noted).ok().filter(|text| text.ends_with('\n'));
        wait_until("the command runs", || pid().is_some());
        let pid = pid().unwrap();
        if is_replaced {
            let _ = builder.set("handler", "kind = \"echo\"").write_config();
            daemon.signal(nix::sys::signal::Signal::SIGHUP);
            daemon.wait_for_log("reloaded the configuration");
        }
        daemon.signal(nix::sys::signal::Signal::SIGTERM);
        let ended = daemon.finish();
        let left = std::path::Path::new("/proc").join(pid.trim());
        assert!(!left.exists(), "the command outlives the server: {}", ended.stderr);
    }
}

#[test]
fn a_stop_starts_no_command_of_a_request_that_waited_for_another_to_end() {
    let command = r#"command = ["/bin/sh", "-c", "trap '' TERM; echo $$ >> \"$0\"; i=0; while [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done"#;
    let builder = DaemonBuilder::new().drain_timeout_ms(200).workers(8);
    let noted = builder.directory().join("pids");
    let exec =
        builder.set("handler", "kind = \"exec\"\nmax_concurrency = 1\nkill_grace_ms = 600000\ntimeout_ms = 600000");
    let mut daemon = exec.set("handler", &format!("{command}\", {:?}]", noted.display())).start();
    // The file goes with the last who knows the builder.
    let (queue, _builder) = (daemon.queue(), daemon.builder().clone());
    for _ in 0..8 {
        queue.send(REQUEST_MTYPE, &encode_request(std::process::id().cast_signed(), b"slow")).unwrap();
    }
    let pids = || std::fs::read_to_string(&noted).unwrap_or_default();
    wait_until("one command runs", || pids().ends_with('\n'));
    wait_until("all requests are in hand", || queue.stat().unwrap().messages == 0);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = daemon.finish();
    let begun = pids();
    let living: Vec<&str> = begun.lines().filter(|pid| std::path::Path::new("/proc").join(pid).exists()).collect();
    assert!(living.is_empty(), "{living:?} outlive the server: {}", ended.stderr);
    assert_eq!(begun.lines().count(), 1, "{begun}{}", ended.stderr);
}

#[test]
fn a_size_that_the_queue_has_for_a_moment_only_is_nobodys_change() {
    const FULL: usize = 100;
    // Requests find no room while unread answers are taken back: here for far longer than the look at the queue takes to come.
    let builder = DaemonBuilder::new().second_queue().program(msgqd_with_switches());
    let mut daemon = builder.env("MSGQD_TEST_PAUSE_AT", "narrowed:1500").start();
    for _ in 0..FULL {
        daemon.queue().send(REQUEST_MTYPE, &encode_request(std::process::id().cast_signed(), b"unread")).unwrap();
    }
    daemon.wait_for_log("pausing at narrowed");
    let size = daemon.answers().stat().unwrap().max_bytes;
    wait_until("the queue has its size again", || daemon.queue().stat().unwrap().max_bytes == size);
    good_request_is_answered(daemon.key());
    assert!(!daemon.log().contains("somebody changed"), "{}", daemon.log());
    daemon.signal(nix::sys::signal::Signal::SIGKILL);
}
