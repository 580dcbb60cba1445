//! The daemon's counters, put together by what they mean to an operator.

use msgq_core::table::CountersSnapshot;

/// A heading, and the counters below it that it stands for, each with its name for people.
type CounterGroup = (&'static str, Vec<(&'static str, u64)>);

/// The counters that are not told elsewhere.
pub(super) fn counter_groups(counters: &CountersSnapshot) -> [CounterGroup; 7] {
    let c = counters;
    [
        (
            "dropped",
            vec![
                ("shed", c.shed),
                ("expired", c.expired),
                ("client gone", c.client_gone),
                ("send failed", c.send_failed),
                ("queue removed", c.queue_removed),
            ],
        ),
        (
            "orphans",
            vec![
                ("dead client", c.orphans_dead_client),
                ("nobody's number", c.orphans_nobody),
                ("junk", c.orphans_junk),
                ("expired", c.orphans_expired),
            ],
        ),
        (
            "refused",
            vec![
                ("too short", c.malformed_short),
                ("too long", c.malformed_long),
                ("bad PID", c.refused_pid),
                ("PID of nobody", c.refused_nobody),
            ],
        ),
        (
            "recovered",
            vec![
                ("answers taken over", c.recovered),
                ("requests rerun", c.recovered_rerun),
                ("refused", c.recovered_refused),
                ("delivered before", c.recovered_delivered),
                ("client gone", c.recovered_gone),
                ("ambiguous", c.recovered_ambiguous),
            ],
        ),
        (
            "outcomes",
            vec![
                ("done", c.handler_done),
                ("failed", c.handler_failed),
                ("timed out", c.handler_timed_out),
                ("broken", c.handler_broken),
                ("unavailable", c.handler_unavailable),
            ],
        ),
        ("pressure", vec![("queue full", c.queue_full), ("adopted", c.adopted), ("recalled", c.recalled)]),
        ("faults", vec![("receive failed", c.receive_failed), ("queue recreated", c.queue_recreated)]),
    ]
}
