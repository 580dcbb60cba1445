//! Whether the wall clock can be right.

use super::facts::Facts;
use crate::commands::doctor::report::CheckOutcome;
use crate::output::utc;
use std::time::UNIX_EPOCH;

/// Clocks of one machine differ by less.
const TOLERANCE_S: i64 = 2;

pub(super) fn look(facts: &Facts) -> CheckOutcome {
    let queue = facts.queue.unwrap_or_default();
    let started_at_s = facts.good_table().map_or(0, |table| table.header().about().started_at_s);
    let moments = [
        ("msgqctl was built", built_at_s().unwrap_or(0)),
        ("the queue was made or changed", queue.last_change_time),
        ("the last message was sent", queue.last_send_time),
        ("the last message was received", queue.last_receive_time),
        ("the daemon started", i64::try_from(started_at_s).unwrap_or(0)),
    ];
    let latest = moments.into_iter().max_by_key(|(_, at_s)| *at_s);
    match latest.filter(|(_, at_s)| *at_s > facts.now_s.saturating_add(TOLERANCE_S)) {
        None => CheckOutcome::fine(utc(facts.now_s)),
        Some((event, at_s)) => CheckOutcome::problem(
            format!("the clock says {}, but {event} at {}", utc(facts.now_s), utc(at_s)),
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
