//! A program that brings its own handler, which panics where the server's main thread asks it something.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

#[path = "../../msgq-core/tests/support/scratch.rs"]
mod scratch;

use msgq_core::config::Config;
use msgq_core::queue::Queue;
use msgqd::Server;
use msgqd::handler::{Handler, HandlerRequest, Reply};
use scratch::ScratchQueue;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// Cannot be asked twice how many requests it takes.
#[derive(Default)]
struct AskedOnce(AtomicBool);

impl Handler for AskedOnce {
    fn handle(&self, _: &HandlerRequest<'_>) -> Reply {
        Reply::new()
    }

    fn concurrency(&self) -> usize {
        assert!(!self.0.swap(true, Ordering::Relaxed), "asked twice");
        1
    }

    fn name(&self) -> &'static str {
        "asked_once"
    }
}

/// The server, in a process of its own; its reload changes the configuration.
#[test]
#[ignore = "started by the other test of this file"]
fn a_server_whose_handler_is_asked_once() {
    let Ok(key) = std::env::var("MSGQD_TEST_KEY") else { return };
    msgqd::logging::init(log::Level::Info).unwrap();
    let key = key.parse().unwrap();
    let changed = move || {
        let mut config = Config::default();
        config.queue.key = msgq_core::config::KeySetting::Number(key);
        config.queue.mode = 0o600;
        Ok(config)
    };
    let error = Server::builder().key(key).handler(AskedOnce::default()).reload_with(changed).run().unwrap_err();
    // Were its threads still there, they would serve on.
    let threads = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path().join("comm"));
    let names: String = threads.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    assert!(!names.contains("worker-") && !names.contains("janitor"), "{names}");
    log::error!("ended: {error}");
    msgqd::logging::flush();
}

#[test]
fn a_panic_of_the_main_thread_ends_the_server_in_order_and_leaves_the_queue_to_the_next_one() {
    let scratch = ScratchQueue::new();
    let key = scratch.key().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_whose_handler_is_asked_once", "--ignored", "--nocapture"])
        .env("MSGQD_TEST_KEY", key.to_string())
        .env("RUNTIME_DIRECTORY", directory.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = nix::unistd::Pid::from_raw(server.id().cast_signed());
    let mut log = String::new();
    for line in BufReader::new(server.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("serving queue") {
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
        }
        log.extend([line.as_str(), "\n"]);
    }
    assert!(server.wait().unwrap().success(), "{log}");
    assert!(log.contains("ended: the main thread panicked: asked twice"), "{log}");
    assert!(Queue::open(key).is_ok(), "clients would hear that the service is over: {log}");
}
