//! The daemon's counters, put together by what they mean to an operator.

use msgq_core::table::CountersSnapshot;

/// A heading, and the counters below it that it stands for, each with its name for people.
type CounterGroup = (&'static str, Vec<(&'static str, u64)>);

macro_rules! group {
    ($heading:literal: $($name:literal => $value:expr),+) => {
        ($heading, vec![$(($name, $value)),+])
    };
}

/// The counters that are told nowhere else, by heading.
pub(super) fn counter_groups(counters: &CountersSnapshot) -> [CounterGroup; 9] {
    let c = counters;
    [
        group!("dropped": "shed" => c.shed, "expired" => c.expired, "client gone" => c.client_gone,
            "send failed" => c.send_failed, "queue removed" => c.queue_removed),
        group!("orphans": "dead client" => c.orphans_dead_client, "nobody's number" => c.orphans_nobody,
            "junk" => c.orphans_junk, "expired" => c.orphans_expired),
        group!("refused": "too short" => c.malformed_short, "too long" => c.malformed_long,
            "bad PID" => c.refused_pid, "PID of nobody" => c.refused_nobody),
        group!("recovered": "answers taken over" => c.recovered, "requests rerun" => c.recovered_rerun,
            "refused" => c.recovered_refused, "delivered before" => c.recovered_delivered,
            "client gone" => c.recovered_gone, "ambiguous" => c.recovered_ambiguous),
        group!("own queues": "gone" => c.private_gone, "not allowed" => c.private_refused,
            "not writable" => c.private_unwritable, "full" => c.private_full),
        group!("one-way": "taken" => c.consumed, "dead letters" => c.dead_lettered, "tried again" => c.retried),
        group!("outcomes": "done" => c.handler_done, "failed" => c.handler_failed, "timed out" => c.handler_timed_out,
            "broken" => c.handler_broken, "unavailable" => c.handler_unavailable),
        group!("pressure": "queue full" => c.queue_full, "adopted" => c.adopted, "recalled" => c.recalled),
        group!("faults": "receive failed" => c.receive_failed, "queue recreated" => c.queue_recreated),
    ]
}
