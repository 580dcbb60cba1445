//! How fast workers take requests whose answers can only be dropped.
//!
//! Where clients send more than they read, each request that is taken costs an answer that waits, while one that is left in
//! the queue loses nothing; and each receive wakes all who wait to send, which takes the CPU from those who read. So of clients
//! that read only few answers are dropped for each that is read. Requests of those who never read are taken as fast as they
//! come: the answers of others need the places.
//!
//! Knows no queue. Each value is a hint, read and written by itself.

use msgq_core::time::monotonic_ns;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct DropPace {
    /// Late answers that were read, at the last look.
    read: AtomicU64,
    /// So many more may be dropped before the next is read.
    may_drop: AtomicU64,
    /// When the next may be dropped although none was read.
    next_drop_ns: AtomicU64,
}

impl DropPace {
    /// A worker has dropped an answer of a client that reads. `read` says how many late answers were read so far. It never waits for longer than
    /// [`LONGEST_PAUSE_NS`] and [`DROP_PAUSE_NS`], whatever others do.
    pub(super) fn pause(&self, read: impl Fn() -> u64) {
        let mut now_ns = monotonic_ns();
        if self.may_drop_one_more(read()) {
            return;
        }
        let turn_ns = |next_ns: u64| next_ns.clamp(now_ns, now_ns + LONGEST_PAUSE_NS) + DROP_PAUSE_NS;
        let take_turn = |next_ns| Some(turn_ns(next_ns));
        let taken = self.next_drop_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_turn);
        let end_ns = turn_ns(taken.unwrap_or_default());
        while now_ns < end_ns && !self.may_drop_one_more(read()) {
            std::thread::sleep(LOOK_PAUSE);
            now_ns = monotonic_ns();
        }
    }

    fn may_drop_one_more(&self, read: u64) -> bool {
        let new = read.saturating_sub(self.read.swap(read, Ordering::Relaxed));
        if new > 0 {
            let may_drop = self.may_drop.load(Ordering::Relaxed).saturating_add(new.saturating_mul(DROPS_FOR_A_READ));
            self.may_drop.store(may_drop.min(MOST_DROPS), Ordering::Relaxed);
        }
        let take = |may_drop: u64| may_drop.checked_sub(1);
        self.may_drop.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

const DROPS_FOR_A_READ: u64 = 2;
const MOST_DROPS: u64 = 64;
/// Between two drops of all workers while none is read.
const DROP_PAUSE_NS: u64 = 100_000;
/// One worker waits no longer for the turns of others.
const LONGEST_PAUSE_NS: u64 = 2_000_000;
const LOOK_PAUSE: Duration = Duration::from_micros(50);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;

    #[test]
    fn few_are_dropped_for_each_answer_that_is_read() {
        let pace = DropPace::default();
        let dropped = |read| (0..1000).filter(|_| pace.may_drop_one_more(read)).count();
        assert_eq!(dropped(0), 0);
        assert_eq!(dropped(3), usize::try_from(3 * DROPS_FOR_A_READ).unwrap());
        assert_eq!(dropped(4), usize::try_from(DROPS_FOR_A_READ).unwrap());
        assert_eq!(dropped(10_000), usize::try_from(MOST_DROPS).unwrap());
    }

    #[test]
    fn a_pause_ends_although_nothing_is_read_and_others_have_turns_without_end() {
        let pace = DropPace::default();
        pace.next_drop_ns.store(u64::MAX - 1, Ordering::Relaxed);
        for _ in 0..100 {
            pace.pause(|| 0);
        }
    }
}
