use crate::process::Process;
use crate::programs::{copy_program, test_client};
use crate::users::as_member;
use msgq_core::queue::QueueKey;
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// What a thief got of other clients' messages from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loot {
    /// Messages that their receivers never saw.
    pub taken: usize,
    /// Looks at messages that it left where they were.
    pub seen: usize,
    /// The error that kept it out at least once: "EACCES" or "never".
    pub refused: String,
}

impl Loot {
    /// True when it neither took nor saw a message.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.taken == 0 && self.seen == 0
    }
}

/// What a thief got: from the queue of requests, from the second queue, and from all other queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theft {
    /// From the queue of requests, where plain protocols have their answers too.
    pub requests: Loot,
    /// From the second queue.
    pub answers: Loot,
    /// From all others: the private ones.
    pub others: Loot,
}

/// A client with the rights of a user and a group that takes what it can get, from every queue of the IPC namespace: only for
/// tests in a namespace of their own, see [`crate::in_an_ipc_namespace`]. Needs root.
#[derive(Debug)]
pub struct Thief {
    process: Process,
    _directory: TempDir,
}

impl Thief {
    /// Starts it and waits until it is at work.
    #[must_use]
    #[track_caller]
    pub fn start(user: u32, group: u32, requests: QueueKey, answers: Option<QueueKey>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let program = directory.path().join("thief");
        copy_program(&test_client("thief"), &program);
        let mut command = as_member(user, group, &program);
        command.arg(requests.to_string()).args(answers.map(|key| key.to_string()));
        let mut process = Process::start(&mut command);
        process.wait_for_stdout("stealing");
        Self { process, _directory: directory }
    }

    /// True once it took a message from a place: "requests", "answers" or "others".
    #[must_use]
    pub fn took_from(&self, place: &str) -> bool {
        self.process.stdout().contains(&format!("took from {place}\n"))
    }

    /// Ends it, and tells what it got.
    #[must_use]
    #[track_caller]
    pub fn finish(mut self) -> Theft {
        self.process.signal(Signal::SIGTERM);
        let said = self.process.finish().succeeded().stdout;
        let [requests, answers, others] = ["requests", "answers", "others"].map(|place| loot(&said, place));
        Theft { requests, answers, others }
    }
}

fn loot(said: &str, place: &str) -> Loot {
    let line = said.lines().find_map(|line| line.strip_prefix(place)?.strip_prefix(": "));
    let words: Vec<&str> = line.expect("the thief tells of each place").split([' ', ',']).collect();
    let [taken, "taken", "", seen, "seen", "", "refused", refused] = words[..] else { panic!("{said}") };
    Loot { taken: taken.parse().unwrap(), seen: seen.parse().unwrap(), refused: refused.to_owned() }
}
