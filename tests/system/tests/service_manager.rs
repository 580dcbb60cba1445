//! What msgqd tells a service manager: notifications on a socket, priorities in the journal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{
    ClientCall, DaemonBuilder, Process, STRANGER, ServiceManager, as_user, ask, good_request_is_answered,
    is_blocked_in, is_root, wait_until, wrapped,
};
use nix::sys::signal::Signal;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;

fn some_thread_receives(pid: i32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).any(|tid| is_blocked_in(tid, ClientCall::Receive))
}

#[test]
fn ready_is_said_once_workers_receive_and_stopping_when_they_end() {
    for workers in [1, 4] {
        let (mut manager, builder) =
            ServiceManager::listen(DaemonBuilder::new().workers(workers).drain_timeout_ms(600_000));
        let mut daemon = builder.spawn();
        wait_until("the daemon says that it is ready", || manager.has_heard("READY=1"));
        let queue = daemon.queue();
        wait_until("a worker receives", || some_thread_receives(daemon.pid()));
        good_request_is_answered(daemon.key());
        wait_until("a status was said", || manager.has_heard("STATUS="));
        let status = manager.all()[manager.position("STATUS=")].clone();
        assert!(status.contains(&daemon.key().to_string()), "{status}");
        assert!(!manager.has_heard("STOPPING=1"));

        let own_pid = std::process::id().cast_signed();
        queue.send(REQUEST_MTYPE, &encode_request(own_pid, b"later")).unwrap();
        wait_until("an answer rests in the queue", || queue.has_message(own_pid.into()).unwrap());
        daemon.signal(Signal::SIGTERM);
        wait_until("it says that it stops", || manager.has_heard("STOPPING=1"));
        wait_until("it asks for time", || manager.has_heard("EXTEND_TIMEOUT_USEC="));
        assert!(queue.try_receive(own_pid.into(), &mut MessageBuffer::new()).unwrap());
        let _ = daemon.finish().succeeded();
        assert!(manager.position("READY=1") < manager.position("STOPPING=1"));
        let microseconds = manager.all()[manager.position("EXTEND_TIMEOUT_USEC=")].clone();
        assert!(microseconds.split_once('=').unwrap().1.parse::<u64>().unwrap() > 0);
    }
}

#[test]
fn the_status_shows_why_the_last_reload_was_refused_until_one_succeeds() {
    let (mut manager, builder) = ServiceManager::listen(DaemonBuilder::new());
    let mut daemon = builder.clone().workers(4).start();
    let _ = builder.clone().workers(200).write_config();
    daemon.signal(Signal::SIGHUP);
    let refused =
        |line: &String| line.starts_with("STATUS=Serving") && line.contains("REFUSED: 200 workers do not fit");
    wait_until("the status shows the refusal", || manager.heard().iter().any(refused));
    let _ = builder.workers(2).write_config();
    daemon.signal(Signal::SIGHUP);
    let is_last = |line: Option<&String>| line.is_some_and(|line| !line.contains("REFUSED"));
    wait_until("the status shows it no more", || {
        is_last(manager.heard().iter().rfind(|line| line.starts_with("STATUS=Serving")))
    });
    daemon.stop();
}

#[test]
fn an_instance_that_does_not_serve_never_says_that_it_is_ready() {
    let first = DaemonBuilder::new().start();
    let (mut manager, builder) = ServiceManager::listen(first.builder().clone());
    assert_eq!(builder.run().code(), 1);
    assert!(!manager.has_heard("READY=1"), "{:?}", manager.heard());
}

#[test]
fn a_notification_socket_that_nobody_reads_does_not_stop_the_service() {
    let builder = DaemonBuilder::new();
    let path = builder.directory().join("nobody-listens");
    let daemon = builder.env("NOTIFY_SOCKET", path).start();
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn without_a_service_manager_nothing_is_said_about_it() {
    let log = DaemonBuilder::new().start().stop().stderr;
    assert!(!log.to_lowercase().contains("notify"), "{log}");
    assert!(!log.lines().any(|line| line.starts_with('<')), "{log}");
}

#[test]
fn under_the_journal_every_line_has_its_priority_and_no_timestamp() {
    let builder = DaemonBuilder::new();
    let file = builder.directory().join("journal");
    let metadata = std::fs::File::create(&file).unwrap().metadata().unwrap();
    let builder = builder.env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino()));
    let mut daemon = Process::start(&mut logging_to(&file, &builder));
    let log = || std::fs::read_to_string(&file).unwrap();
    wait_until("it serves", || log().contains("serving queue"));
    let removed = Queue::open(builder.key()).unwrap();
    removed.remove().unwrap();
    wait_until("it says that the queue was removed", || log().contains("removed"));
    wait_until("it serves again", || Queue::open(builder.key()).is_ok());
    good_request_is_answered(builder.key());
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();

    let log = log();
    for line in log.lines() {
        let (priority, message) = line.split_once('>').unwrap_or_else(|| panic!("no priority: {line:?}\n{log}"));
        assert!(["<3", "<4", "<5", "<6", "<7"].contains(&priority), "{line:?}");
        assert!(!message.starts_with(|first: char| first.is_ascii_digit() || first == '['), "a timestamp: {line:?}");
    }
    assert!(log.contains("<6>serving queue"), "{log}");
    assert!(log.lines().any(|line| line.starts_with("<3>") && line.contains("removed")), "{log}");
}

/// The daemon with its standard error connected to `file`, as the journal connects it to a socket.
fn logging_to(file: &std::path::Path, builder: &DaemonBuilder) -> Command {
    let mut command = wrapped(&["sh", "-c", "exec \"$@\" 2>>\"$LOG_FILE\"", "sh"], &builder.command());
    command.env("LOG_FILE", file);
    command
}

/// Whether it reads as whole sentences: begins in capitals, ends with a full stop, and is one line.
fn is_in_sentences(status: &str) -> bool {
    let begins = status.starts_with(char::is_uppercase);
    begins && status.ends_with('.') && !status.contains("..") && !status.contains(" .") && !status.contains(";.")
}

/// What the manager shows of the daemon, each text once, in the order in which they came.
fn statuses(manager: &mut ServiceManager) -> Vec<String> {
    let all = manager.heard().iter().filter_map(|line| line.strip_prefix("STATUS=").map(ToOwned::to_owned));
    let mut all: Vec<_> = all.collect();
    all.dedup();
    all
}

#[track_caller]
fn are_sentences_with(manager: &mut ServiceManager, expected: &[&str]) {
    let said = statuses(manager);
    for status in &said {
        assert!(is_in_sentences(status), "no sentence: {status:?}");
    }
    let mut rest = said.iter();
    for start in expected {
        assert!(rest.any(|status| status.contains(start)), "no {start:?}, or not in this order, in {said:#?}");
    }
}

#[test]
fn from_its_start_to_its_end_the_daemon_tells_in_sentences_what_it_does() {
    let (mut manager, builder) = ServiceManager::listen(DaemonBuilder::new().workers(2).drain_timeout_ms(600_000));
    let mut daemon = builder.start();
    wait_until("it serves", || manager.has_heard("READY=1"));
    let _ = builder.clone().workers(200).write_config();
    daemon.signal(Signal::SIGHUP);
    wait_until("the reload is refused", || manager.heard().iter().any(|line| line.contains("REFUSED")));
    let own_pid = std::process::id().cast_signed();
    let queue = daemon.queue();
    queue.send(REQUEST_MTYPE, &encode_request(own_pid, b"later")).unwrap();
    wait_until("an answer rests in the queue", || queue.has_message(own_pid.into()).unwrap());
    daemon.signal(Signal::SIGTERM);
    wait_until("it waits for its clients", || manager.heard().iter().any(|line| line.contains("fetch")));
    assert!(queue.try_receive(own_pid.into(), &mut MessageBuffer::new()).unwrap());
    let _ = daemon.finish().succeeded();
    let expected = ["Starting", "Serving queue", "Reloading", "REFUSED", "Draining", "fetch", "Stopped"];
    are_sentences_with(&mut manager, &expected);
}

#[test]
fn a_handler_that_is_down_is_told_in_a_sentence() {
    let handler = "kind = \"exec\"\ncommand = [\"/bin/sh\"]\nworking_directory = \"/dev/shm/msgqd-no-such-place\"";
    let (mut manager, builder) = ServiceManager::listen(DaemonBuilder::new().set("handler", handler));
    let daemon = builder.start();
    assert_eq!(ask(&daemon.queue(), b"x").0, -1);
    wait_until("it is told", || manager.heard().iter().any(|line| line.contains("HANDLER DOWN")));
    daemon.stop();
    are_sentences_with(&mut manager, &["HANDLER DOWN", "Stopped"]);
}

#[test]
fn recovery_and_a_stop_that_keeps_the_queue_are_told_in_sentences() {
    let builder = DaemonBuilder::new().held_handler("cat").set("service", "on_stop = \"keep\"\non_crash = \"retry\"");
    let daemon = builder.start();
    let queue = daemon.queue();
    let client = std::thread::spawn(move || ask(&queue, b"x"));
    wait_until("the request is in hand", || daemon.builder().handlers_begun() == 1);
    let (mut manager, builder) = ServiceManager::listen(daemon.crash());
    builder.let_handlers_go();
    let mut daemon = builder.start();
    assert_eq!(client.join().unwrap().0, 0);
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
    let expected =
        ["Starting", "Finishing what an earlier server", "Serving", "the queue stays", "Stopped: queue kept"];
    are_sentences_with(&mut manager, &expected);
}

#[test]
fn a_queue_that_is_lost_and_a_start_that_fails_are_told_in_sentences() {
    let (mut manager, builder) = ServiceManager::listen(DaemonBuilder::new());
    let daemon = builder.start();
    wait_until("it serves", || manager.heard().iter().any(|line| line.starts_with("STATUS=Serving")));
    let second = builder.run();
    assert_eq!(second.code(), 1);
    let (mut other, broken) = ServiceManager::listen(builder.another().set("queue", "no_such_setting = 1"));
    assert_eq!(broken.run().code(), 1);
    are_sentences_with(&mut other, &["Not started: "]);
    are_sentences_with(&mut manager, &["Not started: another msgqd"]);
    if !is_root() {
        return eprintln!("not shown: only root can make a queue of another user, which is in the way of the daemon's");
    }
    let script = format!("defined msgget({}, 01600) or die", builder.key());
    wait_until("a stranger's queue is there", || {
        let _ = Queue::open(builder.key()).map(|queue| queue.remove());
        Process::run(as_user(STRANGER, "/usr/bin/perl".as_ref()).args(["-e", &script])).status.success()
    });
    let is_told = |line: &String| line.starts_with("STATUS=Nobody is served");
    wait_until("it is told", || manager.heard().iter().any(is_told));
    are_sentences_with(&mut manager, &["Nobody is served"]);
    daemon.crash();
}

#[test]
fn a_reload_is_one_message_with_its_time_and_another_when_it_is_through_good_or_refused() {
    let (mut manager, builder) = ServiceManager::listen(DaemonBuilder::new().workers(1));
    let mut daemon = builder.start();
    for workers in [2, 200, 3] {
        let before = manager.messages().len();
        let _ = builder.clone().workers(workers).write_config();
        daemon.signal(Signal::SIGHUP);
        wait_until("the reload is through", || {
            manager.messages()[before..].iter().any(|message| message.starts_with("READY=1\n"))
        });
        let messages = manager.messages()[before..].to_vec();
        let of_reload = messages.iter().find(|message| message.contains("RELOADING=1\n")).unwrap();
        let time = of_reload.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
        assert!(time.parse::<u128>().unwrap() <= Duration::from(now).as_micros(), "{time}");
    }
    daemon.stop();
}
