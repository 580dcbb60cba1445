//! What is so with a queue, from what is known of it: pure.

use super::facts::QueueFacts;
use super::finding::{Finding, QueueVerdict};
use super::last_use::{LastUse, UserState};
use super::server::QueueServerState;
use crate::output::{counted, program_label, rough_age_s};
use msgq_core::queue::QueueStat;

/// A queue that is full for a moment is what backpressure looks like: as long as somebody receives, all is well.
const STUCK_AFTER_S: i64 = 10;

/// Most pressing first; never empty.
pub(super) fn judge(facts: &QueueFacts, now_s: i64, idle_for_s: i64) -> Vec<Finding> {
    let trouble = [
        facts.deadlock.clone(),
        stuck(facts, now_s),
        trouble_of_server(facts),
        collision(facts),
        stale_readers(facts),
        abandoned(facts, now_s, idle_for_s),
    ];
    let mut findings: Vec<Finding> = trouble.into_iter().flatten().collect();
    // Of a full queue that nobody uses it is no trouble that nobody receives, and a deadlock says all that can be said.
    if has(&findings, QueueVerdict::Abandoned) || has(&findings, QueueVerdict::Deadlocked) {
        findings.retain(|it| it.verdict != QueueVerdict::Stuck);
    }
    if !has(&findings, QueueVerdict::Abandoned) && !has(&findings, QueueVerdict::ReaderGone) {
        findings.push(usage(facts, now_s, idle_for_s));
    }
    findings.sort_by_key(|it| it.verdict);
    findings
}

fn has(findings: &[Finding], verdict: QueueVerdict) -> bool {
    findings.iter().any(|it| it.verdict == verdict)
}

/// No room for one more message such as those that are there; or somebody waits for room.
fn is_full(stat: &QueueStat, has_senders: bool) -> bool {
    let average = stat.bytes.checked_div(stat.messages).unwrap_or(0);
    let is_at_its_limit = stat.messages >= stat.max_bytes || stat.bytes.saturating_add(average) > stat.max_bytes;
    has_senders || (stat.max_bytes > 0 && stat.messages > 0 && is_at_its_limit)
}

fn stuck(facts: &QueueFacts, now_s: i64) -> Option<Finding> {
    let stat = &facts.stat;
    let is_received = facts.last_receive.as_ref().is_some_and(|last| now_s.saturating_sub(last.at_s) < STUCK_AFTER_S);
    let was_just_filled = now_s.saturating_sub(stat.last_send_time) < STUCK_AFTER_S && facts.senders.is_empty();
    if !is_full(stat, !facts.senders.is_empty()) || is_received || (was_just_filled && stat.last_receive_time == 0) {
        return None;
    }
    let waiting = match facts.senders.len() {
        0 => String::new(),
        senders => format!(", {} to send", wait(senders)),
    };
    let size = format!("{}, {} of {} bytes", counted_messages(stat.messages), stat.bytes, stat.max_bytes);
    let sentence = format!("full, and nobody receives ({size}{waiting}): {}", why_nobody_receives(facts, now_s));
    let finding =
        Finding::new(QueueVerdict::Stuck, sentence).with_advice("it needs its reader again; what waits is shown by");
    Some(finding.with_command(format!("msgqctl --msqid {} peek", stat.msqid)))
}

fn why_nobody_receives(facts: &QueueFacts, now_s: i64) -> String {
    let receivers = facts.receivers.len();
    if let Some(halted) = facts.receivers.iter().find(|receiver| receiver.is_halted) {
        return format!(
            "PID {} ({}) waits for messages, but was stopped, or frozen with its container",
            halted.pid,
            program_label(Some(&halted.program))
        );
    }
    if receivers > 0 {
        return format!("{} to receive, and for none of the messages that are there", wait(receivers));
    }
    let Some(last) = &facts.last_receive else { return "nobody has received from it so far".to_owned() };
    let when = format!("{} received last, {} ago", last.label(), age(last.at_s, now_s));
    match last.state {
        UserState::Alive if facts.unseen_waiters.is_some() => format!("{when}, and lives"),
        UserState::Alive => format!("{when}, and lives, but does not wait for messages"),
        _ => when,
    }
}

fn trouble_of_server(facts: &QueueFacts) -> Option<Finding> {
    let name = facts.stat.key.map_or_else(|| format!("--msqid {}", facts.stat.msqid), |key| format!("--key {key}"));
    let pid = facts.server.pid.map_or_else(String::new, |pid| format!(" (PID {pid})"));
    match facts.server.state {
        QueueServerState::Hangs => {
            let sentence = format!("its msgqd{pid} lives, but has shown no sign of life");
            Some(Finding::new(QueueVerdict::Hangs, sentence).with_command(format!("msgqctl {name} doctor")))
        }
        QueueServerState::Gone => {
            let waiting = match facts.receivers.len() + facts.senders.len() {
                0 => String::new(),
                waiting => format!("; {} on it", wait(waiting)),
            };
            let sentence = format!("the msgqd{pid} that served it ended and left it{waiting}");
            let finding = Finding::new(QueueVerdict::Down, sentence).with_advice("its next start serves it again");
            Some(finding.with_command(format!("msgqctl {name} stat")))
        }
        _ => None,
    }
}

fn collision(facts: &QueueFacts) -> Option<Finding> {
    let sentence =
        format!("several settings give its key, so that their programs meet in it: {}", join(&facts.collision));
    let finding = Finding::new(QueueVerdict::FtokCollision, sentence)
        .with_advice("give one of them another id, here and in all of its programs");
    (!facts.collision.is_empty()).then_some(finding)
}

fn stale_readers(facts: &QueueFacts) -> Option<Finding> {
    let (path, key) = facts.changed_path.as_ref()?;
    let waiting = match facts.receivers.len() {
        0 => String::new(),
        receivers => format!(", on which {} to receive,", wait(receivers)),
    };
    let sentence = format!(
        "its key is no longer that of {path}, which was made anew and gives {key} now: its msgqd serves this one{waiting} and \
         whoever looks for it by the path from now on does not find it"
    );
    let advice = "restart the service, and then the clients that were started before the path was made anew";
    Some(Finding::new(QueueVerdict::StaleReaders, sentence).with_advice(advice))
}

fn abandoned(facts: &QueueFacts, now_s: i64, idle_for_s: i64) -> Option<Finding> {
    let is_somebodys = facts.server.state != QueueServerState::None || !facts.configurations.is_empty();
    let has_waiters = !facts.senders.is_empty() || !facts.receivers.is_empty() || facts.unseen_waiters.is_some();
    let unmoved_s = now_s.saturating_sub(facts.moved_at_s());
    if is_somebodys || has_waiters || unmoved_s < idle_for_s {
        return None;
    }
    let for_long = format!("nothing has moved for {}", age(facts.moved_at_s(), now_s));
    let what_is_lost = match facts.stat.messages {
        0 => "it is empty".to_owned(),
        messages => format!("its removal loses {} ({} bytes)", counted_messages(messages), facts.stat.bytes),
    };
    let command = format!("msgqctl remove {}", facts.stat.msqid);
    if is_gone(facts.last_send.as_ref()) && is_gone(facts.last_receive.as_ref()) {
        let sentence = format!("{for_long}, nobody waits on it, and {}", gone_users(facts));
        return Some(Finding::new(QueueVerdict::Abandoned, sentence).with_advice(what_is_lost).with_command(command));
    }
    without_reader(facts, &format!("{for_long}, nobody waits on it, and its reader")).map(|finding| {
        match finding.verdict {
            QueueVerdict::Abandoned => finding.with_advice(what_is_lost).with_command(command),
            _ => finding
                .with_advice(format!("{what_is_lost}; should its sender have no use for it:"))
                .with_command(command + " --force"),
        }
    })
}

/// Nobody finds a queue without a key but who is told its number: when its reader dies, no other comes by itself.
fn without_reader(facts: &QueueFacts, reader: &str) -> Option<Finding> {
    let (last, sender) = (facts.last_receive.as_ref()?, facts.last_send.as_ref()?);
    if facts.stat.key.is_some() || last.state != UserState::Gone {
        return None;
    }
    if facts.is_sent_to_by_msgqd {
        let sentence = format!("{reader}, {}, will not come back; {} only answers there", last.label(), sender.label());
        return Some(Finding::new(QueueVerdict::Abandoned, sentence));
    }
    let sentence = format!(
        "{reader}, {}, will not come back; who sent last, {}, may hold it for another",
        last.label(),
        sender.label()
    );
    Some(Finding::new(QueueVerdict::ReaderGone, sentence))
}

fn gone_users(facts: &QueueFacts) -> String {
    match (&facts.last_send, &facts.last_receive) {
        (None, None) => "it was never used; who made it the kernel does not tell".to_owned(),
        (Some(last), None) => format!("who sent last is gone (PID {}); nobody ever received", last.pid),
        (None, Some(last)) => format!("who received last is gone (PID {}); nobody ever sent", last.pid),
        (Some(sender), Some(receiver)) => {
            format!("its last users are gone (PID {} sent, PID {} received)", sender.pid, receiver.pid)
        }
    }
}

/// Also of who never was.
fn is_gone(last: Option<&LastUse>) -> bool {
    last.is_none_or(|last| last.state == UserState::Gone)
}

fn usage(facts: &QueueFacts, now_s: i64, idle_for_s: i64) -> Finding {
    let mut reasons = Vec::new();
    if let (QueueServerState::Serving, Some(server)) = (facts.server.state, facts.server.label()) {
        let what = facts.server.answers_of.as_ref().map_or_else(String::new, |key| format!(" as the answers of {key}"));
        reasons.push(format!("{server} serves it{what}"));
    }
    for (waiters, what) in [(&facts.receivers, "receive"), (&facts.senders, "send")] {
        if !waiters.is_empty() {
            reasons.push(format!("{} to {what}", wait(waiters.len())));
        }
    }
    let since_s = now_s.saturating_sub(facts.moved_at_s());
    let is_left = [&facts.last_send, &facts.last_receive].iter().all(|last| is_gone(last.as_ref()));
    let was_used = facts.last_send.is_some() || facts.last_receive.is_some();
    let is_in_use = !reasons.is_empty() || (since_s < idle_for_s && !(is_left && was_used));
    let moved = if was_used { "last moved" } else { "made" };
    reasons.push(format!("{moved} {} ago", age(facts.moved_at_s(), now_s)));
    if is_left && was_used {
        reasons.push("its last users are gone".to_owned());
    }
    if !facts.configurations.is_empty() {
        reasons.push(format!("named by {}", join(&facts.configurations)));
    }
    reasons.extend(facts.unseen_waiters.map(|unseen| unseen.sentence().to_owned()));
    Finding::new(if is_in_use { QueueVerdict::InUse } else { QueueVerdict::Idle }, reasons.join(", "))
}

fn wait(count: usize) -> String {
    if count == 1 { "1 waits".to_owned() } else { format!("{count} wait") }
}

fn counted_messages(messages: u64) -> String {
    counted(usize::try_from(messages).unwrap_or(usize::MAX), "message")
}

fn age(at_s: i64, now_s: i64) -> String {
    rough_age_s(u64::try_from(now_s.saturating_sub(at_s)).unwrap_or(0))
}

fn join(parts: &[String]) -> String {
    parts.join(", ")
}
