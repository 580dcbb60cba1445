//! Numbers requests in the order of their receipt.
//!
//! Where there are several workers, one at a time receives: it has the turn from before its msgrcv until the request has
//! its number. So a worker that has a later request of a client sees the earlier ones in their slots.

mod turn;

use std::sync::atomic::{AtomicU64, Ordering};
use turn::{Turn, TurnGuard};

#[derive(Debug)]
pub(super) struct Intake {
    turn: Turn,
    sequence: AtomicU64,
}

impl Intake {
    /// Requests are numbered from behind `sequence` on.
    pub(super) fn new(sequence: u64) -> Self {
        Self { turn: Turn::new(), sequence: AtomicU64::new(sequence) }
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
}
