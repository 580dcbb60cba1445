use crate::process::Process;
use crate::programs::test_client;
use crate::scratch::ScratchKey;
use msgq_core::queue::QueueKey;
use std::process::Command;
use std::time::Duration;

/// The plain C server that msgqd is compared with; killed when dropped.
#[derive(Debug)]
pub struct PlainServer {
    process: Process,
    key: ScratchKey,
}

impl PlainServer {
    /// Starts it on an unused key and waits until it serves.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::with_work(Duration::ZERO)
    }

    /// The same, with so much work for each request between its receipt and its answer.
    #[must_use]
    #[track_caller]
    pub fn with_work(work: Duration) -> Self {
        let key = ScratchKey::new();
        let arguments = [key.key().to_string(), work.as_millis().to_string()];
        let mut process = Process::start(Command::new(test_client("server")).args(arguments));
        process.wait_for_stdout("serving");
        Self { process, key }
    }

    /// The key it serves.
    #[must_use]
    pub fn key(&self) -> QueueKey {
        self.key.key()
    }

    /// Its process.
    #[must_use]
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
