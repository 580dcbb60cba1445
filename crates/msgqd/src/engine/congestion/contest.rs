//! The courier's tries for room, as far as workers keep to them.
//!
//! Each receive frees a place, and wakes all who wait for one. The courier gets it if it tries at that very moment; after
//! those who were woken it comes too late. So a worker receives while the courier is trying, one request for each try. Where the
//! scheduler has put both on one CPU no try falls into a receive, for seconds; then the worker keeps its CPU busy instead. Those
//! who wait for room sleep meanwhile, another CPU has nothing to do, and the scheduler gives it one of the two.
//!
//! Knows no queue. Each value is a hint, read and written by itself.

use msgq_core::time::monotonic_ns;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(in crate::engine) struct Contest {
    is_on: AtomicBool,
    /// The queue is too small for anybody, so that it can be emptied: tries are in vain.
    is_suspended: AtomicBool,
    tries: AtomicU64,
    /// The last try that a worker has waited for: each is worth one receive.
    met: AtomicU64,
    /// After a wait in vain nobody waits before then.
    no_wait_before_ns: AtomicU64,
}

/// The courier contends until this is dropped.
pub(in crate::engine) struct Contending<'a>(&'a Contest);

/// Workers do not keep to the courier until this is dropped.
pub(in crate::engine) struct Suspended<'a>(&'a Contest);

impl Contest {
    pub(in crate::engine) fn begin(&self) -> Contending<'_> {
        self.is_on.store(true, Ordering::Relaxed);
        Contending(self)
    }

    pub(in crate::engine) fn suspend(&self) -> Suspended<'_> {
        self.is_suspended.store(true, Ordering::Relaxed);
        Suspended(self)
    }

    /// A worker that receives next waits for the courier's next try: for at most [`LIMIT_NS`] and, in vain, a fifth of the time, whatever others do.
    pub(in crate::engine) fn wait_for_a_try(&self) {
        let seen = self.tries.load(Ordering::Relaxed);
        if !self.is_worth_a_wait() {
            return;
        }
        let began_ns = monotonic_ns();
        if began_ns < self.no_wait_before_ns.load(Ordering::Relaxed) {
            return;
        }
        while self.is_worth_a_wait() && !self.meets_a_try_after(seen) {
            let now_ns = monotonic_ns();
            if now_ns - began_ns > LIMIT_NS {
                return self.no_wait_before_ns.store(now_ns + PAUSE_NS, Ordering::Relaxed);
            }
            std::hint::spin_loop();
        }
    }

    fn is_worth_a_wait(&self) -> bool {
        self.is_on.load(Ordering::Relaxed) && !self.is_suspended.load(Ordering::Relaxed)
    }

    fn meets_a_try_after(&self, seen: u64) -> bool {
        let (tries, met) = (self.tries.load(Ordering::Relaxed), self.met.load(Ordering::Relaxed));
        let take = || self.met.compare_exchange(met, tries, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        tries != seen && tries != met && take()
    }
}

impl Contending<'_> {
    pub(in crate::engine) fn note_try(&self) {
        self.0.tries.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Contending<'_> {
    fn drop(&mut self) {
        self.0.is_on.store(false, Ordering::Relaxed);
    }
}

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        self.0.is_suspended.store(false, Ordering::Relaxed);
    }
}

/// Longer than the scheduler takes to see that a CPU has nothing to do.
const LIMIT_NS: u64 = 5_000_000;
/// Where each CPU has enough to do, requests are worth more.
const PAUSE_NS: u64 = 20_000_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use std::thread::{scope, sleep};
    use std::time::{Duration, Instant};

    fn wait_ns(contest: &Contest) -> u64 {
        let began = Instant::now();
        contest.wait_for_a_try();
        u64::try_from(began.elapsed().as_nanos()).unwrap()
    }

    #[test]
    fn a_wait_without_a_try_ends_by_itself_and_is_not_repeated_at_once() {
        let contest = Contest::default();
        let _contending = contest.begin();
        assert!(wait_ns(&contest) >= LIMIT_NS);
        let waits = (0..100).filter(|_| wait_ns(&contest) >= LIMIT_NS).count();
        assert!(waits < 50, "{waits}");
    }

    #[test]
    fn nobody_waits_without_a_contest_nor_while_it_is_suspended() {
        let contest = Contest::default();
        contest.wait_for_a_try();
        let _contending = contest.begin();
        let suspended = contest.suspend();
        contest.wait_for_a_try();
        assert_eq!(contest.no_wait_before_ns.load(Ordering::Relaxed), 0, "one of them waited in vain");
        drop(suspended);
        contest.wait_for_a_try();
        assert_ne!(contest.no_wait_before_ns.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn each_try_is_met_by_one_worker() {
        let contest = Contest::default();
        let contending = contest.begin();
        contending.note_try();
        assert!(contest.meets_a_try_after(0));
        assert!(!contest.meets_a_try_after(0), "the same try");
        assert!(!contest.meets_a_try_after(1), "one that was there before the wait");
        contending.note_try();
        assert!(contest.meets_a_try_after(1));
    }

    #[test]
    fn a_worker_that_waits_goes_on_with_the_next_try() {
        let contest = Contest::default();
        let contending = contest.begin();
        scope(|scope| {
            let tries = scope.spawn(move || {
                for _ in 0..1000 {
                    contending.note_try();
                    sleep(Duration::from_micros(10));
                }
            });
            while !tries.is_finished() {
                contest.wait_for_a_try();
            }
        });
        assert!(contest.met.load(Ordering::Relaxed) > 0);
    }
}
