//! A deadlocked queue in words, and the command that lets it run on: for every command that gives a verdict on a queue.
//! Changes nothing.

use crate::output::{counted, program_label};
use crate::target::Target;
use msgq_core::escape::escape;
use msgq_core::orphan::{Resting, Survey, SweepOptions};
use msgq_core::process::{ClientNumber, Liveness, liveness};
use msgq_core::queue::{BrowseLimits, QueueRole, QueueStat};
use msgq_core::waiters::{Deadlock, Spare, Waiter, Waiters, deadlock};
use std::sync::Arc;
use std::time::Duration;

/// Senders that a sentence names.
const NAMED: usize = 3;

/// So many of the oldest messages show of which type there are the most.
const ENOUGH_MESSAGES: usize = 1000;
/// Where many queues are looked at: what a look costs grows with the square of the messages.
const OLDEST_MESSAGES: usize = 2000;

/// What is said of a deadlocked queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadlockVerdict {
    pub(crate) sentence: String,
    /// The command that lets the server run on; `None` where nothing rests that could leave the queue.
    pub(crate) cure: Option<String>,
}

/// The verdict where the queue is deadlocked. `waiters` were seen at `seen_at_s`, seconds since 1970; the messages are looked
/// at later than that, and only where it may be.
pub(crate) fn verdict_on_deadlock(
    target: &Target,
    waiters: &Waiters,
    seen_at_s: u64,
    look: impl FnOnce() -> Option<Survey>,
) -> Option<DeadlockVerdict> {
    let of_queue = waiters.of(target.queue.id());
    if !of_queue.iter().any(|waiter| waiter.call.is_send()) {
        return None;
    }
    // Only a look after them tells whether they still stood then; and of the time before it, how long at least.
    let stat = target.queue.stat().ok()?;
    let mut survey = Survey::default();
    let found = deadlock(&stat, of_queue, i64::try_from(seen_at_s).unwrap_or(i64::MAX), || {
        survey = look().filter(|survey| survey.is_complete || survey.looked_at >= ENOUGH_MESSAGES)?;
        Some(survey.requests.iter().chain(&survey.responses).map(|(mtype, of_type)| (*mtype, *of_type)).collect())
    })?;
    let left_by_the_dead = left_by_the_dead(target, &stat, &survey);
    let is_enough = |left: &Resting| u64::try_from(left.bytes).is_ok_and(|bytes| bytes >= found.missing_bytes);
    let (cure, what_goes) = match left_by_the_dead.filter(is_enough) {
        Some(left) => (Some(purge(target, "")), what_the_dead_left(left, survey.is_complete)),
        None => match &found.spare {
            Some(spare) => (Some(take_out(target, spare)), what_is_spared(spare, survey.is_complete)),
            None => (None, String::new()),
        },
    };
    let sentence = format!("deadlocked: {}; {}{what_goes}", stuck(&found.server), others(&found, &stat));
    Some(DeadlockVerdict { sentence, cure })
}

/// A look for [`verdict_on_deadlock`] that takes no longer than this.
pub(crate) fn oldest_messages(target: &Target, time: Duration) -> Option<Survey> {
    Survey::of_queue(&target.queue, &target.messages, BrowseLimits { time, messages: OLDEST_MESSAGES }).ok()
}

/// Messages for dead clients, where it is known who is to read a message, and answers rest in this queue.
fn left_by_the_dead(target: &Target, stat: &QueueStat, survey: &Survey) -> Option<Resting> {
    if target.role != QueueRole::Both || target.why_unknown(stat).is_some() {
        return None;
    }
    let protocol = Arc::clone(&target.messages);
    let options = SweepOptions { protocol, ..SweepOptions::default() };
    let would_go = survey.responses.iter().filter(|(mtype, _)| options.lets_go(**mtype));
    let sum = |sum: Resting, it: Resting| Resting { messages: sum.messages + it.messages, bytes: sum.bytes + it.bytes };
    let left = would_go.map(|(_, of_type)| *of_type).fold(Resting::default(), sum);
    (left.messages > 0).then_some(left)
}

fn stuck(server: &Waiter) -> String {
    let name = program_label(Some(&escape(server.command.as_bytes())));
    format!(
        "PID {} ({name}), which takes the messages of this queue, itself waits in msgsnd for room in it, so nobody makes room",
        server.pid
    )
}

/// Who of the senders lives.
fn others(found: &Deadlock, stat: &QueueStat) -> String {
    if found.senders.is_empty() {
        let last = ClientNumber::new(stat.last_send_pid).filter(|last| last.pid() != Some(found.server.pid));
        let last = match last.map(|last| (last, liveness(last))) {
            Some((last, Ok(Liveness::Alive))) => format!(", and PID {last}, which sent last, lives"),
            Some((last, Ok(_))) => format!(", and PID {last}, which sent last, is gone"),
            _ => String::new(),
        };
        return format!("no other sender waits{last}");
    }
    let named = found.senders.iter().take(NAMED);
    let named =
        named.map(|sender| format!("{} ({})", sender.pid, program_label(Some(&escape(sender.command.as_bytes())))));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match found.senders.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match found.senders.len() {
        1 => format!("1 other sender lives and waits for room too: PID {named}"),
        senders => format!("{senders} other senders live and wait for room too: PIDs {named}{more}"),
    }
}

fn what_the_dead_left(left: Resting, are_all_seen: bool) -> String {
    let at_least = if are_all_seen { "" } else { "at least " };
    format!("; it runs on once what dead clients left is removed: {at_least}{}", counted(left.messages, "message"))
}

fn what_is_spared(spare: &Spare, are_all_seen: bool) -> String {
    let Spare { mtype, messages, of } = spare;
    let (they, them) = if *messages == 1 { ("is", "it") } else { ("are", "them") };
    let seen = if are_all_seen { "" } else { " that were looked at" };
    format!(
        "; it runs on once {messages} of the {} of type {mtype}{seen} {they} out of the way, in a file from which \
         `msgqctl restore` puts {them} back",
        counted(*of, "message")
    )
}

fn take_out(target: &Target, spare: &Spare) -> String {
    let Spare { mtype, messages, .. } = spare;
    let queue = target.queue.key().map_or_else(|| target.queue.id().to_string(), |key| key.to_string());
    purge(target, &format!(" --type {mtype} --limit {messages} --save queue-{queue}-type-{mtype}.jsonl --append --yes"))
}

fn purge(target: &Target, options: &str) -> String {
    let queue = match target.queue.key() {
        Some(key) => format!("--key {key}"),
        None => format!("--msqid {}", target.queue.id()),
    };
    // What told the protocol must tell it again. Where a type is named it is not asked for.
    let protocol = if options.is_empty() { target.known.retold.as_str() } else { "" };
    format!("msgqctl {queue}{protocol} purge{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_look_did_not_come_to_is_not_called_absent() {
        let left = Resting { messages: 5110, bytes: 0 };
        assert!(what_the_dead_left(left, false).ends_with("is removed: at least 5110 messages"));
        assert!(what_the_dead_left(left, true).ends_with("is removed: 5110 messages"));
        let spare = Spare { mtype: 7, messages: 2, of: 5110 };
        let seen = what_is_spared(&spare, false);
        assert!(seen.contains("2 of the 5110 messages of type 7 that were looked at are out of the way"), "{seen}");
    }
}
