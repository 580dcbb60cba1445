//! A process and a queue of which nobody knows what its messages mean: what the kernel shows of both, and what it does not.

use super::advice;
use super::report::ExplainReport;
use crate::messages::browse_messages;
use crate::output::{counted, moment_with_age};
use crate::target::Target;
use msgq_core::pid_namespace::is_call_hidden;
use msgq_core::queue::QueueStat;
use msgq_core::time::unix_time_s;

pub(super) fn on_unknown_queue(
    mut report: ExplainReport,
    target: &Target,
    stat: &QueueStat,
    seen: &str,
) -> ExplainReport {
    (report.is_foreign, report.is_complete) = (true, false);
    report.shown = last_calls(&report, stat);
    match messages_of_type(target, report.client) {
        Ok(sentence) => report.shown.push(sentence),
        Err(reason) => report.unknown.push(reason),
    }
    if report.waits.is_none() && report.pid.is_some_and(is_call_hidden) {
        report.unknown.push("in which call it waits is hidden from this user; root sees it".to_owned());
    }
    report.unknown.push(format!("{seen}, so what its types mean is not known"));
    report.unknown.push(
        "who sent a message and who is to read it: the kernel keeps only who sent and who received last, and who waits now"
            .to_owned(),
    );
    report.verdict = advice::verdict_on_process(&report);
    report
}

/// The number may be another's by now, so no more is said than that it is the same.
fn last_calls(report: &ExplainReport, stat: &QueueStat) -> Vec<String> {
    let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
    let calls = [
        ("sent to", stat.last_send_pid, stat.last_send_time),
        ("received from", stat.last_receive_pid, stat.last_receive_time),
    ];
    let told = calls.map(|(did, pid, at_s)| match (pid, at_s) {
        (0, 0) => format!("nobody has {did} this queue yet"),
        (0, _) => format!("who {did} this queue last is outside of this PID namespace"),
        (pid, at_s) if report.pid == Some(pid) => {
            format!("this number {did} the queue last, {}", moment_with_age(at_s, now_s))
        }
        (pid, _) => format!("PID {pid} {did} the queue last, and not this one"),
    });
    told.to_vec()
}

fn messages_of_type(target: &Target, number: i64) -> Result<String, String> {
    let mut messages = 0_usize;
    let browsed = browse_messages(&target.queue, |_, message| messages += usize::from(message.mtype() == number));
    let browsed = browsed.map_err(|error| format!("what waits in the queue is not shown: {error}"))?;
    if browsed.looked_at == 0 {
        return Ok("no message is in the queue".to_owned());
    }
    let at_least = if browsed.is_complete { "" } else { "at least " };
    let (all, have) = (browsed.looked_at, if messages == 1 { "has" } else { "have" });
    let messages = counted(messages, "message");
    Ok(format!(
        "{at_least}{messages} of {all} in the queue {have} the type {number}; whether that means this number is not known"
    ))
}
