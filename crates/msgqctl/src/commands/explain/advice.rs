//! How a client's story stands, and what to do, in one or two sentences.

use super::report::{ClientIdentity, ExplainReport};
use crate::daemon::ServerPhase;
use crate::output::{counted, rough_age};
use crate::procfs::Waits;

/// From here on a request that is in hand is worth a word on the handler.
const SLOW_MS: u64 = 10_000;

pub(super) fn verdict_on_client(report: &ExplainReport) -> String {
    let name = report.program.as_deref().map_or_else(String::new, |program| format!(" ({program})"));
    let who = format!("PID {}{name}", report.pid);
    if matches!(report.state, "dead" | "zombie") {
        return of_the_dead(report, &who);
    }
    if report.identity == ClientIdentity::Reused && has_answers(report) {
        return format!(
            "{who} is not the process that asked: its number was given out again; the server removes what was meant \
             for its predecessor when it sees that"
        );
    }
    match report.waits {
        Some(Waits::Msgrcv { msgtyp, .. }) if msgtyp != i64::from(report.pid) && msgtyp != 0 => format!(
            "{who} waits for messages of type {msgtyp}, but answers to it have its own number {} as their type: its \
             program must wait for that",
            report.pid
        ),
        _ if report.is_stopped => {
            format!(
                "{who} is stopped, by a signal or a debugger, and reads nothing; `kill -CONT {}` lets it go on",
                report.pid
            )
        }
        _ => of_the_living(report, &who),
    }
}

fn has_answers(report: &ExplainReport) -> bool {
    report.resting.messages > 0 || !report.outbox.is_empty()
}

fn of_the_dead(report: &ExplainReport, who: &str) -> String {
    let is = if report.state == "zombie" { "has ended and waits for its parent (zombie)" } else { "does not exist" };
    if !has_answers(report) && report.requests.is_empty() && report.in_hand.is_empty() {
        return format!("{who} {is}; nothing waits for it and nothing of it waits");
    }
    let answers = report.resting.messages;
    let removal = match report.server {
        Some(ServerPhase::Serving) => "the server drops what it asked for and removes what rests for it".to_owned(),
        _ if answers == 0 => "its requests will be dropped by the server that takes them".to_owned(),
        _ => {
            format!("`msgqctl purge --pid {}` removes {} that nobody will read", report.pid, counted(answers, "answer"))
        }
    };
    format!("{who} {is}; {removal}")
}

fn of_the_living(report: &ExplainReport, who: &str) -> String {
    // Whatever else is under way, it would not read that either.
    if has_answers(report) && !matches!(report.waits, Some(Waits::Msgrcv { .. })) {
        return unread(report, who);
    }
    if let Some(held) = report.in_hand.first() {
        let since = rough_age(held.age_ms);
        return match report.server {
            Some(ServerPhase::Serving | ServerPhase::Draining) if held.age_ms < SLOW_MS => {
                format!("{who} has a request in hand for {since}: the handler works on it, or its answer is on the way")
            }
            Some(ServerPhase::Serving | ServerPhase::Draining) => {
                format!("{who} has a request in hand for {since}: the handler is slow or stuck; see what it does")
            }
            _ => format!("{who} has a request in the hand of a server that {}", down(report)),
        };
    }
    if let Some(request) = report.requests.first() {
        let (place, all) = (request.place, report.requests_of_all);
        return match report.server {
            Some(ServerPhase::Serving) => format!("{who} waits: its request is number {place} of {all} in the queue"),
            Some(_) => format!(
                "{who} waits: its request is number {place} of {all} in the queue of a server that {}",
                down(report)
            ),
            None => format!(
                "{who} waits: its request is number {place} of {all} in the queue; whether anybody serves it is not \
                 known here (`msgqctl stat`)"
            ),
        };
    }
    if has_answers(report) { unread(report, who) } else { nothing(report, who) }
}

fn down(report: &ExplainReport) -> &'static str {
    match report.server {
        Some(ServerPhase::Hangs) => "hangs: restart it, and nothing of that is lost (systemctl restart msgqd)",
        Some(ServerPhase::Died) => "died: start it, and nothing of that is lost (systemctl start msgqd)",
        Some(ServerPhase::Ended) => "was stopped: start it (systemctl start msgqd)",
        Some(ServerPhase::Starting) => "is starting: wait a moment",
        _ => "does not take requests now",
    }
}

fn unread(report: &ExplainReport, who: &str) -> String {
    let (pid, rest) = (report.pid, report.resting.messages);
    let held = report.outbox.iter().filter(|held| held.state != "offered").count();
    let mut what = match (rest, held) {
        (0, _) => format!("{} for it {} in the outbox, for room in the queue", counted(held, "answer"), verb(held)),
        (_, 0) => {
            format!("{} for it {} in the queue", counted(rest, "answer"), if rest == 1 { "rests" } else { "rest" })
        }
        _ => format!("{} for it in the queue and {held} in the outbox wait", counted(rest, "answer")),
    };
    if held > 0 && matches!(report.server, Some(ServerPhase::Died | ServerPhase::Hangs | ServerPhase::Ended)) {
        what.push_str(&format!(" (of a server that {})", down(report)));
    }
    match report.waits {
        Some(Waits::Msgsnd { .. }) => format!(
            "{who} waits for room to send while {what}: its program must read its answers before it asks again; \
             `msgqctl purge --pid {pid} --force` drops those in the queue"
        ),
        Some(Waits::Msgrcv { .. }) => format!("{who} is about to read: {what}"),
        None => format!(
            "{who} does not read: {what}; see what it does instead, or drop those in the queue with `msgqctl purge \
             --pid {pid} --force`"
        ),
    }
}

fn verb(number: usize) -> &'static str {
    if number == 1 { "waits" } else { "wait" }
}

fn nothing(report: &ExplainReport, who: &str) -> String {
    match report.waits {
        Some(Waits::Msgrcv { .. }) => format!(
            "{who} waits for an answer, and none is on its way: its request was refused, its answer was dropped or \
             read by somebody else, or it never asked; `journalctl -u msgqd` tells of what was refused or dropped"
        ),
        Some(Waits::Msgsnd { .. }) => {
            format!("{who} waits for room in the queue to send; `msgqctl stat` says who holds it")
        }
        None => format!("{who} is alive; nothing waits for it and nothing of it waits"),
    }
}
