//! How far the engine is on its way to its end: one stage, which every thread reads.
//!
//! A stage is only ever left for a later one, with one exception: requests are received again ([`Lifecycle::reopen`])
//! where some came while the workers left. Whoever sees a stage sees what was written before it was reached.

use std::sync::atomic::{AtomicU8, Ordering};

/// The stages in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    /// Requests are received, and a queue that is removed is made anew.
    Running,
    /// As before, but a removed queue stays away.
    Ending,
    /// No request is received any more; answers still go out.
    Closed,
    /// All threads come to their end.
    Stopping,
    /// What handlers return is not used any more.
    Aborting,
}

#[derive(Debug)]
pub(super) struct Lifecycle(AtomicU8);

impl Lifecycle {
    pub(super) const fn new() -> Self {
        Self(AtomicU8::new(Stage::Running as u8))
    }

    /// Goes on to this stage; no change when it is reached already.
    pub(super) fn advance(&self, stage: Stage) {
        self.0.fetch_max(stage as u8, Ordering::SeqCst);
    }

    /// From CLOSED back to ENDING. The workers have left, so no thread misses the change.
    pub(super) fn reopen(&self) {
        let (closed, ending) = (Stage::Closed as u8, Stage::Ending as u8);
        let _ = self.0.compare_exchange(closed, ending, Ordering::SeqCst, Ordering::SeqCst);
    }

    fn has_reached(&self, stage: Stage) -> bool {
        self.0.load(Ordering::Acquire) >= stage as u8
    }

    pub(super) fn is_ending(&self) -> bool {
        self.has_reached(Stage::Ending)
    }

    pub(super) fn is_intake_closed(&self) -> bool {
        self.has_reached(Stage::Closed)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.has_reached(Stage::Stopping)
    }

    pub(super) fn is_aborting(&self) -> bool {
        self.has_reached(Stage::Aborting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_was_reached_stays_reached() {
        let lifecycle = Lifecycle::new();
        assert!(!lifecycle.is_ending());
        lifecycle.advance(Stage::Stopping);
        lifecycle.advance(Stage::Ending);
        assert!(lifecycle.is_ending() && lifecycle.is_intake_closed() && lifecycle.is_stopping());
        assert!(!lifecycle.is_aborting());
    }

    #[test]
    fn only_an_intake_that_is_closed_and_not_stopping_opens_again() {
        let lifecycle = Lifecycle::new();
        lifecycle.advance(Stage::Closed);
        lifecycle.reopen();
        assert!(lifecycle.is_ending() && !lifecycle.is_intake_closed());
        lifecycle.advance(Stage::Stopping);
        lifecycle.reopen();
        assert!(lifecycle.is_stopping());
    }
}
