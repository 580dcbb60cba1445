//! A pool of the operator's long-running programs, spoken to on their standard input and output.

mod process;

use super::pool::{Limits, Pool};
use super::process::ProgramSettings;
use super::{Handler, HandlerRequest, Reply};
use process::Programs;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// What [`WorkerPool`] runs, and within which limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    /// The program; it speaks the handler protocol (docs/handler-protocol.md) on stdin and stdout.
    pub program: ProgramSettings,
    /// Processes of it, and so requests at the same time; 0 counts as 1.
    pub processes: usize,
    /// Time for a request, from when it was taken from the queue until its answer is there.
    pub timeout: Duration,
    /// Time for a process to say hello.
    pub start_timeout: Duration,
    /// Time for a process to finish after its stdin is closed, and again for its process group to end after SIGTERM,
    /// before SIGKILL.
    pub kill_grace: Duration,
    /// Requests after which a process is replaced; `None`: never.
    pub max_requests: Option<u64>,
    /// True when a request may be run a second time: one whose process broke is then given to another.
    pub idempotent: bool,
}

/// Long-running processes that answer one request at a time each.
///
/// All are started at once and kept running. One that ends, answers nonsense or misses a deadline is ended with its
/// process group and replaced, after a pause that doubles from 100 ms to 30 s with each failure in a row and is over
/// when a request is answered. With no process left after three failures in a row the handler is down: requests are
/// refused at once, and the program is tried again after each pause, with or without requests.
pub struct WorkerPool {
    pool: Pool<Programs>,
}

impl WorkerPool {
    /// Starts the processes. It does not wait for them, and a program that cannot be started is no error here: see
    /// [`Handler::trouble`].
    ///
    /// # Errors
    /// The daemon has no descriptor or no thread left for the pool itself.
    pub fn new(settings: &WorkerSettings) -> io::Result<Self> {
        let limits = Limits {
            size: settings.processes,
            timeout: settings.timeout,
            max_requests: settings.max_requests,
            idempotent: settings.idempotent,
        };
        Ok(Self { pool: Pool::new(Programs::new(settings), limits)? })
    }
}

impl fmt::Debug for WorkerPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WorkerPool").field("programs", self.pool.backend()).finish_non_exhaustive()
    }
}

impl Handler for WorkerPool {
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
        self.pool.ask(request)
    }

    fn concurrency(&self) -> usize {
        self.pool.size()
    }

    fn name(&self) -> &'static str {
        "worker"
    }

    fn trouble(&self) -> Option<String> {
        self.pool.trouble()
    }

    fn abort(&self) {
        self.pool.abort();
    }

    fn stop(&self, deadline: Instant) {
        self.pool.stop(deadline);
        self.pool.backend().close_log();
    }
}
