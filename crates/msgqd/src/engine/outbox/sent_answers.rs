//! What shows that the courier gets on.

use std::sync::atomic::{AtomicU64, Ordering};

/// Answers that the courier has sent to clients that are not known to leave them unread.
#[derive(Debug, Default)]
pub(in crate::engine) struct SentAnswers(AtomicU64);

impl SentAnswers {
    /// Those to silent clients count for nothing: readers may starve beside them.
    pub(in crate::engine) fn note(&self, is_for_silent: bool) {
        if !is_for_silent {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(in crate::engine) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
