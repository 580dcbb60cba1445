//! A newcomer with a dead client's PID gets its own answers on its own queue, and none of its predecessor's; and an ordinary
//! client is answered beside senders that never stop.

use crate::clients::{BY_MSQID, NAMED, OwnQueue, counted, own_pid, request, serving};
use msgqd_system_tests::{Daemon, Process, Until, is_root, wait_until};
use nix::sys::signal::Signal;
use std::process::Command;

fn sleeper() -> Process {
    Process::start(Command::new("sleep").arg("600"))
}

/// A process with the number of one that has ended. Others may take it first, and then it is tried again.
fn newcomer_with(pid: i32) -> Process {
    for _ in 0..10_000 {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
        let newcomer = sleeper();
        if newcomer.pid() == pid {
            return newcomer;
        }
    }
    panic!("PID {pid} cannot be had");
}

fn ends(mut client: Process) {
    client.signal(Signal::SIGKILL);
    let _ = client.finish();
}

fn newcomer_gets_its_own_answer(daemon: &Daemon, pid: i32) {
    let (newcomer, own) = (newcomer_with(pid), OwnQueue::new());
    daemon.queue().send(1, &request(pid, own.queue.id(), "new")).unwrap();
    assert_eq!(own.next().1, "Processed: new");
    ends(newcomer);
    assert!(own.is_empty(), "it got something of its predecessor's");
}

#[test]
fn answers_that_waited_for_a_dead_client_are_not_given_to_a_newcomer_with_its_number() {
    if !is_root() {
        return println!("not run: only root can choose PIDs");
    }
    let daemon = serving(&[BY_MSQID, NAMED]).start();
    let (client, full) = (sleeper(), OwnQueue::with_room_for(1));
    let pid = client.pid();
    for number in 0..4 {
        daemon.queue().send(1, &request(pid, full.queue.id(), &number.to_string())).unwrap();
    }
    wait_until("all are handled", || daemon.queue().stat().unwrap().messages == 0);
    ends(client);
    wait_until("its death is noticed", || daemon.log().contains("died before it read"));
    newcomer_gets_its_own_answer(&daemon, pid);
    assert_eq!(counted(&daemon.stop().stderr, "client_gone"), 3);
    assert_eq!(full.queue.stat().unwrap().messages, 1);
}

#[test]
fn an_ordinary_client_is_answered_beside_senders_that_never_stop_and_never_read() {
    let daemon = serving(&[BY_MSQID]).start();
    let until = Until::default();
    let flood = || {
        let own = OwnQueue::with_room_for(1);
        while !until.is_over() {
            daemon.queue().send(1, &request(own_pid(), own.queue.id(), "flood")).unwrap();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(flood);
        }
        let _end = until.guard();
        let own = OwnQueue::new();
        for number in 0..50 {
            daemon.queue().send(1, &request(own_pid(), own.queue.id(), &number.to_string())).unwrap();
            assert_eq!(own.next().1, format!("Processed: {number}"));
        }
    });
    daemon.stop();
}
