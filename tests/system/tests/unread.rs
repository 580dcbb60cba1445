//! What nobody reads must not hold the daemon up: its log, its notifications, a configuration that is a pipe.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::Queue;
use msgqd_system_tests::{DaemonBuilder, LIMIT, eventually, good_request_is_answered, wait_until};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::io::{PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};

/// A process that is killed when the test ends.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).unwrap();
    }

    fn ends(&mut self) -> bool {
        eventually(LIMIT, || self.0.try_wait().unwrap().is_some())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The daemon with a full pipe as its standard error.
fn with_a_full_log(builder: &DaemonBuilder) -> (Running, PipeReader) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl(writer.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while writer.write(b"full\n").is_ok() {}
    fcntl(writer.as_fd(), FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    (Running::start(builder.command().stderr(writer)), reader)
}

#[test]
fn a_log_that_nobody_reads_neither_stops_the_service_nor_its_end() {
    let builder = DaemonBuilder::new();
    let (mut daemon, mut reader) = with_a_full_log(&builder);
    wait_until("it serves", || Queue::open(builder.key()).is_ok());
    let queue = Queue::open(builder.key()).unwrap();
    for _ in 0..10 {
        queue.send(REQUEST_MTYPE, b"bad").unwrap();
        queue.send(REQUEST_MTYPE, &encode_request(0, b"nobody")).unwrap();
    }
    good_request_is_answered(builder.key());
    daemon.signal(Signal::SIGHUP);
    good_request_is_answered(builder.key());
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ends(), "SIGTERM does nothing");
    assert!(Queue::open(builder.key()).is_err(), "the queue is left");
    drop(daemon);
    let mut log = Vec::new();
    reader.read_to_end(&mut log).unwrap();
    assert!(log.starts_with(b"full"));
}

#[test]
fn lines_that_were_not_read_come_late() {
    let builder = DaemonBuilder::new();
    let (mut daemon, reader) = with_a_full_log(&builder);
    wait_until("it serves", || Queue::open(builder.key()).is_ok());
    good_request_is_answered(builder.key());
    let log = std::thread::spawn(move || std::io::read_to_string(reader).unwrap());
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ends());
    let log = log.join().unwrap();
    assert!(log.contains("serving queue") && log.contains("stopped:"), "{}", log.replace("full\n", ""));
}

#[test]
fn a_manager_that_does_not_read_does_not_stop_the_service_and_hears_of_the_start_later() {
    let builder = DaemonBuilder::new();
    let path = builder.directory().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"full", &path).is_ok() {}
    let mut daemon = builder.env("NOTIFY_SOCKET", &path).start();
    good_request_is_answered(daemon.key());
    let mut datagram = [0; 4096];
    wait_until("it says that it is ready", || {
        let length = socket.recv(&mut datagram).unwrap_or(0);
        datagram[..length].starts_with(b"READY=1")
    });
    while filler.send_to(b"full", &path).is_ok() {}
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("reloaded the configuration");
    daemon.stop();
}

#[test]
fn a_configuration_that_is_a_pipe_is_refused_and_holds_nobody_up() {
    let builder = DaemonBuilder::new().workers(1);
    let mut daemon = builder.start();
    let file = builder.write_config();
    std::fs::remove_file(&file).unwrap();
    mkfifo(&file, Mode::S_IRWXU).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("it is a pipe");
    good_request_is_answered(daemon.key());
    daemon.stop();
}
