//! What stands behind the queue: one trait, and one file for each kind of handler. Knows nothing of the engine.

mod build;
mod echo;
mod exec;
mod framing;
mod passing;
mod payload;
mod pool;
mod process;
mod reply;
mod request;

pub(crate) use build::Demand;
pub use build::{build_handler, check_handler};
pub use echo::Echo;
pub(crate) use process::{adopt_strays, raise_descriptor_limit, reap_strays};
pub use reply::{Outcome, Reply};
pub use request::HandlerRequest;

use std::time::{Duration, Instant};

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

    /// The longest that `handle` takes, as far as the handler sees to that itself; `None` where nothing bounds it. A
    /// request that takes 10 s longer counts as a fault of the daemon, and the watchdog restarts it.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

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
