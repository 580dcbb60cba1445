use crate::process::Process;
use crate::routes::RouteProgram;
use crate::scratch::ScratchKey;
use crate::wait::wait_until;
use msgq_core::queue::{Queue, QueueKey};
use std::collections::BTreeMap;
use std::path::Path;

/// The plain server of a program of `tests/clients/routes`, with the clients that can speak to it.
#[derive(Debug)]
pub struct PlainRoute {
    /// Its clients.
    pub program: RouteProgram,
    /// The server, which is killed when this is dropped.
    pub server: Process,
    key: ScratchKey,
}

impl PlainRoute {
    /// Starts the server of that width, and waits until it serves.
    #[must_use]
    #[track_caller]
    pub fn start(program: &RouteProgram, width: usize, option: &str) -> Self {
        let (program, key) = (program.only_width(width), ScratchKey::new());
        let mut server = Process::start(&mut program.server(key.key(), option));
        server.wait_for_stdout("serving");
        Self { program, server, key }
    }

    /// Calls `test` with a plain server for each width that this machine has.
    pub fn with_each(program: &RouteProgram, option: &str, test: impl Fn(&mut Self)) {
        for width in 0..program.widths() {
            test(&mut Self::start(program, width, option));
        }
    }

    /// The key of the queue of requests.
    #[must_use]
    pub fn key(&self) -> QueueKey {
        self.key.key()
    }
}

/// Producers p0, p1 and so on send `count` messages each to that queue; waits until all are taken from it.
#[track_caller]
pub fn produce(program: &RouteProgram, key: QueueKey, producers: usize, count: usize) {
    let start = |number| program.start_client(number, key, count, &format!("p{number}"));
    let clients: Vec<_> = (0..producers).map(start).collect();
    clients.into_iter().for_each(|client| client.says(&format!("ok {count}\n")));
    let queue = Queue::open(key).unwrap();
    wait_until("all is taken", || queue.stat().unwrap().messages == 0);
}

/// Of each producer the numbers in the lines of a file that begin with `word`, in their order: "took", "failed" or "hangs" in
/// what `routes/handler.py` and `handler.sh` write, "" in what the consumer of `routes/lines.c` does.
#[must_use]
pub fn numbers_of_producers(file: &Path, word: &str) -> BTreeMap<String, Vec<usize>> {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
        let Some(rest) = line.strip_prefix(word) else { continue };
        let (name, number) = rest.trim_start().split_once(' ').unwrap();
        all.entry(name.to_owned()).or_default().push(number.parse().unwrap());
    }
    all
}
