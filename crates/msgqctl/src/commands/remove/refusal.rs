//! Which queues may not be removed, and why.

use super::report::name;
use crate::failure::{Failure, Status};
use crate::overview::{QueueFacts, QueueServerState, QueueVerdict, UnseenWaiters, UserState, WaiterRow};
use msgq_core::queue::{Queue, QueueStat};
use msgq_core::waiters::Waiters;

/// An error for a queue that somebody uses, or may use.
pub(super) fn check_is_removable(facts: &QueueFacts, is_forced: bool) -> Result<(), Failure> {
    let refused =
        |message: String| Err(Failure::new(Status::Other, format!("{}: {message}; nothing was removed", name(facts))));
    if matches!(facts.server.state, QueueServerState::Serving | QueueServerState::Hangs) {
        let server = facts.server.label().unwrap_or_default();
        return refused(format!(
            "{server} serves it; a stop of the service removes it with its table, unless `on_stop` says \"keep\": `systemctl \
             stop {}`, or SIGTERM where it was started by hand",
            facts.server.unit()
        ));
    }
    let reasons = uses(facts);
    if reasons.is_empty() || is_forced {
        return Ok(());
    }
    refused(format!("{}; --force removes it all the same, and whoever waits on it gets EIDRM", reasons.join(", and ")))
}

/// What speaks for somebody's using it.
fn uses(facts: &QueueFacts) -> Vec<String> {
    let mut reasons = Vec::new();
    match facts.server.state {
        QueueServerState::Gone => {
            reasons.push("a msgqd served it until it ended, and its next start would finish what is in it".to_owned());
        }
        QueueServerState::Hidden => reasons.push("whether a msgqd serves it is hidden from this user".to_owned()),
        _ => {}
    }
    reasons.extend(waiting(&facts.receivers, "messages"));
    reasons.extend(waiting(&facts.senders, "room"));
    if let Some(unseen) = facts.unseen_waiters {
        let advice = if unseen == UnseenWaiters::Hidden { "; root sees it" } else { "; run it again" };
        reasons.push(format!("{}{advice}", unseen.sentence()));
    }
    // A msgqd only sends to a queue of a client's own, which is gone.
    if facts.verdict() != QueueVerdict::Abandoned && !facts.is_sent_to_by_msgqd_alone() {
        for (last, did) in [(&facts.last_send, "sent last"), (&facts.last_receive, "received last")] {
            let Some(last) = last else { continue };
            match last.state {
                UserState::Gone => {}
                UserState::Alive => reasons.push(format!("{} {did} and lives", last.label())),
                UserState::Reused | UserState::Unknown => reasons.push(format!("{} {did} and may live", last.label())),
            }
        }
    }
    reasons
}

fn waiting(waiters: &[WaiterRow], what: &str) -> Option<String> {
    let first = waiters.first()?.label();
    Some(match waiters.len() {
        1 => format!("{first} waits for {what}"),
        more => format!("{first} and {} more wait for {what}", more - 1),
    })
}

/// Something moved since it was looked at, or somebody waits on it by now.
pub(super) fn is_used_since(queue: &Queue, seen: &QueueStat) -> bool {
    let waiters = Waiters::look();
    let has_halted = waiters.halted().iter().any(|waiter| waiter.call.msqid() == seen.msqid);
    let has_waiters = has_halted || !waiters.of(seen.msqid).is_empty();
    has_waiters || queue.stat_of_any().is_ok_and(|now| now != *seen)
}
