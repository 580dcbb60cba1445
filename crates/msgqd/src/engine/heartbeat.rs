//! The engine's sign of life: a number that grows with each round of the janitor, and what the table keeps of it.

use msgq_core::table::Table;
use msgq_core::time::monotonic_ns;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    beats: AtomicU64,
    rounds: AtomicU64,
}

impl Heartbeat {
    /// Counts one, and notes in the table when it was and how many answers and taken messages there were by then.
    pub(super) fn beat(&self, table: &Table) {
        self.beats.fetch_add(1, Ordering::Relaxed);
        let (header, now_ns) = (table.header(), monotonic_ns());
        header.set_beat_at_ns(now_ns);
        header.history().note(now_ns, || {
            let counters = table.counted();
            counters.answered + counters.answered_late + counters.consumed
        });
    }

    /// The janitor has done a round, whether the engine gets on or not.
    pub(super) fn note_round(&self) {
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }
}
