//! What became of requests in the handler, as it is counted.

use crate::handler::Outcome;
use msgq_core::table::Metrics;

/// Counts what became of a request in the handler.
pub(super) fn count_outcome(metrics: &Metrics<'_>, outcome: Outcome) {
    let counters = metrics.counters();
    metrics.add(match outcome {
        Outcome::Done => &counters.handler_done,
        Outcome::Failed => &counters.handler_failed,
        Outcome::TimedOut => &counters.handler_timed_out,
        Outcome::Broken => &counters.handler_broken,
        Outcome::Unavailable => &counters.handler_unavailable,
    });
}
