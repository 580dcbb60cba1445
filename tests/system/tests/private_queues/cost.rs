//! What an answer to a queue of the client's own costs, without a clock: system calls.

use crate::clients::{BY_KEY, BY_MSQID, NAMED, OwnQueue, request, serving};
use msgq_core::queue::MessageBuffer;
use msgqd_system_tests::{Daemon, Process};
use nix::sys::signal::Signal;
use std::process::Command;

const CLIENTS: u64 = 8;
const REQUESTS: u64 = 8000;

fn ask(daemon: &Daemon, clients: &[OwnQueue], count: u64) {
    let queue = daemon.queue();
    std::thread::scope(|scope| {
        for own in clients {
            scope.spawn(move || {
                let mut buffer = MessageBuffer::new();
                let request = request(nix::unistd::gettid().as_raw(), own.address(), "what does it cost");
                for _ in 0..count {
                    queue.send(1, &request).unwrap();
                    own.queue.receive(0, &mut buffer).unwrap();
                }
            });
        }
    });
}

/// Calls of each name that strace counted and that did not fail.
fn calls(summary: &str, name: &str) -> u64 {
    let rows = summary.lines().map(|line| line.split_whitespace().collect::<Vec<&str>>());
    let row = rows.into_iter().find(|words| words.last() == Some(&name));
    row.map_or(0, |words| {
        let number = |place: usize| words[place].parse::<u64>().unwrap();
        number(3) - if words.len() == 6 { number(4) } else { 0 }
    })
}

#[test]
fn an_answer_costs_no_call_more_than_elsewhere_but_for_a_key() {
    for protocol in [[BY_MSQID, ""], [BY_MSQID, NAMED], [BY_KEY, NAMED]] {
        let by_key = protocol[0] == BY_KEY;
        let daemon = serving(&protocol).workers(1).start();
        let clients: Vec<OwnQueue> = (0..CLIENTS).map(|_| OwnQueue::as_named_by(&protocol)).collect();
        let summary = daemon.builder().directory().join("strace");
        let mut strace = Command::new("strace");
        strace.args(["--summary-only", "--follow-forks", "--output"]).arg(&summary);
        let mut strace = Process::start(strace.arg("--attach").arg(daemon.pid().to_string()));
        strace.wait_for_stderr("attached");
        ask(&daemon, &clients, REQUESTS / CLIENTS);
        strace.signal(Signal::SIGINT);
        let _ = strace.finish();
        let summary = std::fs::read_to_string(&summary).unwrap();
        // The last ones may come when strace has left.
        let is_one_each = |name| (REQUESTS - 20..REQUESTS + REQUESTS / 20).contains(&calls(&summary, name));
        assert!(is_one_each("msgrcv") && is_one_each("msgsnd"), "{summary}");
        assert!(if by_key { is_one_each("msgget") } else { calls(&summary, "msgget") < 20 }, "{summary}");
        assert!(calls(&summary, "msgctl") < REQUESTS / 20, "a queue is looked at once: {summary}");
        daemon.stop();
    }
}
