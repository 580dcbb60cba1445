//! Numbers requests in the order of their receipt, and turns moments into what stands in the table.
//!
//! Where there are several workers, one at a time receives: it has the turn from before its msgrcv until the request has
//! its number. So a worker that has a later request of a client sees the earlier ones in their slots.

mod turn;

use msgq_core::time::monotonic_ns;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use turn::{Turn, TurnGuard};

#[derive(Debug)]
pub(super) struct Intake {
    turn: Turn,
    sequence: AtomicU64,
    /// A moment, and the same in nanoseconds of `CLOCK_MONOTONIC`: one reading of the clock serves both forms.
    base: (Instant, u64),
}

impl Intake {
    pub(super) fn new() -> Self {
        Self { turn: Turn::new(), sequence: AtomicU64::new(0), base: (Instant::now(), monotonic_ns()) }
    }

    /// The right to receive, for one worker at a time; `None` when a signal ended the wait for it.
    pub(super) fn receipt_turn(&self) -> Option<TurnGuard<'_>> {
        self.turn.take()
    }

    /// Numbers of requests start at 1, since 0 in a slot means that there is none.
    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Requests are numbered from behind this one on.
    pub(super) fn continue_after(&self, sequence: u64) {
        self.sequence.fetch_max(sequence, Ordering::Relaxed);
    }

    /// A moment in nanoseconds of `CLOCK_MONOTONIC`, which [`Instant`] is made of on Linux.
    pub(super) fn nanoseconds_at(&self, moment: Instant) -> u64 {
        let (base, base_ns) = self.base;
        let since = moment.saturating_duration_since(base);
        base_ns.saturating_add(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}
