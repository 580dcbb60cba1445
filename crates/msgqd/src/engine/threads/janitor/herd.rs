//! A herd: so many senders wait for room that a receive, which wakes them all, takes longer than all else together, and
//! brings one request. The janitor *narrows* the queue then: with a quarter of its size nobody's message fits while the
//! workers take the rest out, and nobody is woken. When that is done the queue has its size back, which wakes them once, for many
//! places.

use super::narrowing::Narrowing;
use crate::engine::shared::Shared;
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::queue::{Queue, QueueStat};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(super) struct HerdWatch {
    /// Since when the queue is full at every look, and how many requests had been received by then.
    full_since: Option<(Instant, u64)>,
    /// The last narrowing let many requests in, and the queue was full again at once.
    is_herd: bool,
    /// Nothing is tried before this moment.
    retry_at: Option<Instant>,
    /// Narrowings in a row that let nobody in.
    failures: u32,
}

/// So long the queue must be full before the requests that came in are counted.
const LOOK_TIME: Duration = Duration::from_millis(10);
/// With fewer requests in a millisecond than this, although the queue is full, either many wait or handlers are slow.
const SLOW_INTAKE_PER_MS: u128 = 2;
/// With so many while it is narrowed it was a herd that had made it slow.
const GOOD_INTAKE_PER_MS: u64 = 10;
/// So long workers may take to empty the queue.
const NARROWED_TIME: Duration = Duration::from_millis(5);
const NARROWED_PART: u64 = 4;
/// So long a herd needs at most to fill the queue.
const FILL_TIME: Duration = Duration::from_millis(5);
/// So long the janitor does nothing else.
const ROUND_TIME: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_micros(100);
/// Between two tries that were in vain, doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const MOST_DOUBLINGS: u32 = 7;
const PLACE_LEN: u64 = BODY_LEN_LP64 as u64;

impl HerdWatch {
    /// Looks whether there is a herd at the queue that requests come from, and lets it in. False when that has room for one more.
    pub(super) fn look(&mut self, shared: &Shared, queue: &Queue, stat: &QueueStat) -> bool {
        if stat.bytes.saturating_add(PLACE_LEN) <= stat.max_bytes {
            (self.full_since, self.is_herd) = (None, false);
            return false;
        }
        let is_due = self.retry_at.is_none_or(|moment| Instant::now() >= moment);
        let is_herd = self.is_herd || self.intake_is_slow(shared.congestion.received());
        if is_due && is_herd && stat.max_bytes / NARROWED_PART >= 2 * PLACE_LEN {
            let since = Instant::now();
            self.narrow(shared, queue, stat);
            while self.is_herd && since.elapsed() < ROUND_TIME && is_full_again(queue, stat.max_bytes) {
                self.narrow(shared, queue, stat);
            }
            self.full_since = None;
        }
        true
    }

    fn intake_is_slow(&mut self, received: u64) -> bool {
        let (since, before) = *self.full_since.get_or_insert_with(|| (Instant::now(), received));
        let (took, came) = (since.elapsed(), received.saturating_sub(before));
        if took < LOOK_TIME {
            return false;
        }
        self.full_since = None;
        came > 0 && u128::from(came) < took.as_millis() * SLOW_INTAKE_PER_MS
    }

    fn narrow(&mut self, shared: &Shared, queue: &Queue, stat: &QueueStat) {
        let size = stat.max_bytes;
        let narrowed = size / NARROWED_PART;
        let Some(narrowing) = Narrowing::begin(&shared.sizes, queue, size, narrowed) else { return self.note(false) };
        let suspended = shared.congestion.contest.suspend();
        let (since, received) = (Instant::now(), shared.congestion.received());
        let is_drained = || queue.stat().is_ok_and(|stat| stat.bytes <= narrowed + PLACE_LEN);
        while !is_drained() && since.elapsed() < NARROWED_TIME && !shared.lifecycle.is_stopping() {
            std::thread::yield_now();
        }
        drop(narrowing);
        drop(suspended);
        let came = shared.congestion.received().saturating_sub(received);
        let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        // A large queue is not drained so soon.
        let enough = (size / PLACE_LEN / NARROWED_PART).min(took_ms.saturating_mul(GOOD_INTAKE_PER_MS).max(1));
        self.note(came >= enough);
    }

    fn note(&mut self, is_success: bool) {
        self.is_herd = is_success;
        if is_success {
            (self.failures, self.retry_at) = (0, None);
        } else {
            let pause = FIRST_RETRY * (1 << self.failures.min(MOST_DOUBLINGS));
            self.failures = self.failures.saturating_add(1);
            self.retry_at = Some(Instant::now() + pause);
        }
    }
}

/// Waits for the herd to fill the queue; false when it does not.
fn is_full_again(queue: &Queue, size: u64) -> bool {
    let since = Instant::now();
    while since.elapsed() < FILL_TIME {
        let Ok(stat) = queue.stat() else { return false };
        if stat.max_bytes == size && stat.bytes + 2 * PLACE_LEN > size {
            return true;
        }
        std::thread::sleep(PAUSE);
    }
    false
}
