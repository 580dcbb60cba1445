//! How msgqd ends: at idle, under load, with clients that wait in every way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{
    ClientCall, Daemon, DaemonBuilder, PATIENCE_MS, Process, STRANGER, as_user, crowd, good_request_is_answered,
    hostile, is_blocked_in, is_root, msgqd_with_switches, test_client, wait_until,
};
use nix::sys::signal::Signal;

/// Ends a test long before it would be reached.
const NEVER_MS: usize = 600_000;

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// A hostile client that is neither the queue's owner nor in its group; needs root.
fn stranger(daemon: &Daemon, mode: &str) -> Process {
    let program = daemon.builder().copy_for_everyone(&test_client("hostile"));
    Process::start(as_user(STRANGER, &program).args([&daemon.key().to_string(), mode]))
}

fn open_to_everyone() -> DaemonBuilder {
    DaemonBuilder::new().set("queue", "mode = \"0666\"")
}

#[test]
fn sigterm_and_sigint_at_idle_remove_the_queue() {
    for workers in [1, 4] {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let mut daemon = DaemonBuilder::new().workers(workers).start();
            good_request_is_answered(daemon.key());
            daemon.signal(signal);
            daemon.stop();
        }
    }
}

#[test]
fn a_stop_straight_after_the_start_is_not_lost() {
    for workers in [1, 4] {
        for _ in 0..30 {
            DaemonBuilder::new().workers(workers).start().stop();
        }
    }
}

#[test]
fn under_the_load_of_clients_that_cannot_be_kept_out_the_stop_still_ends() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).drain_timeout_ms(500).start();
        let mut clients = Process::start(&mut crowd(daemon.key(), 20, 1_000_000, 1000));
        clients.wait_for_stdout("started");
        wait_until("requests are being answered", || daemon.queue().stat().unwrap().last_receive_pid != 0);
        daemon.stop();
        let finished = clients.finish();
        assert_ne!(finished.code(), 1, "a wrong answer: {finished:?}");
        assert!(finished.stderr.contains("EIDRM") || finished.stderr.contains("EINVAL"), "{finished:?}");
    }
}

#[test]
fn under_load_every_request_that_was_let_in_is_answered_and_later_ones_are_refused() {
    if !is_root() {
        return eprintln!("not shown: only root can start clients as another user");
    }
    for workers in [1, 4] {
        let daemon = open_to_everyone().workers(workers).drain_timeout_ms(NEVER_MS).start();
        let mut clients: Vec<_> = (0..20).map(|_| stranger(&daemon, "until_refused")).collect();
        for client in &mut clients {
            client.wait_for_stdout("started");
        }
        daemon.stop();
        for client in clients {
            // One that got no processor time between its last answer and the removal finds no queue.
            let end = client.finish().succeeded().stdout;
            assert!(["started\nmsgsnd EACCES\n", "started\nmsgsnd EINVAL\n"].contains(&end.as_str()), "{end}");
        }
    }
}

#[test]
fn what_is_queued_when_the_stop_comes_is_served() {
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new().workers(workers).drain_timeout_ms(NEVER_MS).start();
        daemon.freeze();
        let clients = Process::start(&mut crowd(daemon.key(), 40, 1, PATIENCE_MS));
        let queue = daemon.queue();
        wait_until("all requests are queued", || queue.stat().unwrap().messages == 40);
        daemon.signal(Signal::SIGTERM);
        daemon.thaw();
        assert!(clients.finish().succeeded().stdout.contains("answered 40 of 40"));
        daemon.stop();
    }
}

#[test]
fn a_client_blocked_in_msgsnd_is_refused() {
    if !is_root() {
        return eprintln!("not shown: only root can start clients as another user");
    }
    for workers in [1, 4] {
        let mut daemon = open_to_everyone().workers(workers).drain_timeout_ms(500).start();
        daemon.freeze();
        let client = stranger(&daemon, "blocked_sender");
        wait_until("the client blocks in msgsnd", || is_blocked_in(client.pid(), ClientCall::Send));
        daemon.signal(Signal::SIGTERM);
        daemon.thaw();
        assert_eq!(client.finish().succeeded().stdout, "EACCES\n");
        daemon.stop();
    }
}

#[test]
fn a_client_blocked_in_msgrcv_learns_that_the_queue_is_gone() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).start();
        let client = Process::start(&mut hostile(daemon.key(), &["blocked_reader"]));
        wait_until("the client blocks in msgrcv", || is_blocked_in(client.pid(), ClientCall::Receive));
        daemon.stop();
        assert_eq!(client.finish().succeeded().stdout, "EIDRM\n");
    }
}

/// Makes `daemon` send an answer that this process does not read.
fn leave_an_answer(queue: &Queue) {
    queue.send(REQUEST_MTYPE, &encode_request(own_pid(), b"later")).unwrap();
    wait_until("an answer rests in the queue", || queue.has_message(own_pid().into()).unwrap());
}

#[test]
fn a_stop_waits_for_clients_to_fetch_their_answers() {
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new().workers(workers).drain_timeout_ms(NEVER_MS).start();
        let queue = daemon.queue();
        leave_an_answer(&queue);
        daemon.signal(Signal::SIGTERM);
        wait_until("the door is closed", || queue.stat().unwrap().mode & 0o022 == 0);
        let mode = queue.stat().unwrap().mode;
        assert_eq!(mode, 0o640, "only the permission to write is taken away");
        let mut buffer = MessageBuffer::new();
        assert!(queue.try_receive(own_pid().into(), &mut buffer).unwrap());
        assert!(daemon.finish().succeeded().status.success());
        assert!(queue.stat().unwrap_err().is_gone());
    }
}

#[test]
fn a_stop_does_not_wait_longer_than_its_limit() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).drain_timeout_ms(200).start();
        leave_an_answer(&daemon.queue());
        daemon.stop();
    }
}

#[test]
fn a_stop_does_not_wait_for_the_dead() {
    let daemon = DaemonBuilder::new().drain_timeout_ms(NEVER_MS).start();
    let queue = daemon.queue();
    let mut client = Process::start(&mut hostile(daemon.key(), &["never_read", "3"]));
    client.wait_for_stdout("sent 3");
    let pid = client.pid();
    wait_until("its answers rest in the queue", || queue.has_message(pid.into()).unwrap());
    client.signal(Signal::SIGKILL);
    daemon.stop();
}

#[test]
fn a_second_sigterm_ends_it_at_once() {
    for workers in [1, 4] {
        let mut daemon = DaemonBuilder::new().workers(workers).drain_timeout_ms(NEVER_MS).start();
        let queue = daemon.queue();
        leave_an_answer(&queue);
        daemon.signal(Signal::SIGTERM);
        wait_until("the door is closed", || queue.stat().unwrap().mode & 0o022 == 0);
        daemon.stop();
    }
}

/// A stop that comes while the daemon is held up at `place` of its way; the answer is fetched long after that.
#[track_caller]
fn nothing_is_lost_when_held_up_at(place: &str, builder: DaemonBuilder) {
    let mut daemon = builder
        .program(msgqd_with_switches())
        .env("MSGQD_TEST_PAUSE_AT", format!("{place}:700"))
        .drain_timeout_ms(NEVER_MS)
        .start();
    let queue = daemon.queue();
    queue.send(REQUEST_MTYPE, &encode_request(own_pid(), b"in between")).unwrap();
    wait_until("the request is taken", || queue.stat().unwrap().last_receive_pid > 0);
    daemon.signal(Signal::SIGTERM);
    wait_until("its answer is there", || queue.has_message(own_pid().into()).unwrap());
    std::thread::sleep(std::time::Duration::from_millis(1000));
    let mut buffer = MessageBuffer::new();
    assert!(matches!(queue.try_receive(own_pid().into(), &mut buffer), Ok(true)), "{}", daemon.log());
    let _ = daemon.finish().succeeded();
}

#[test]
fn a_request_that_left_the_queue_and_is_not_yet_noted_is_waited_for() {
    for workers in [1, 4] {
        nothing_is_lost_when_held_up_at("received", DaemonBuilder::new().workers(workers));
    }
}

#[test]
fn an_answer_that_is_sent_between_two_looks_of_the_stop_is_waited_for() {
    let slow =
        DaemonBuilder::new().set("handler", "kind = \"exec\"").set("handler", r#"command = ["/bin/sleep", "0.3"]"#);
    nothing_is_lost_when_held_up_at("drain-between-looks", slow);
}

fn has_workers(pid: i32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    names.into_iter().any(|name| name.starts_with("worker-"))
}

#[test]
fn a_request_of_the_owner_that_comes_while_the_workers_leave_is_answered() {
    let mut daemon = DaemonBuilder::new()
        .program(msgqd_with_switches())
        .env("MSGQD_TEST_PAUSE_AT", "drain-workers-left:2000")
        .drain_timeout_ms(NEVER_MS)
        .start();
    let queue = daemon.queue();
    daemon.signal(Signal::SIGTERM);
    wait_until("the workers have left", || !has_workers(daemon.pid()));
    queue.send(REQUEST_MTYPE, &encode_request(own_pid(), b"no mode keeps the owner out")).unwrap();
    let mut buffer = MessageBuffer::new();
    wait_until("it is answered", || queue.try_receive(own_pid().into(), &mut buffer).unwrap());
    let _ = daemon.finish().succeeded();
}
