//! What became of requests in the handler, as it is counted.

use super::events::Events;
use crate::handler::{Handler, HandlerRequest, Outcome, Reply};
use crate::panics::caught;
use msgq_core::table::Metrics;

/// What the handler answers, counted. One that panics has failed on this request and goes on with the next.
pub(super) fn handled(
    handler: &dyn Handler,
    request: &HandlerRequest<'_>,
    metrics: &Metrics<'_>,
    events: &Events,
) -> Reply {
    let reply = caught(|| handler.handle(request)).unwrap_or_else(|panic| {
        events.handler_panicked.error(|| {
            format!(
                "the handler {} panicked on request {} of client {}: {panic}; the client gets an error",
                handler.name(),
                request.id,
                request.client
            )
        });
        Reply::failure(Outcome::Broken, "the server's handler broke on this request; outcome unknown")
    });
    count_outcome(metrics, reply.outcome());
    reply
}

fn count_outcome(metrics: &Metrics<'_>, outcome: Outcome) {
    let counters = metrics.counters();
    metrics.add(match outcome {
        Outcome::Done => &counters.handler_done,
        Outcome::Failed => &counters.handler_failed,
        Outcome::TimedOut => &counters.handler_timed_out,
        Outcome::Broken => &counters.handler_broken,
        Outcome::Unavailable => &counters.handler_unavailable,
    });
}
