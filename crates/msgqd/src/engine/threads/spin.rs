//! How long a worker looks for the next request before it blocks.
//!
//! Waking a thread on another CPU is what costs most with one or two clients. So a worker that had to wait only shortly
//! looks for requests without waiting in the kernel from then on, as the kernel's halt polling does for virtual machines
//! (`Documentation/virt/kvm/halt-polling.rst`). It stops when a look was in vain; the more looks are in vain, the longer it
//! takes until the next. It stops for a while when it lost the CPU to somebody else: on a busy machine a thread that
//! sleeps is preferred when it wakes, and one that looks all the time is not. And it stops when requests come in long
//! runs: one wake-up serves many of them then, and the clients want the CPU.
//!
//! Pure: no clock and no system call. At most one worker looks at a time, since only one receives.

use std::time::Duration;

/// The window of one worker.
#[derive(Debug, Default)]
pub(super) struct Spin {
    window: Duration,
    /// Requests in a row that were there at once.
    run: u32,
    /// Waits for which the window does not grow.
    backoff: u32,
    /// The backoff for the next look in vain.
    next_backoff: u32,
    /// When the CPU was lost, and for how long nobody looks from then on, in nanoseconds.
    lost: Option<(u64, u64)>,
}

/// How the worker came to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It was there at the first look.
    AtOnce,
    /// It came while the worker looked.
    Looking,
    /// The worker blocked, after it had looked in vain if it had a window.
    Blocking,
    /// The worker blocked after it had lost the CPU while it looked.
    LosingTheCpu,
}

impl Spin {
    /// How long to look before blocking; `None` when there is nothing to be gained by it.
    pub(super) fn window(&self) -> Option<Duration> {
        (!self.window.is_zero()).then_some(self.window)
    }

    /// A request was received at `at_ns`, `waited_ns` after the last answer was ready.
    pub(super) fn received(&mut self, arrival: Arrival, at_ns: u64, waited_ns: u64, limit: Duration) {
        match arrival {
            Arrival::LosingTheCpu => self.lost_the_cpu(at_ns),
            Arrival::Blocking if !self.window.is_zero() => self.looked_in_vain(),
            Arrival::Looking => {
                self.run = 0;
                self.next_backoff -= self.next_backoff.div_ceil(4);
            }
            Arrival::Blocking if waited_ns > AT_ONCE_NS => self.waited(at_ns, waited_ns, limit),
            Arrival::Blocking | Arrival::AtOnce => self.found_at_once(),
        }
    }

    fn found_at_once(&mut self) {
        self.run = self.run.saturating_add(1);
        if self.run > LONGEST_RUN {
            self.window = Duration::ZERO;
        }
    }

    fn looked_in_vain(&mut self) {
        self.window = Duration::ZERO;
        self.run = 0;
        self.next_backoff = self.next_backoff.saturating_mul(2).clamp(LEAST_BACKOFF, MOST_BACKOFF);
        self.backoff = self.next_backoff;
    }

    fn lost_the_cpu(&mut self, at_ns: u64) {
        self.window = Duration::ZERO;
        self.run = 0;
        let before = self.lost.filter(|(lost_ns, pause_ns)| at_ns < lost_ns + 8 * pause_ns);
        let pause_ns = before.map_or(SHORTEST_PAUSE_NS, |(_, pause_ns)| (2 * pause_ns).min(LONGEST_PAUSE_NS));
        self.lost = Some((at_ns, pause_ns));
    }

    fn waited(&mut self, at_ns: u64, waited_ns: u64, limit: Duration) {
        let run = std::mem::take(&mut self.run);
        if self.lost.is_some_and(|(lost_ns, pause_ns)| at_ns < lost_ns + pause_ns) {
            return;
        }
        if self.backoff > 0 {
            self.backoff -= 1;
        } else if u128::from(waited_ns) <= limit.as_nanos() && run <= LONGEST_RUN {
            self.window = limit;
        }
    }
}

/// After more requests in a row a wake-up is cheap for each of them.
const LONGEST_RUN: u32 = 8;
/// Sending an answer and receiving what is there takes less.
const AT_ONCE_NS: u64 = 4_000;
const LEAST_BACKOFF: u32 = 4;
const MOST_BACKOFF: u32 = 4096;
/// A virtual machine loses its CPU for a moment now and then: that alone must not cost much.
const SHORTEST_PAUSE_NS: u64 = 8_000_000;
const LONGEST_PAUSE_NS: u64 = 2_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_micros(50);
    const SOON_NS: u64 = 20_000;
    const LONG_NS: u64 = 1_000_000_000;
    const NOW_NS: u64 = 1_000_000_000;

    fn looking(now: u64) -> Spin {
        let mut spin = Spin::default();
        spin.received(Arrival::Blocking, now, SOON_NS, LIMIT);
        spin
    }

    #[test]
    fn nobody_looks_before_a_wait_was_short() {
        let (mut spin, now) = (Spin::default(), NOW_NS);
        assert_eq!(spin.window(), None);
        spin.received(Arrival::Blocking, now, LONG_NS, LIMIT);
        assert_eq!(spin.window(), None);
        spin.received(Arrival::Blocking, now, SOON_NS, LIMIT);
        assert_eq!(spin.window(), Some(LIMIT));
    }

    #[test]
    fn with_a_limit_of_zero_nobody_ever_looks() {
        let (mut spin, now) = (Spin::default(), NOW_NS);
        for _ in 0..10 {
            spin.received(Arrival::Blocking, now, SOON_NS, Duration::ZERO);
            assert_eq!(spin.window(), None);
        }
    }

    #[test]
    fn a_look_in_vain_ends_the_looking() {
        let now = NOW_NS;
        let mut spin = looking(now);
        spin.received(Arrival::Blocking, now, LONG_NS, LIMIT);
        assert_eq!(spin.window(), None);
    }

    #[test]
    fn a_long_run_of_requests_ends_the_looking() {
        let now = NOW_NS;
        let mut spin = looking(now);
        for _ in 0..LONGEST_RUN {
            spin.received(Arrival::AtOnce, now, 0, LIMIT);
            assert!(spin.window().is_some());
        }
        spin.received(Arrival::AtOnce, now, 0, LIMIT);
        assert_eq!(spin.window(), None);
        spin.received(Arrival::Blocking, now, SOON_NS, LIMIT);
        assert_eq!(spin.window(), None, "a wake-up was cheap for each of them");
        spin.received(Arrival::Blocking, now, SOON_NS, LIMIT);
        assert!(spin.window().is_some());
    }

    /// How many of 10000 waits are spent looking when each `period`th look is in vain.
    fn share_of_looks(period: u32) -> u32 {
        let (mut spin, mut looks, now) = (Spin::default(), 0, NOW_NS);
        for _ in 0..10_000 {
            let found = match spin.window() {
                None => Arrival::Blocking,
                Some(_) => {
                    looks += 1;
                    if looks % period == 0 { Arrival::Blocking } else { Arrival::Looking }
                }
            };
            spin.received(found, now, SOON_NS, LIMIT);
        }
        looks
    }

    #[test]
    fn looks_that_seldom_succeed_become_rare_and_those_that_mostly_do_stay() {
        assert!(share_of_looks(1) < 50, "{}", share_of_looks(1));
        assert!(share_of_looks(2) < 500, "{}", share_of_looks(2));
        assert!(share_of_looks(10) > 6000, "{}", share_of_looks(10));
    }

    #[test]
    fn who_loses_the_cpu_again_and_again_looks_less_and_less() {
        let start = NOW_NS;
        let (mut spin, mut looks) = (Spin::default(), Vec::new());
        // Requests every 100 microseconds for 10 seconds; each look loses the CPU.
        for number in 0..100_000_u64 {
            let now = start + number * 100_000;
            let found = if spin.window().is_some() { Arrival::LosingTheCpu } else { Arrival::Blocking };
            looks.extend(spin.window().map(|_| now));
            spin.received(found, now, SOON_NS, LIMIT);
        }
        assert!((5..20).contains(&looks.len()), "{}", looks.len());
    }

    #[test]
    fn a_cpu_that_is_lost_once_in_a_while_costs_a_short_pause() {
        let start = NOW_NS;
        let (mut spin, mut looks) = (Spin::default(), 0);
        for number in 0..100_000_u64 {
            let now = start + number * 100_000;
            let found = match spin.window() {
                None => Arrival::Blocking,
                Some(_) if number % 2000 == 0 => Arrival::LosingTheCpu,
                Some(_) => Arrival::Looking,
            };
            looks += u32::from(found != Arrival::Blocking);
            spin.received(found, now, SOON_NS, LIMIT);
        }
        assert!(looks > 90_000, "{looks}");
    }
}
