//! How many commands run at the same time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A bounded number of slots.
#[derive(Debug)]
pub(super) struct Slots {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    is_closed: bool,
}

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSlot {
    /// None was given back in time.
    TimeOver,
    /// The service ends, and no command is started any more.
    Closed,
}

/// One slot; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        Self { state: Mutex::new(State { free: count, is_closed: false }), changed: Condvar::new() }
    }

    /// Gives no slot out any more, also to those who wait for one.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for a slot until `deadline`.
    pub(super) fn await_slot(&self, deadline: Instant) -> Result<Slot<'_>, NoSlot> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return Err(NoSlot::Closed);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Whoever gave a slot back may have woken this thread, whose time is over, and nobody else.
                if state.free > 0 {
                    self.changed.notify_one();
                }
                return Err(NoSlot::TimeOver);
            }
            if state.free > 0 {
                state.free -= 1;
                return Ok(Slot(self));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.changed.notify_one();
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
            let short = scope.spawn(|| slots.await_slot(Instant::now() + pause * 2).is_ok());
            std::thread::sleep(pause / 2);
            let patient = scope.spawn(|| {
                let began = Instant::now();
                slots.await_slot(began + long).ok().map(|_| began.elapsed())
            });
            std::thread::sleep(pause / 2);
            let mut state = slots.lock();
            state.free += 1;
            slots.changed.notify_one();
            // The one that was woken cannot look before its time is over.
            std::thread::sleep(pause * 2);
            drop(state);
            assert!(!short.join().unwrap());
            assert!(patient.join().unwrap().is_some_and(|waited| waited < long / 2));
        });
    }

    #[test]
    fn who_waits_when_no_slot_is_given_out_any_more_hears_of_it_at_once() {
        let slots = Slots::new(1);
        let began = Instant::now();
        let long = Duration::from_secs(60);
        std::thread::scope(|scope| {
            let running = slots.await_slot(began + long).unwrap();
            let waiting: Vec<_> =
                (0..2).map(|_| scope.spawn(|| slots.await_slot(began + long).map(drop).unwrap_err())).collect();
            std::thread::sleep(Duration::from_millis(100));
            slots.close();
            waiting.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), NoSlot::Closed));
            drop(running);
            assert_eq!(slots.await_slot(began + long).map(drop), Err(NoSlot::Closed));
        });
        assert!(began.elapsed() < long);
    }
}
