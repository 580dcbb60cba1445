//! How many commands run at the same time.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// A bounded number of slots.
#[derive(Debug)]
pub(super) struct Slots {
    free: Mutex<usize>,
    given_back: Condvar,
}

/// One slot; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), given_back: Condvar::new() }
    }

    /// Waits for a slot; `None` when there is none before `deadline`, or `deadline` has passed.
    pub(super) fn await_slot(&self, deadline: Instant) -> Option<Slot<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            if *free > 0 {
                *free -= 1;
                return Some(Slot(self));
            }
            free = self.given_back.wait_timeout(free, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}
