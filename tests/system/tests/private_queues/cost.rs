//! What an answer to a queue of the client's own costs, without a clock: system calls.

use crate::clients::{BY_KEY, BY_MSQID, NAMED, OwnQueue, request, serving};
use msgq_core::queue::MessageBuffer;
use msgqd_system_tests::{Daemon, calls_to_serve};

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

#[test]
fn an_answer_costs_no_call_more_than_elsewhere_but_for_a_key() {
    for protocol in [[BY_MSQID, ""], [BY_MSQID, NAMED], [BY_KEY, NAMED]] {
        let by_key = protocol[0] == BY_KEY;
        let daemon = serving(&protocol).workers(1).start();
        let clients: Vec<OwnQueue> = (0..CLIENTS).map(|_| OwnQueue::as_named_by(&protocol)).collect();
        let calls = calls_to_serve(&daemon, || ask(&daemon, &clients, REQUESTS / CLIENTS));
        let of = |name: &str| calls.get(name).copied().unwrap_or(0);
        // The last ones may come when strace has left.
        let is_one_each = |name| (REQUESTS - 20..REQUESTS + REQUESTS / 20).contains(&of(name));
        assert!(is_one_each("msgrcv") && is_one_each("msgsnd"), "{calls:?}");
        assert!(if by_key { is_one_each("msgget") } else { of("msgget") < 20 }, "{calls:?}");
        assert!(of("msgctl") < REQUESTS / 20, "a queue is looked at once: {calls:?}");
        daemon.stop();
    }
}
