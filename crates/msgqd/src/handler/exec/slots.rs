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
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Whoever gave a slot back may have woken this thread, whose time is over, and nobody else.
                if *free > 0 {
                    self.given_back.notify_one();
                }
                return None;
            }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use std::time::Duration;

    #[test]
    fn a_wake_up_that_comes_at_a_waiters_own_deadline_is_passed_on() {
        let slots = Slots::new(0);
        let (pause, long) = (Duration::from_millis(200), Duration::from_secs(60));
        std::thread::scope(|scope| {
            let short = scope.spawn(|| slots.await_slot(Instant::now() + pause * 2).is_some());
            std::thread::sleep(pause / 2);
            let patient = scope.spawn(|| {
                let began = Instant::now();
                slots.await_slot(began + long).map(|_| began.elapsed())
            });
            std::thread::sleep(pause / 2);
            let mut free = slots.free.lock().unwrap();
            *free += 1;
            slots.given_back.notify_one();
            // The one that was woken cannot look before its time is over.
            std::thread::sleep(pause * 2);
            drop(free);
            assert!(!short.join().unwrap());
            assert!(patient.join().unwrap().is_some_and(|waited| waited < long / 2));
        });
    }
}
