//! A stream of one-way messages, the queue that they go into, and what its server has taken.

use super::{ScratchKey, serve};
use crate::common::{NatsServer, PATIENCE, RunningGateway, runtime, wait_until};
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Context};
use msgq_core::queue::Queue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A stream, a queue, and what its server has taken.
pub struct Mail {
    pub runtime: Runtime,
    pub nats: NatsServer,
    pub key: ScratchKey,
    directory: TempDir,
    pub taken: Arc<Mutex<Vec<u32>>>,
}

impl Mail {
    pub fn start(test: &str) -> Option<Self> {
        let (runtime, nats) = (runtime(), NatsServer::start(test, "")?);
        let it = Self {
            runtime,
            nats,
            key: ScratchKey::new(),
            directory: tempfile::tempdir().unwrap(),
            taken: Arc::default(),
        };
        it.runtime.block_on(async {
            let subjects = vec!["lines.*".to_owned()];
            let retention = RetentionPolicy::WorkQueue;
            let config = Config { name: "LINES".to_owned(), subjects, retention, ..Config::default() };
            it.jetstream().await.create_stream(config).await.unwrap();
        });
        Some(it)
    }

    fn route(&self) -> String {
        let file = self.directory.path().join("msgqd.toml");
        let protocol = "request = \"struct { long mtype; char line[64]; }\"\nreply = \"none\"";
        let text = format!("[queue]\nkey = {}\n[protocol]\n{protocol}\n", self.key.key());
        std::fs::write(&file, text).unwrap();
        format!("[[in]]\nname = \"lines\"\nsubject = \"lines.*\"\nstream = \"LINES\"\nconfig = {file:?}\n")
    }

    pub fn gateway(&self) -> RunningGateway {
        RunningGateway::start(&self.nats.url(), &self.route())
    }

    pub async fn jetstream(&self) -> Context {
        jetstream::new(self.nats.client().await)
    }

    pub fn stream(&self) -> Stream {
        self.runtime.block_on(async { self.jetstream().await.get_stream("LINES").await.unwrap() })
    }

    /// How many messages it has.
    pub fn rest(&self) -> u64 {
        self.stream().cached_info().state.messages
    }

    pub fn publish(&self, numbers: std::ops::Range<u32>) {
        self.runtime.block_on(async {
            let jetstream = self.jetstream().await;
            for number in numbers {
                let acknowledged = jetstream.publish("lines.x", format!("line {number}").into()).await.unwrap();
                acknowledged.await.unwrap();
            }
        });
    }

    /// A server, each message of which takes that long.
    pub fn serve(&self, work: Duration) -> Queue {
        let (queue, taken) = (self.key.create(), Arc::clone(&self.taken));
        serve(queue, move |body| {
            std::thread::sleep(work);
            taken.lock().unwrap().push(number(body));
            None
        });
        queue
    }

    pub fn taken(&self) -> Vec<u32> {
        self.taken.lock().unwrap().clone()
    }

    /// Waits until each of these numbers was taken, and acknowledged. How many were taken too often.
    #[track_caller]
    pub fn again(&self, numbers: std::ops::Range<u32>) -> usize {
        let counts = || {
            let mut counts = BTreeMap::new();
            self.taken().into_iter().for_each(|number| *counts.entry(number).or_insert(0_usize) += 1);
            counts
        };
        let missing = || {
            let counts = counts();
            numbers.clone().filter(|number| !counts.contains_key(number)).collect::<Vec<_>>()
        };
        let mut left = missing();
        while !left.is_empty() {
            let before = left.len();
            // As long as there are more and more, it may take its time.
            let comes = eventually(|| missing().len() < before);
            left = missing();
            assert!(comes, "{} were never taken, of which the first is {}; {}", left.len(), left[0], self.state());
        }
        wait_until("the consumer has no more", || {
            // A server of NATS that was killed may find messages again that were acknowledged, and know that they were.
            let info = self.runtime.block_on(self.stream().consumer_info("lines"));
            info.is_ok_and(|info| info.num_ack_pending == 0 && info.num_pending == 0)
        });
        let counts = counts();
        assert!(counts.values().all(|count| *count <= 2), "{counts:?}");
        counts.values().sum::<usize>() - counts.len()
    }

    pub fn state(&self) -> String {
        let consumer = self.runtime.block_on(self.stream().consumer_info("lines"));
        format!("{:?}\n{consumer:?}", self.stream().cached_info().state)
    }

    /// What came again may stand behind what it was before, and nothing else may.
    #[track_caller]
    pub fn is_in_order(&self) {
        let mut seen = BTreeSet::new();
        let first: Vec<_> = self.taken().into_iter().filter(|number| seen.insert(*number)).collect();
        assert!(first.is_sorted(), "{first:?}");
    }
}

/// Whether that is so before patience ends.
pub fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Of the line in a body.
pub fn number(body: &[u8]) -> u32 {
    let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    let text = std::str::from_utf8(&body[..end]).unwrap();
    text.strip_prefix("line ").unwrap().parse().unwrap()
}
