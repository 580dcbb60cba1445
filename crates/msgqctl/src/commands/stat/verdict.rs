//! In one sentence: whether all is well, and what to do if not.

use super::dead_letters::DeadLettersWaiting;
use super::queue_report::{RestingClient, Waiting};
use super::report::{ServerReport, ServerState};
use crate::condition::Condition;
use crate::daemon::{DaemonReport, LastError, ServerPhase};
use crate::output::{counted, moment, rough_age};
use crate::system::names::client_label;
use msgq_core::queue::QueueStat;
use std::fmt::Display;

/// Share of the queue's or the outbox's places, in percent, from which on they are worth a word.
const CROWDED_PERCENT: u64 = 75;

/// From here on a request that is in hand is worth a word on the handler.
const SLOW_MS: u64 = 10_000;

/// From here on an answer that waits for room in its client's own queue is worth a word.
const FULL_MS: u64 = 1000;

/// What `stat` says first: whether all is well, and what to do if not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatVerdict {
    pub(super) condition: Condition,
    pub(super) sentence: String,
}

/// The verdict on the queue and its server, without its door.
pub(super) fn verdict_on_queue(stat: &QueueStat, waiting: Option<&Waiting>, server: &ServerReport) -> StatVerdict {
    let fill = || fill(stat, waiting);
    match (&server.daemon, server.state) {
        (Some(daemon), _) => of_daemon(stat, waiting, fill(), daemon),
        (None, ServerState::Msgqd) => {
            fill().unwrap_or_else(|| said(Condition::Serving, "serving, as far as its lock shows"))
        }
        (None, ServerState::Unknown) => {
            because(Condition::Unknown, "what this user may see does not tell who serves this queue")
        }
        (None, ServerState::NotFound) => {
            said(Condition::NotServed, format!("not served by msgqd{}", foreign_fill(stat)))
        }
    }
}

/// A word on a queue that is nearly full and of which it is not known who fills it.
fn foreign_fill(stat: &QueueStat) -> String {
    let percent = stat.bytes.max(stat.messages).saturating_mul(100).checked_div(stat.max_bytes).unwrap_or(100);
    if percent < CROWDED_PERCENT { String::new() } else { format!("; it is {percent} % full") }
}

/// A queue of a client's own that is full is no trouble of the server's, but its client waits.
pub(super) fn with_full_queues(verdict: StatVerdict, daemon: Option<&DaemonReport>) -> StatVerdict {
    let Some(outbox) = daemon.map(|daemon| &daemon.outbox).filter(|_| verdict.condition == Condition::Serving) else {
        return verdict;
    };
    let waiting: Vec<_> = outbox.clients.iter().filter(|row| row.oldest_ms >= FULL_MS).collect();
    let Some(heaviest) = waiting.first() else { return verdict };
    let held: usize = waiting.iter().map(|row| row.answers).sum();
    let (answers, wait) = (counted(held, "answer"), waits(held));
    let clients = counted(waiting.len(), "client");
    let whose = if waiting.len() == 1 { "whose own queue takes no more" } else { "whose own queues take no more" };
    let StatVerdict { condition, sentence } = verdict;
    let client = heaviest.client;
    said(condition, format!("{sentence}; {answers} {wait} for {clients} {whose} (`msgqctl explain {client}`)"))
}

/// Dead letters are no trouble of the server, but somebody should look at them.
pub(super) fn with_dead_letters(verdict: StatVerdict, waiting: Option<&DeadLettersWaiting>) -> StatVerdict {
    let Some(waiting) = waiting.filter(|waiting| waiting.letters > 0) else { return verdict };
    let StatVerdict { condition, sentence } = verdict;
    let (letters, at_least) =
        (counted(waiting.letters, "dead letter"), if waiting.is_complete { "" } else { "at least " });
    let wait = waits(waiting.letters);
    said(condition, format!("{sentence}; {at_least}{letters} {wait}, messages that no handler took: msgqctl dead list"))
}

/// A door that the operator has closed comes first, and what else there is to say behind it.
pub(super) fn with_closed_door(verdict: StatVerdict, closed: Option<&str>) -> StatVerdict {
    let Some(closed) = closed else { return verdict };
    let rest = match verdict.condition {
        Condition::Serving => String::new(),
        _ => format!("; {}", verdict.sentence),
    };
    let condition = if matches!(verdict.condition, Condition::Serving | Condition::Busy) {
        Condition::Closed
    } else {
        verdict.condition
    };
    said(condition, format!("{closed}; open it with: msgqctl resume{rest}"))
}

/// A verdict that begins with its condition.
pub(super) fn because(condition: Condition, reason: impl Display) -> StatVerdict {
    said(condition, format!("{condition}: {reason}"))
}

fn said(condition: Condition, sentence: impl Into<String>) -> StatVerdict {
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
            // A handler that is stuck is why requests fill the queue, so it comes before that.
            let degraded = trouble(daemon).or_else(|| slow(daemon, waiting)).or(fill).or_else(|| outbox(daemon));
            degraded.unwrap_or_else(|| said(Condition::Serving, "serving"))
        }
        ServerPhase::Starting => {
            because(Condition::Starting, format!("PID {pid} finishes what an earlier server had in hand"))
        }
        ServerPhase::Draining => because(Condition::Stopping, format!("PID {pid} finishes {in_hand}")),
        ServerPhase::Hangs => because(
            Condition::Hangs,
            format!(
                "PID {pid} has shown no sign of life for {} s; see what holds it (a debugger, SIGSTOP), or restart it: \
                 what it has in hand is finished then",
                daemon.silent_ms / 1000
            ),
        ),
        ServerPhase::Died => died(daemon, &messages),
        ServerPhase::Ended => because(
            Condition::Stopped,
            format!(
                "PID {pid} ended in order and kept its queue; {messages} {} for the next start (systemctl start {})",
                waits(stat.messages),
                daemon.unit
            ),
        ),
    }
}

fn in_hand_or_outbox(daemon: &DaemonReport) -> String {
    counted(daemon.in_hand.len() + daemon.outbox.answers, "request")
}

fn died(daemon: &DaemonReport, messages: &str) -> StatVerdict {
    let (pid, in_hand) = (daemon.pid, in_hand_or_outbox(daemon));
    let since = moment(i64::try_from(daemon.seen_alive_at_s).unwrap_or(i64::MAX));
    let error = match &daemon.last_error {
        Some(LastError { at_s, text }) => {
            let before = rough_age(daemon.seen_alive_at_s.saturating_sub(*at_s).saturating_mul(1000));
            format!("last error, {before} before: {text}")
        }
        None => "it had logged no error".to_owned(),
    };
    said(
        Condition::Down,
        format!(
            "down since about {since}: PID {pid} was killed or crashed; {error}; {in_hand} that it had in hand and \
             {messages} in the queue wait for the next start (systemctl start {})",
            daemon.unit
        ),
    )
}

fn trouble(daemon: &DaemonReport) -> Option<StatVerdict> {
    let trouble = daemon.handler_trouble.as_ref()?;
    Some(because(Condition::Degraded, format_args!("the handler is down, clients get errors: {trouble}")))
}

fn waits<N: Copy + PartialEq + From<u8>>(number: N) -> &'static str {
    if number == N::from(1) { "waits" } else { "wait" }
}

/// A word on a handler that is at one request for long.
fn slow(daemon: &DaemonReport, waiting: Option<&Waiting>) -> Option<StatVerdict> {
    let oldest = daemon.in_hand.iter().max_by_key(|held| held.age_ms).filter(|held| held.age_ms >= SLOW_MS)?;
    let (since, client) = (rough_age(oldest.age_ms), client_label(oldest.client, oldest.state));
    let behind =
        waiting.map_or_else(String::new, |waiting| format!(", and {} {}", waiting.requests, waits(waiting.requests)));
    if daemon.counters.retried > 0 {
        let reason = format!(
            "a message of {client} is in hand for {since}{behind}: the handler fails and it is tried again, or the handler is \
             slow or stuck; {} so far, and the log says why",
            counted(daemon.counters.retried, "new try")
        );
        return Some(because(Condition::Degraded, reason));
    }
    Some(because(
        Condition::Degraded,
        format_args!("a request of {client} is in hand for {since}{behind}: the handler is slow or stuck"),
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
    let who = client_label(client, heaviest.state);
    Some(because(
        Condition::Degraded,
        format_args!(
            "{answers} of {capacity} places of the outbox are taken, {held} by {who}; when it is full, who holds the \
         most loses answers first (`msgqctl explain {client}`, or a bigger `outbox_capacity`)"
        ),
    ))
}

/// A word on a queue that is nearly full.
fn fill(stat: &QueueStat, waiting: Option<&Waiting>) -> Option<StatVerdict> {
    if !is_crowded(stat) {
        return None;
    }
    let places = places_of_this_size(stat);
    let waiting = waiting?;
    if waiting.responses <= waiting.requests {
        let (requests, places) = (counted(waiting.requests, "request"), counted(places, "place"));
        let reason = format!("{requests} {} for {places}", waits(waiting.requests));
        return Some(because(Condition::Busy, reason));
    }
    Some(because(Condition::Degraded, held_by_others(places, waiting)))
}

/// A word on a second queue that is nearly full.
pub(super) fn crowded_by_answers(key: &str, stat: &QueueStat, waiting: Option<&Waiting>) -> Option<StatVerdict> {
    if !is_crowded(stat) {
        return None;
    }
    let places = places_of_this_size(stat);
    let held = waiting.map(|waiting| held_by_others(places, waiting));
    let held = held.unwrap_or_else(|| format!("{} taken", of_places(stat.messages, places)));
    Some(because(Condition::Degraded, format!("of queue {key}, into which answers go, {held}")))
}

fn is_crowded(stat: &QueueStat) -> bool {
    stat.bytes.max(stat.messages).saturating_mul(100) >= stat.max_bytes.saturating_mul(CROWDED_PERCENT)
}

/// How many messages of the size of those that are there the queue can take. The kernel admits as many messages as bytes:
/// small ones fill a queue by their number.
fn places_of_this_size(stat: &QueueStat) -> u64 {
    let places = stat.max_bytes.saturating_mul(stat.messages).checked_div(stat.bytes);
    places.map_or(stat.max_bytes, |places| places.min(stat.max_bytes))
}

/// How many of the places, and the verb.
fn of_places<N: Copy + Display + PartialEq + From<u8>>(number: N, places: u64) -> String {
    let verb = if number == N::from(1) { "is" } else { "are" };
    format!("{number} of {} {verb}", counted(places, "place"))
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
        let rest = rest(held, &format!("{} for clients that do not read", waits(held)));
        let held = of_places(nobodys, places);
        return format!(
            "{held} held by messages that nobody will read{rest}; msgqd removes \
             them by itself, `msgqctl purge` at once"
        );
    };
    let holders = counted(unread.len(), "client");
    let verb = if unread.len() == 1 { "does" } else { "do" };
    let (most, client) = (heaviest.messages, heaviest.client.unwrap_or(heaviest.mtype));
    let rest = rest(nobodys, "that nobody will read");
    let held = of_places(held, places);
    format!(
        "{held} held by {holders} that {verb} not read, {most} of them by {client} \
         (`msgqctl explain {client}`){rest}"
    )
}
