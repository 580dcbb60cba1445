//! As quick on a thousand queues as on one, and on a queue that is full of messages.

use super::*;
use msgqd_system_tests::{in_an_ipc_namespace, set_kernel_limit};
use std::time::{Duration, Instant};

fn time_of(mut command: Command) -> Duration {
    let start = Instant::now();
    let _ = Process::run(&mut command).succeeded();
    start.elapsed()
}

/// The shortest of several runs: what else runs on the machine makes none shorter.
fn shortest(command: &dyn Fn() -> Command) -> Duration {
    (0..10).map(|_| time_of(command())).min().unwrap()
}

fn ipcs() -> Command {
    let mut command = Command::new("ipcs");
    command.arg("-q");
    command
}

fn list() -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.args(["--json", "list"]);
    command
}

#[test]
fn a_thousand_queues_are_listed_in_a_few_times_what_ipcs_takes() {
    in_an_ipc_namespace("list::many::a_thousand_queues_are_listed_in_a_few_times_what_ipcs_takes", || {
        set_kernel_limit("msgmni", 2000);
        for number in 0..1000 {
            let queue = match number % 2 {
                0 => Queue::create(QueueKey::new(0x4000_0000 + number).unwrap(), 0o600).unwrap(),
                _ => Queue::create_private(0o666).unwrap(),
            };
            queue.try_send(100, b"something").unwrap();
        }
        let finished = Process::run(&mut list()).succeeded();
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(report["queues"].as_array().unwrap().len(), 1000);
        // One after the other, so that both have the same machine around them; the best of several such pairs.
        let pairs: Vec<_> = (0..10).map(|_| (time_of(list()), time_of(ipcs()))).collect();
        assert!(pairs.iter().any(|(ours, theirs)| *ours < *theirs * 60), "list and ipcs -q: {pairs:?}");
    });
}

#[test]
fn a_queue_of_sixteen_thousand_messages_is_listed_as_fast_as_an_empty_one() {
    in_an_ipc_namespace("list::many::a_queue_of_sixteen_thousand_messages_is_listed_as_fast_as_an_empty_one", || {
        let queue = Queue::create_private(0o600).unwrap();
        let empty = shortest(&list);
        while queue.try_send(100, b"").is_ok() {}
        assert_eq!(queue.stat().unwrap().messages, 16384);
        let full = shortest(&list);
        assert!(full < empty * 10, "{full:?}, and {empty:?} while it was empty");
    });
}
