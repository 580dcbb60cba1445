use crate::process::Process;
use crate::programs::test_client;
use crate::scratch::ScratchKey;
use msgq_core::queue::QueueKey;
use std::process::Command;

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
        let key = ScratchKey::new();
        let mut process = Process::start(Command::new(test_client("server")).arg(key.key().to_string()));
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
