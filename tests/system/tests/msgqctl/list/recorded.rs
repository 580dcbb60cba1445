//! The output as a whole, and as JSON, in an IPC namespace in which these queues are alone.

use super::*;
use crate::schema::fits_if_checkable;
use crate::snapshots::{HOSTILE_NAME, Volatile, compare};
use msgqd_system_tests::in_an_ipc_namespace;
use std::os::unix::ffi::OsStrExt;

fn list(arguments: &[&str]) -> Command {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    command.env_remove("RUNTIME_DIRECTORY").args(arguments);
    command
}

/// One queue that is full, one that is in use, one that was left, and a reader that was stopped before its queue went.
#[test]
fn queues_of_all_kinds_are_listed_as_recorded() {
    in_an_ipc_namespace("list::recorded::queues_of_all_kinds_are_listed_as_recorded", || {
        let users = QueueUser::new();
        let queue = |key: i32| Queue::create(QueueKey::new(key).unwrap(), 0o660).unwrap();
        let (full, used, left) = (queue(0x1000_0001), queue(0x1000_0002), Queue::create_private(0o600).unwrap());
        let sender = users.start("producer", &full, "send 100 4000 100");
        let hostile = users.start(OsStr::from_bytes(HOSTILE_NAME), &used, "send 200 50 2 receive 100 1");
        let gone = users.run("worker", &left, "send 7 10 3");
        let never = queue(0x1000_0003);
        let mut reader = users.start("reader", &never, "receive 1 1");
        for (pid, call) in [
            (sender.pid(), ClientCall::Send),
            (hostile.pid(), ClientCall::Receive),
            (reader.pid(), ClientCall::Receive),
        ] {
            wait_until("it waits", || is_blocked_in(pid, call));
        }
        reader.freeze();
        never.remove().unwrap();
        let numbers = [(sender.pid(), "SENDER"), (hostile.pid(), "HOSTILE"), (gone, "GONE"), (reader.pid(), "READER")];
        let mut words: Vec<_> = numbers.iter().map(|(pid, name)| (pid.to_string(), *name)).collect();
        words.extend((0..100).map(|age| (format!("{age} s"), "AGE")));
        let volatile = Volatile(words);
        compare("list", &volatile, || list(&["list", "--sort", "msqid"]));
        compare("list_abandoned", &volatile, || list(&["list", "--abandoned", "--idle-for", "1ms"]));
        compare("remove", &volatile, || list(&["remove", &left.id().to_string(), "--dry-run"]));
        let finished = Process::run(&mut list(&["--json", "list"])).succeeded();
        assert!(finished.stdout.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{finished:?}");
        fits_if_checkable("list", &serde_json::from_str(&finished.stdout).unwrap());
    });
}
