//! What stands behind the queue: one trait, and one file for each kind of handler. Knows nothing of the engine.

mod build;
mod echo;
mod exec;
mod framing;
mod pool;
mod process;

pub use build::build_handler;
pub use echo::Echo;
pub(crate) use process::{adopt_strays, reap_strays};

use msgq_core::layout::MAX_RESPONSE_TEXT_LEN;
use msgq_core::process::ClientPid;
use std::time::Instant;

/// One request, as a handler sees it.
#[derive(Debug, Clone, Copy)]
pub struct HandlerRequest<'a> {
    /// The PID that the request names; its answer goes to that process.
    pub client: ClientPid,
    /// Number of the request, from 1. It grows with each; after a crash it goes on behind those that were in hand.
    pub id: u64,
    /// The text, 0 to 256 bytes, any bytes but NUL.
    pub text: &'a [u8],
    /// When it was taken from the queue. A handler's own deadline counts from here.
    pub received_at: Instant,
}

/// What became of a request, for the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// The handler did its work and says so.
    #[default]
    Done,
    /// The operator's program answered that it failed.
    Failed,
    /// The deadline passed first.
    TimedOut,
    /// The operator's program broke while it worked: it died, closed its output, or answered nonsense.
    Broken,
    /// The operator's program could not be asked at all: it cannot be started or reached.
    Unavailable,
}

/// The answer, built in place: no allocation, and never longer than a frame can carry.
#[derive(Debug, Clone)]
pub struct Reply {
    status: i32,
    outcome: Outcome,
    text: [u8; TEXT_ROOM],
    len: usize,
}

/// One character more than fits, so that a cut in the middle of a character is noticed and mended by the frame.
const TEXT_ROOM: usize = MAX_RESPONSE_TEXT_LEN + 4;

impl Reply {
    /// An empty answer with status 0.
    #[must_use]
    pub fn new() -> Self {
        Self { status: 0, outcome: Outcome::Done, text: [0; TEXT_ROOM], len: 0 }
    }

    /// An error (-1) with a text that says what happened.
    #[must_use]
    pub fn error(text: &str) -> Self {
        Self::failure(Outcome::Failed, text)
    }

    /// An error (-1) with a text that says what happened, counted as `outcome`.
    #[must_use]
    pub fn failure(outcome: Outcome, text: &str) -> Self {
        let mut reply = Self::new();
        reply.set_status(-1);
        reply.outcome = outcome;
        reply.push(text.as_bytes());
        reply
    }

    /// Sets how the request is counted.
    pub fn set_outcome(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// How the request is counted.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Sets the status: 0 is success, -1 an error; other numbers are the handler's own.
    pub fn set_status(&mut self, status: i32) {
        self.status = status;
    }

    /// Adds text. What is beyond 255 bytes is dropped when the frame is made.
    pub fn push(&mut self, text: &[u8]) {
        let room = self.text.get_mut(self.len..).unwrap_or_default();
        let taken = room.len().min(text.len());
        if let (Some(room), Some(text)) = (room.get_mut(..taken), text.get(..taken)) {
            room.copy_from_slice(text);
        }
        self.len += taken;
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.status
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }
}

impl Default for Reply {
    fn default() -> Self {
        Self::new()
    }
}

/// The operator's logic.
///
/// `handle` is called by several threads at once, at most as many as there are workers. It may block: other workers go
/// on, and requests wait in the queue meanwhile. When it panics the client gets an error, which is counted as
/// [`Outcome::Broken`] and logged, and the worker goes on; where the program is built with `panic = "abort"` it ends.
pub trait Handler: Send + Sync {
    /// Answers one request.
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply;

    /// How many requests this handler can work on at the same time; the number of workers when the configuration says
    /// "auto".
    fn concurrency(&self) -> usize;

    /// Bytes of stack of each thread that calls `handle`. An overflow ends the process.
    fn stack_size(&self) -> usize {
        256 * 1024
    }

    /// A word for the log and for STATUS=.
    fn name(&self) -> &'static str;

    /// A sentence while the operator's logic is down as a whole, for STATUS= and `msgqctl stat`; `None` while it works.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// The time of the service is over while requests are in `handle`: ends what is worked on, so that `handle` returns
    /// soon. What it returns is not used any more.
    fn abort(&self) {}

    /// The service ends, or another handler takes over: no request is in `handle` any more. Ends what was started, at
    /// the latest at `deadline`.
    fn stop(&self, deadline: Instant) {
        let _ = deadline;
    }
}
