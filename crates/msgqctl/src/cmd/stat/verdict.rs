//! In one sentence: whether all is well, and what to do if not.

use crate::report::{InsideReport, ServerPhase, ServerReport, ServerState, Waiting};
use msgq_core::frame::BODY_LEN_LP64;
use msgq_core::queue::QueueStat;

/// Share of the queue's places, in percent, from which on answers that nobody reads are worth a word.
const CROWDED_PERCENT: u64 = 75;

pub(super) fn of(stat: &QueueStat, waiting: Option<&Waiting>, server: &ServerReport) -> String {
    match (&server.inside, server.state) {
        (Some(inside), _) => of_daemon(stat, waiting, inside),
        (None, ServerState::Msgqd) => fill(stat, waiting).unwrap_or_else(|| "serving".to_owned()),
        (None, ServerState::Unknown) => "unknown: what this user may see does not tell who serves".to_owned(),
        (None, ServerState::NotFound) => {
            let rest = fill(stat, waiting).map_or_else(String::new, |fill| format!("; {fill}"));
            format!("not served by msgqd{rest}")
        }
    }
}

fn of_daemon(stat: &QueueStat, waiting: Option<&Waiting>, inside: &InsideReport) -> String {
    let InsideReport { pid, .. } = inside;
    let in_hand = inside.in_hand.len() + inside.outbox.answers;
    match inside.phase {
        ServerPhase::Serving if inside.handler_trouble.is_some() => format!(
            "degraded: the handler is down, clients get errors: {}",
            inside.handler_trouble.as_deref().unwrap_or_default()
        ),
        ServerPhase::Serving => fill(stat, waiting).unwrap_or_else(|| "serving".to_owned()),
        ServerPhase::Starting => format!("starting: PID {pid} finishes what an earlier server had in hand"),
        ServerPhase::Draining => format!("stopping: PID {pid} finishes {in_hand} requests"),
        ServerPhase::Hangs => format!(
            "hangs: PID {pid} has shown no sign of life for {} s; see what holds it (a debugger, SIGSTOP), or restart \
             it: what it has in hand is finished then",
            inside.silent_ms / 1000
        ),
        ServerPhase::Died => format!(
            "down: PID {pid} was killed or crashed; {in_hand} requests that it had in hand and {} messages in the queue \
             wait for the next start (systemctl start msgqd)",
            stat.messages
        ),
        ServerPhase::Ended => format!(
            "stopped: PID {pid} ended in order and kept its queue; {} messages wait for the next start (systemctl start \
             msgqd)",
            stat.messages
        ),
    }
}

/// A word on a queue that is nearly full.
fn fill(stat: &QueueStat, waiting: Option<&Waiting>) -> Option<String> {
    let is_crowded = |used: u64| used.saturating_mul(100) >= stat.max_bytes.saturating_mul(CROWDED_PERCENT);
    if !is_crowded(stat.bytes) && !is_crowded(stat.messages) {
        return None;
    }
    let places = stat.max_bytes / u64::try_from(BODY_LEN_LP64).unwrap_or(1);
    let waiting = waiting?;
    if waiting.responses > waiting.requests {
        let (answers, clients) = (waiting.responses, waiting.clients.len());
        return Some(format!("degraded: {answers} of {places} places are held by {clients} clients that do not read"));
    }
    Some(format!("busy: {} requests wait for {places} places", waiting.requests))
}
