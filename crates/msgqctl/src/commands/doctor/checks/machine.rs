//! Limits and features of the kernel, and whether the wall clock can be right.

use super::configuration::{known_protocol, longest_message};
use super::mend::sysctl;
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::Facts;
use crate::output::moment;
use msgq_core::limits;
use msgq_core::queue::{MessageBuffer, Queue, listed_queues};
use std::time::UNIX_EPOCH;

/// Share of `kernel.msgmni`, in percent, from which on it is nearly reached.
const CROWDED_PERCENT: u64 = 90;
/// Clocks of one machine differ by less.
const TOLERANCE_S: i64 = 2;

pub(super) fn check_msgmax(facts: &Facts) -> CheckOutcome {
    if facts.is_unknown_queue() {
        return CheckOutcome::not_applicable("how long the messages of the queue are knows its own program");
    }
    let (limit, protocol, longest) = (limits::msgmax(), known_protocol(facts), longest_message(facts));
    if limit >= longest {
        let request = protocol.longest_request(limit);
        return CheckOutcome::fine(format!("{limit} bytes; a request has at most {request}"));
    }
    let what = if protocol.longest_request(0) >= longest { "a request" } else { "an answer" };
    CheckOutcome::problem(
        format!("kernel.msgmax = {limit} is below the {longest} bytes of {what}"),
        "the kernel refuses every message that is as long (EINVAL)",
        sysctl("kernel.msgmax", u64::try_from(longest.max(limits::DEFAULT_MSGMAX)).unwrap_or(u64::MAX)),
    )
}

pub(super) fn check_msgmni(facts: &Facts) -> CheckOutcome {
    let (Some(limit), Ok(queues)) = (limits::msgmni(), listed_queues()) else {
        return CheckOutcome::not_checked("/proc does not show the limit, or not the queues");
    };
    let count = u64::try_from(queues.len()).unwrap_or(u64::MAX);
    let reached = format!("{count} queues exist, and kernel.msgmni allows {limit}");
    if count.saturating_mul(100) < limit.saturating_mul(CROWDED_PERCENT) {
        return CheckOutcome::fine(reached);
    }
    let mut mend = vec!["ipcs -q -p".to_owned()];
    mend.extend(sysctl("kernel.msgmni", limit.saturating_mul(2).max(16)));
    let why = "a server that starts, or whose queue is removed, cannot make its queue (ENOSPC)";
    if count >= limit && facts.queue.is_none() {
        return CheckOutcome::problem(reached, why, mend);
    }
    CheckOutcome::warning(reached, format!("{why}; `ipcs` shows who left queues behind"), mend)
}

/// The kernel looks for the feature before it looks for the queue (`do_msgrcv` in `ipc/msg.c`), so none is needed.
pub(super) fn check_msg_copy(_: &Facts) -> CheckOutcome {
    match Queue::from_msqid(i32::MAX).peek(0, &mut MessageBuffer::new()) {
        Err(error) if error.is_without_msg_copy() => CheckOutcome::warning(
            "this kernel has no MSG_COPY",
            "nobody can look at messages without taking them: `peek` shows nothing, and answers of clients that msgqd \
             never saw stay in the queue for ever",
            vec![
                "grep CONFIG_CHECKPOINT_RESTORE \"/boot/config-$(uname -r)\"    # boot a kernel that has it".to_owned(),
            ],
        ),
        Err(error) if error.is_gone() => CheckOutcome::fine("the kernel has it"),
        Err(error) => CheckOutcome::not_checked(error.to_string()),
        Ok(_) => CheckOutcome::fine("the kernel has it"),
    }
}

pub(super) fn check_clock(facts: &Facts) -> CheckOutcome {
    let queue = facts.queue.unwrap_or_default();
    let started_at_s = facts.daemon.good_table().map_or(0, |table| table.header().about().started_at_s);
    let moments = [
        ("msgqctl was built", built_at_s().unwrap_or(0)),
        ("the queue was made or changed", queue.last_change_time),
        ("the last message was sent", queue.last_send_time),
        ("the last message was received", queue.last_receive_time),
        ("the daemon started", i64::try_from(started_at_s).unwrap_or(0)),
    ];
    let latest = moments.into_iter().max_by_key(|(_, at_s)| *at_s);
    match latest.filter(|(_, at_s)| *at_s > facts.now_s.saturating_add(TOLERANCE_S)) {
        None => CheckOutcome::fine(moment(facts.now_s)),
        Some((event, at_s)) => CheckOutcome::problem(
            format!("the clock says {}, but {event} at {}", moment(facts.now_s), moment(at_s)),
            "ages and times of all reports are wrong, and certificates and timers elsewhere too",
            vec!["timedatectl set-ntp true".to_owned(), "timedatectl status".to_owned()],
        ),
    }
}

/// The date of this program's own file, which the package sets to that of the build.
fn built_at_s() -> Option<i64> {
    let modified = std::env::current_exe().ok()?.metadata().ok()?.modified().ok()?;
    i64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
