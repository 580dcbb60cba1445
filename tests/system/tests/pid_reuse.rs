//! A newcomer with a dead client's PID gets its own answer and never its predecessor's.
//!
//! Answers that are still being made when the client dies need a slow handler; the engine's own tests show them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::Queue;
use msgqd_system_tests::{Daemon, DaemonBuilder, PlainServer, Process, hostile, is_root, wait_until, with_pid};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

/// How long after a client's death a newcomer with its PID is safe: the promise is 100 ms.
const AFTER_DEATH: Duration = Duration::from_millis(200);
const ROUNDS: usize = 5;

fn free_pid(daemon: &Daemon) -> String {
    Process::run(&mut with_pid(daemon.key(), &["free"])).succeeded().stdout.trim().to_string()
}

fn newcomer_gets_its_own_answer(daemon: &Daemon, pid: &str) {
    let finished = Process::run(&mut with_pid(daemon.key(), &[pid, "ask", "new"]));
    assert_eq!((finished.code(), finished.stdout.as_str()), (0, "Processed: new\n"), "{finished:?}");
}

fn nothing_is_left(queue: &Queue) {
    wait_until("nothing is left in the queue", || queue.stat().unwrap().messages == 0);
}

#[test]
fn an_answer_that_rested_in_the_queue_is_gone() {
    if !is_root() {
        return eprintln!("not shown: only root can choose PIDs");
    }
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).start();
        for _ in 0..ROUNDS {
            let pid = free_pid(&daemon);
            let _ = Process::run(&mut with_pid(daemon.key(), &[&pid, "leave", "old"])).succeeded();
            std::thread::sleep(AFTER_DEATH);
            newcomer_gets_its_own_answer(&daemon, &pid);
            nothing_is_left(&daemon.queue());
        }
        daemon.stop();
    }
}

#[test]
fn an_answer_that_waited_in_the_outbox_is_gone() {
    if !is_root() {
        return eprintln!("not shown: only root can choose PIDs");
    }
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new().workers(workers).start();
        for _ in 0..ROUNDS {
            let pid = free_pid(&daemon);
            daemon.freeze();
            let mut old = Process::start(&mut with_pid(daemon.key(), &[&pid, "hold", "old"]));
            old.wait_for_stdout("sent");
            let mut full = Process::start(&mut hostile(daemon.key(), &["junk", "self", "264", "60000"]));
            full.wait_for_stdout("full");
            daemon.thaw();
            let queue = daemon.queue();
            wait_until("the request was taken", || !queue.has_message(1).unwrap());
            kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
            let _ = old.finish();
            std::thread::sleep(AFTER_DEATH);
            full.signal(Signal::SIGKILL);
            newcomer_gets_its_own_answer(&daemon, &pid);
            drop(full);
            nothing_is_left(&queue);
        }
        daemon.stop();
    }
}

#[test]
fn the_plain_server_gives_the_newcomer_the_answer_of_the_dead() {
    if !is_root() {
        return eprintln!("not shown: only root can choose PIDs");
    }
    let server = PlainServer::start();
    let pid = Process::run(&mut with_pid(server.key(), &["free"])).succeeded().stdout.trim().to_string();
    let _ = Process::run(&mut with_pid(server.key(), &[&pid, "leave", "old"])).succeeded();
    std::thread::sleep(AFTER_DEATH);
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
        newcomer_gets_its_own_answer(&daemon, &other);
        thread_of(&daemon, "worker-3").is_none()
    });
    newcomer_gets_its_own_answer(&daemon, &dismissed);
    daemon.stop();
}
