//! A newcomer with a dead client's PID gets its own answer and never its predecessor's.
//!
//! Answers that are still being made when the client dies need a slow handler; the engine's own tests show them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::Queue;
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Messages, PlainServer, Process, is_root, msgqctl, wait_until, with_pid,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Command;

const ROUNDS: usize = 5;

fn free_pid(daemon: &Daemon) -> String {
    Process::run(&mut with_pid(daemon.key(), &["free"])).succeeded().stdout.trim().to_string()
}

fn newcomer_gets_its_own_answer(messages: Messages, daemon: &Daemon, pid: &str) {
    let finished = Process::run(&mut messages.client("with_pid", daemon.key(), &[pid, "ask", "new"]));
    assert_eq!((finished.code(), finished.stdout.as_str()), (0, "Processed: new\n"), "{messages:?}: {finished:?}");
}

/// With one worker and with several, and with messages of each length; stops it.
fn each_daemon(test: impl Fn(Messages, &mut Daemon)) {
    for messages in Messages::ALL {
        for workers in [1, 4] {
            let mut daemon = messages.daemon().workers(workers).start();
            test(messages, &mut daemon);
            daemon.stop();
        }
    }
}

fn in_the_outbox(daemon: &Daemon, pid: &str) -> bool {
    let mut command = Command::new(msgqctl());
    command.args(["--json", "--key", &daemon.key().to_string(), "stat"]);
    let seen = Process::run(command.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory())).succeeded();
    let seen: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    let rows = seen["server"]["inside"]["outbox"]["clients"].as_array().unwrap();
    let client: i32 = pid.parse().unwrap();
    rows.iter().any(|row| row["client"] == client)
}

fn nothing_is_left(queue: &Queue) {
    wait_until("nothing is left in the queue", || queue.stat().unwrap().messages == 0);
}

#[test]
fn an_answer_that_rested_in_the_queue_is_gone() {
    if !is_root() {
        return eprintln!("not shown: only root can choose PIDs");
    }
    each_daemon(|messages, daemon| {
        for _ in 0..ROUNDS {
            let pid = free_pid(daemon);
            let mut leaves = messages.client("with_pid", daemon.key(), &[&pid, "leave", "old"]);
            let _ = Process::run(&mut leaves).succeeded();
            let queue = daemon.answers();
            wait_until("what rested for the dead client is gone", || !queue.has_message(pid.parse().unwrap()).unwrap());
            newcomer_gets_its_own_answer(messages, daemon, &pid);
            nothing_is_left(&daemon.queue());
            nothing_is_left(&queue);
        }
    });
}

#[test]
fn an_answer_that_waited_in_the_outbox_is_gone() {
    if !is_root() {
        return eprintln!("not shown: only root can choose PIDs");
    }
    each_daemon(|messages, daemon| {
        let body_len = messages.body_len().to_string();
        for _ in 0..ROUNDS {
            let pid = free_pid(daemon);
            daemon.freeze();
            let mut old = Process::start(&mut messages.client("with_pid", daemon.key(), &[&pid, "hold", "old"]));
            old.wait_for_stdout("sent");
            let junk = ["junk", "self", &body_len, "60000"];
            let mut full = Process::start(&mut messages.client("hostile", daemon.answers().key().unwrap(), &junk));
            full.wait_for_stdout("full");
            daemon.thaw();
            let queue = daemon.answers();
            wait_until("its answer waits", || in_the_outbox(daemon, &pid));
            kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
            let _ = old.finish();
            wait_until("what waited for the dead client is gone", || !in_the_outbox(daemon, &pid));
            full.signal(Signal::SIGKILL);
            newcomer_gets_its_own_answer(messages, daemon, &pid);
            drop(full);
            nothing_is_left(&queue);
        }
    });
}

#[test]
fn the_plain_server_gives_the_newcomer_the_answer_of_the_dead() {
    if !is_root() {
        return eprintln!("not shown: only root can choose PIDs");
    }
    let server = PlainServer::start();
    let pid = Process::run(&mut with_pid(server.key(), &["free"])).succeeded().stdout.trim().to_string();
    let _ = Process::run(&mut with_pid(server.key(), &[&pid, "leave", "old"])).succeeded();
    let finished = Process::run(&mut with_pid(server.key(), &[&pid, "ask", "new"]));
    assert_eq!((finished.code(), finished.stdout.as_str()), (1, "Processed: old\n"), "{finished:?}");
}

/// The number of a thread of the daemon.
fn thread_of(daemon: &Daemon, name: &str) -> Option<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let mut tasks = tasks.map(|task| task.unwrap().path());
    let named = tasks.find(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name))?;
    Some(named.file_name().unwrap().to_str().unwrap().to_owned())
}

#[test]
fn a_client_with_the_number_of_a_dismissed_worker_is_answered() {
    if !is_root() {
        return eprintln!("not shown: only root can choose PIDs");
    }
    let builder = DaemonBuilder::new();
    let mut daemon = builder.clone().workers(4).start();
    let dismissed = thread_of(&daemon, "worker-3").unwrap();
    std::fs::write(builder.write_config(), "[service]\nworkers = 1\n").unwrap();
    daemon.signal(Signal::SIGHUP);
    // A worker that waits for its turn looks up with the next request.
    wait_until("the worker has left", || {
        let other = free_pid(&daemon);
        newcomer_gets_its_own_answer(Messages::Plain, &daemon, &other);
        thread_of(&daemon, "worker-3").is_none()
    });
    newcomer_gets_its_own_answer(Messages::Plain, &daemon, &dismissed);
    daemon.stop();
}
