//! In one sentence: whether all is well, and what to do if not.

use super::report::{RestingClient, ServerReport, ServerState, Waiting};
use crate::daemon::{DaemonReport, LastError, ServerPhase};
use crate::output::{counted, rough_age, utc};
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::queue::QueueStat;
use std::fmt::Display;

/// Share of the queue's or the outbox's places, in percent, from which on they are worth a word.
const CROWDED_PERCENT: u64 = 75;

/// From here on a request that is in hand is worth a word on the handler.
const SLOW_MS: u64 = 10_000;

/// Whether all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatVerdict {
    /// A word in `snake_case`.
    pub(super) condition: &'static str,
    pub(super) sentence: String,
}

/// The verdict on the queue and its server, without its door.
pub(super) fn verdict_on_queue(stat: &QueueStat, waiting: Option<&Waiting>, server: &ServerReport) -> StatVerdict {
    let fill = fill(stat, waiting);
    match (&server.daemon, server.state) {
        (Some(daemon), _) => of_daemon(stat, waiting, fill, daemon),
        (None, ServerState::Msgqd) => fill.unwrap_or_else(|| said("serving", "serving, as far as its lock shows")),
        (None, ServerState::Unknown) => {
            because("unknown", "what this user may see does not tell who serves this queue")
        }
        (None, ServerState::NotFound) => {
            let rest = fill.map_or_else(String::new, |fill| format!("; {}", fill.sentence));
            said("not_served", format!("not served by msgqd{rest}"))
        }
    }
}

/// A door that the operator has closed comes first, and what else there is to say behind it.
pub(super) fn with_closed_door(verdict: StatVerdict, closed: Option<&str>) -> StatVerdict {
    let Some(closed) = closed else { return verdict };
    let rest = match verdict.condition {
        "serving" => String::new(),
        _ => format!("; {}", verdict.sentence),
    };
    let condition = if matches!(verdict.condition, "serving" | "busy") { "closed" } else { verdict.condition };
    said(condition, format!("{closed}; open it with: msgqctl resume{rest}"))
}

/// A verdict that begins with its condition.
fn because(condition: &'static str, reason: impl Display) -> StatVerdict {
    said(condition, format!("{condition}: {reason}"))
}

fn said(condition: &'static str, sentence: impl Into<String>) -> StatVerdict {
    StatVerdict { condition, sentence: sentence.into() }
}

fn of_daemon(
    stat: &QueueStat,
    waiting: Option<&Waiting>,
    fill: Option<StatVerdict>,
    daemon: &DaemonReport,
) -> StatVerdict {
    let (pid, in_hand) = (daemon.pid, in_hand_or_outbox(daemon));
    let messages = counted(stat.messages, "message");
    match daemon.phase {
        ServerPhase::Serving => {
            let degraded = trouble(daemon).or(fill).or_else(|| outbox(daemon)).or_else(|| slow(daemon, waiting));
            degraded.unwrap_or_else(|| said("serving", "serving"))
        }
        ServerPhase::Starting => because("starting", format!("PID {pid} finishes what an earlier server had in hand")),
        ServerPhase::Draining => because("stopping", format!("PID {pid} finishes {in_hand}")),
        ServerPhase::Hangs => because(
            "hangs",
            format!(
                "PID {pid} has shown no sign of life for {} s; see what holds it (a debugger, SIGSTOP), or restart it: \
                 what it has in hand is finished then",
                daemon.silent_ms / 1000
            ),
        ),
        ServerPhase::Died => died(daemon, &messages),
        ServerPhase::Ended => because(
            "stopped",
            format!(
                "PID {pid} ended in order and kept its queue; {messages} wait for the next start (systemctl start \
                 msgqd)"
            ),
        ),
    }
}

fn in_hand_or_outbox(daemon: &DaemonReport) -> String {
    counted(daemon.in_hand.len() + daemon.outbox.answers, "request")
}

fn died(daemon: &DaemonReport, messages: &str) -> StatVerdict {
    let (pid, in_hand) = (daemon.pid, in_hand_or_outbox(daemon));
    let since = utc(i64::try_from(daemon.seen_alive_at_s).unwrap_or(i64::MAX));
    let error = match &daemon.last_error {
        Some(LastError { at_s, text }) => {
            let before = rough_age(daemon.seen_alive_at_s.saturating_sub(*at_s).saturating_mul(1000));
            format!("last error, {before} before: {text}")
        }
        None => "it had logged no error".to_owned(),
    };
    said(
        "down",
        format!(
            "down since about {since}: PID {pid} was killed or crashed; {error}; {in_hand} that it had in hand and \
             {messages} in the queue wait for the next start (systemctl start msgqd)"
        ),
    )
}

fn trouble(daemon: &DaemonReport) -> Option<StatVerdict> {
    let trouble = daemon.handler_trouble.as_ref()?;
    Some(because("degraded", format_args!("the handler is down, clients get errors: {trouble}")))
}

/// A word on a handler that is at one request for long.
fn slow(daemon: &DaemonReport, waiting: Option<&Waiting>) -> Option<StatVerdict> {
    let oldest = daemon.in_hand.iter().max_by_key(|held| held.age_ms).filter(|held| held.age_ms >= SLOW_MS)?;
    let (since, client) = (rough_age(oldest.age_ms), oldest.client);
    let behind = waiting.map_or_else(String::new, |waiting| format!(", and {} wait", waiting.requests));
    Some(because(
        "degraded",
        format_args!("a request of PID {client} is in hand for {since}{behind}: the handler is slow or stuck"),
    ))
}

/// A word on an outbox that is nearly full.
fn outbox(daemon: &DaemonReport) -> Option<StatVerdict> {
    let outbox = &daemon.outbox;
    let answers = u64::try_from(outbox.answers).unwrap_or(u64::MAX);
    if answers.saturating_mul(100) < u64::from(outbox.capacity).saturating_mul(CROWDED_PERCENT) {
        return None;
    }
    let heaviest = outbox.clients.first()?;
    let (capacity, held, client) = (outbox.capacity, heaviest.answers, heaviest.client);
    Some(because(
        "degraded",
        format_args!(
            "{answers} of {capacity} places of the outbox are taken, {held} by PID {client}; when it is full, who holds the \
         most loses answers first (`msgqctl explain {client}`, or a bigger `outbox_capacity`)"
        ),
    ))
}

/// A word on a queue that is nearly full.
fn fill(stat: &QueueStat, waiting: Option<&Waiting>) -> Option<StatVerdict> {
    let is_crowded = |used: u64| used.saturating_mul(100) >= stat.max_bytes.saturating_mul(CROWDED_PERCENT);
    if !is_crowded(stat.bytes) && !is_crowded(stat.messages) {
        return None;
    }
    // The kernel admits as many messages as bytes: small ones fill a queue by their number.
    let of_usual_size = stat.max_bytes / u64::try_from(BODY_LEN_LP64).unwrap_or(1);
    let places = if stat.messages > of_usual_size { stat.max_bytes } else { of_usual_size };
    let waiting = waiting?;
    if waiting.responses <= waiting.requests {
        return Some(because("busy", format!("{} requests wait for {places} places", waiting.requests)));
    }
    Some(because("degraded", held_by_others(places, waiting)))
}

fn held_by_others(places: u64, waiting: &Waiting) -> String {
    let (orphans, unread): (Vec<_>, Vec<_>) = waiting.clients.iter().partition(|client| client.is_orphan());
    let messages = |of: &[&RestingClient]| -> usize { of.iter().map(|client| client.messages).sum() };
    let (nobodys, held) = (messages(&orphans), messages(&unread));
    let rest = |number: usize, what: &str| match number {
        0 => String::new(),
        _ => format!("; {number} more {what}"),
    };
    let Some(heaviest) = unread.iter().max_by_key(|client| client.messages).filter(|_| held >= nobodys) else {
        let rest = rest(held, "wait for clients that do not read");
        return format!(
            "{nobodys} of {places} places are held by messages that nobody will read{rest}; msgqd removes \
             them by itself, `msgqctl purge` at once"
        );
    };
    let holders = counted(unread.len(), "client");
    let verb = if unread.len() == 1 { "does" } else { "do" };
    let (most, mtype) = (heaviest.messages, heaviest.mtype);
    let rest = rest(nobodys, "that nobody will read");
    format!(
        "{held} of {places} places are held by {holders} that {verb} not read, {most} of them by {mtype} \
         (`msgqctl explain {mtype}`){rest}"
    )
}
