//! What msgqd tells a service manager: notifications on a socket, priorities in the journal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::MessageBuffer;
use msgqd_system_tests::{
    ClientCall, DaemonBuilder, Process, eventually, good_request_is_answered, is_blocked_in, wait_until,
};
use nix::sys::signal::Signal;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

/// The receiving end of NOTIFY_SOCKET.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn listen(builder: DaemonBuilder) -> (Self, DaemonBuilder) {
        let path = builder.directory().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        (Self { socket, heard: Vec::new() }, builder.env("NOTIFY_SOCKET", path))
    }

    /// All assignments so far, in their order.
    fn heard(&mut self) -> &[String] {
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
            self.heard.extend(text.lines().map(ToOwned::to_owned));
        }
        &self.heard
    }

    fn has_heard(&mut self, start: &str) -> bool {
        self.heard().iter().any(|line| line.starts_with(start))
    }

    fn position(&self, start: &str) -> usize {
        self.heard.iter().position(|line| line.starts_with(start)).unwrap()
    }
}

fn some_thread_receives(pid: i32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).any(|tid| is_blocked_in(tid, ClientCall::Receive))
}

#[test]
fn ready_is_said_once_workers_receive_and_stopping_when_they_end() {
    for workers in [1, 4] {
        let (mut manager, builder) = Manager::listen(DaemonBuilder::new().workers(workers).drain_timeout_ms(600_000));
        let mut daemon = builder.spawn();
        wait_until("the daemon says that it is ready", || manager.has_heard("READY=1"));
        let queue = daemon.queue();
        assert!(eventually(Duration::from_secs(10), || some_thread_receives(daemon.pid())));
        good_request_is_answered(daemon.key());
        wait_until("a status was said", || manager.has_heard("STATUS="));
        let status = manager.heard[manager.position("STATUS=")].clone();
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
        let microseconds = manager.heard[manager.position("EXTEND_TIMEOUT_USEC=")].clone();
        assert!(microseconds.split_once('=').unwrap().1.parse::<u64>().unwrap() > 0);
    }
}

#[test]
fn the_status_shows_why_the_last_reload_was_refused_until_one_succeeds() {
    let (mut manager, builder) = Manager::listen(DaemonBuilder::new());
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
    let (mut manager, builder) = Manager::listen(first.builder().clone());
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
    let removed = msgq_core::queue::Queue::open(builder.key()).unwrap();
    removed.remove().unwrap();
    wait_until("it says that the queue was removed", || log().contains("removed"));
    wait_until("it serves again", || msgq_core::queue::Queue::open(builder.key()).is_ok());
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
    let plain = builder.command();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" 2>>\"$LOG_FILE\"", "sh"]).arg(plain.get_program()).args(plain.get_args());
    command.env("LOG_FILE", file);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}
