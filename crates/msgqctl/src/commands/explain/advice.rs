//! How a client's story stands, and what to do, in one or two sentences.

use super::report::{ClientIdentity, ExplainReport};
use crate::daemon::ServerPhase;
use crate::output::{counted, rough_age};
use crate::system::names::client_label;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::queue_call::QueueCall;

/// From here on a request that is in hand is worth a word on the handler.
const SLOW_MS: u64 = 10_000;

const KERNEL_THREAD: &str = "is a thread of the kernel, which uses no queue: whoever names this number means something else, or \
                             is in another PID namespace";

pub(super) fn verdict_on_client(report: &ExplainReport) -> String {
    let name = report.program.as_deref().map_or_else(String::new, |program| format!(" ({program})"));
    let who = format!("{}{name}", client_label(report.client, report.state));
    if report.pid.is_none() {
        return of_the_living(report, &who);
    }
    if matches!(report.state, "dead" | "zombie" | "kernel") {
        return of_the_dead(report, &who);
    }
    if report.identity == ClientIdentity::Reused && has_answers(report) {
        return format!(
            "{who} is not the process that asked: its number was given out again; the server removes what was meant \
             for its predecessor when it sees that"
        );
    }
    match report.waits {
        Some(QueueCall::Msgrcv { msgtyp, .. })
            if report.answer_type.is_some_and(|mtype| mtype != msgtyp) && msgtyp != 0 =>
        {
            format!(
                "{who} waits for messages of type {msgtyp}, but answers to it have {} as their type: its program must \
             wait for that",
                report.answer_type_in_words()
            )
        }
        _ if report.is_stopped => {
            format!(
                "{who} is stopped, by a signal or a debugger, and reads nothing; `kill -CONT {}` lets it go on",
                report.client
            )
        }
        _ => of_the_living(report, &who),
    }
}

/// On a queue that is not known to be msgqd's: what the process does, and no advice.
pub(super) fn verdict_on_process(report: &ExplainReport) -> String {
    let name = report.program.as_deref().map_or_else(String::new, |program| format!(" ({program})"));
    let does = match (report.state, report.waits) {
        ("zombie", _) => "has ended and waits for its parent (zombie)".to_owned(),
        ("number", _) => "is a number without a process".to_owned(),
        ("dead", _) => "does not exist".to_owned(),
        ("kernel", _) => KERNEL_THREAD.to_owned(),
        _ if report.is_stopped => "is stopped, by a signal or a debugger".to_owned(),
        (_, Some(QueueCall::Msgrcv { msgtyp, .. })) => format!("waits in this queue for messages of type {msgtyp}"),
        (_, Some(QueueCall::Msgsnd { .. })) => "waits for room in this queue to send".to_owned(),
        ("alive", None) => "is alive, and was not seen to wait in this queue".to_owned(),
        _ => "may be alive, which could not be found out".to_owned(),
    };
    let who = client_label(report.client, report.state);
    if report.state == "kernel" {
        return format!("{who}{name} {does}");
    }
    format!("{who}{name} {does}; whether it has a part in this queue is not known")
}

fn has_answers(report: &ExplainReport) -> bool {
    report.resting.messages > 0 || !report.outbox.is_empty()
}

fn of_the_dead(report: &ExplainReport, who: &str) -> String {
    let is = match report.state {
        "zombie" => "has ended and waits for its parent (zombie)",
        "kernel" => KERNEL_THREAD,
        _ => "does not exist",
    };
    if !has_answers(report) && report.requests.is_empty() && report.in_hand.is_empty() {
        return format!("{who} {is}; {}nothing waits for it and nothing of it waits", as_far_as(report));
    }
    let answers = report.resting.messages;
    let removal = match report.server {
        Some(ServerPhase::Serving) => "the server drops what it asked for and removes what rests for it".to_owned(),
        _ if answers == 0 => "its requests will be dropped by the server that takes them".to_owned(),
        _ => {
            let (client, answers) = (report.client, counted(answers, "answer"));
            format!("`msgqctl purge --pid {client}` removes {answers} that nobody will read")
        }
    };
    format!("{who} {is}; {removal}")
}

fn of_the_living(report: &ExplainReport, who: &str) -> String {
    if report.route == ReplyRoute::Private && has_answers(report) {
        return held_back(report, who);
    }
    // Whatever else is under way, it would not read that either.
    if has_answers(report) && !matches!(report.waits, Some(QueueCall::Msgrcv { .. })) {
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

/// For a client with a queue of its own that takes nothing now.
fn held_back(report: &ExplainReport, who: &str) -> String {
    let held = report.outbox.len();
    let (answers, wait) = (counted(held, "answer"), verb(held));
    match report.server {
        Some(ServerPhase::Serving | ServerPhase::Draining) => format!(
            "{who} has a queue of its own that took no more: {answers} for it {wait} in the outbox, and the server tries again \
             until response_ttl_s has passed; its program must read that queue"
        ),
        _ => format!("{answers} for {who} {wait} in the outbox of a server that {}", down(report)),
    }
}

fn down(report: &ExplainReport) -> String {
    let unit = &report.unit;
    match report.server {
        Some(ServerPhase::Hangs) => {
            format!("hangs: restart it, and nothing of that is lost (systemctl restart {unit})")
        }
        Some(ServerPhase::Died) => format!("died: start it, and nothing of that is lost (systemctl start {unit})"),
        Some(ServerPhase::Ended) => format!("was stopped: start it (systemctl start {unit})"),
        Some(ServerPhase::Starting) => "is starting: wait a moment".to_owned(),
        _ => "does not take requests now".to_owned(),
    }
}

fn unread(report: &ExplainReport, who: &str) -> String {
    let (pid, rest) = (report.client, report.resting.messages);
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
        Some(QueueCall::Msgsnd { .. }) => format!(
            "{who} waits for room to send while {what}: its program must read its answers before it asks again; \
             `msgqctl purge --pid {pid} --force` drops those in the queue"
        ),
        Some(QueueCall::Msgrcv { .. }) => format!("{who} is about to read: {what}"),
        None if report.pid.is_none() => format!(
            "{who}: {what}; nobody knows whether it will be read: unread it ends when response_ttl_s has passed, and in the \
             queue with `msgqctl purge --pid {pid} --force`"
        ),
        None => format!(
            "{who} does not read: {what}; see what it does instead, or drop those in the queue with `msgqctl purge \
             --pid {pid} --force`"
        ),
    }
}

fn verb(number: usize) -> &'static str {
    if number == 1 { "waits" } else { "wait" }
}

/// What stands before a word on what is not there.
fn as_far_as(report: &ExplainReport) -> &'static str {
    if report.is_complete && report.unknown.is_empty() { "" } else { "as far as was looked, " }
}

fn nothing(report: &ExplainReport, who: &str) -> String {
    match report.waits {
        Some(QueueCall::Msgrcv { .. }) => format!(
            "{who} waits for an answer, and {}none is on its way: its request was refused, its answer was dropped or \
             read by somebody else, or it never asked; `journalctl -u {}` tells of what was refused or dropped",
            as_far_as(report),
            report.unit
        ),
        Some(QueueCall::Msgsnd { .. }) => {
            format!("{who} waits for room in the queue to send; `msgqctl stat` says who holds it")
        }
        None if report.pid.is_none() => {
            format!("{}nothing waits for {who} and nothing of it waits", as_far_as(report))
        }
        None => format!("{who} is alive; {}nothing waits for it and nothing of it waits", as_far_as(report)),
    }
}
