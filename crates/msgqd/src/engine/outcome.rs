//! What became of requests in the handler, as it is counted.

use super::events::Events;
use crate::handler::{Handler, HandlerRequest, Outcome, Reply};
use crate::panics::caught;
use msgq_core::table::Metrics;

/// What the handler answers, counted. One that panics has failed on this request and goes on with the next.
#[inline]
pub(super) fn handled(
    handler: &dyn Handler,
    request: &HandlerRequest<'_>,
    metrics: &Metrics<'_>,
    events: &Events,
) -> Reply {
    let reply = caught(|| checked(handler.handle(request), request)).unwrap_or_else(|panic| {
        events.handler_panicked.of(request.client).error(|| {
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

/// As [`handled`], where nobody gets the reply: it says what became of the request, and need not be one that the protocol
/// can carry.
pub(super) fn handled_one_way(
    handler: &dyn Handler,
    request: &HandlerRequest<'_>,
    metrics: &Metrics<'_>,
    events: &Events,
) -> Reply {
    let reply = caught(|| handler.handle(request)).unwrap_or_else(|panic| {
        let name = handler.name();
        events.handler_panicked.error(|| format!("the handler {name} panicked on request {}: {panic}", request.id));
        Reply::failure(Outcome::Broken, &format!("the handler panicked: {panic}"))
    });
    count_outcome(metrics, reply.outcome());
    reply
}

/// The reply, or an error in its place when the protocol cannot carry it, in one message or in parts.
#[inline]
fn checked(reply: Reply, request: &HandlerRequest<'_>) -> Reply {
    match reply.fault(request) {
        None => reply,
        Some(fault) => Reply::failure(Outcome::Broken, &fault),
    }
}

#[inline]
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
