//! How many answers went out lately.

use crate::memory::shared_struct;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// More than a minute of samples, since each is at least a second younger than the one before.
const SAMPLES: usize = 64;
const PAUSE_NS: u64 = 1_000_000_000;

shared_struct! {
    /// How many answers had gone out at about each second of the last minute, so that whoever looks once can tell rates.
    /// One thread writes.
    pub struct History {
        written: AtomicU64,
        samples: [Sample; SAMPLES],
    }
}

shared_struct! {
    struct Sample {
        /// `CLOCK_MONOTONIC`; 0: none.
        at_ns: AtomicU64,
        served: AtomicU64,
    }
}

impl History {
    /// Notes that so many answers had gone out at this moment (nanoseconds of `CLOCK_MONOTONIC`), unless the last note
    /// is younger than a second.
    pub fn note(&self, now_ns: u64, served: impl FnOnce() -> u64) {
        let written = self.written.load(Ordering::Relaxed);
        let last_ns =
            written.checked_sub(1).and_then(|last| self.sample(last)).map_or(0, |it| it.at_ns.load(Ordering::Relaxed));
        if written > 0 && now_ns.saturating_sub(last_ns) < PAUSE_NS {
            return;
        }
        if let Some(sample) = self.sample(written) {
            // A reader that comes in between sees no sample.
            sample.at_ns.store(0, Ordering::Release);
            sample.served.store(served(), Ordering::Release);
            sample.at_ns.store(now_ns, Ordering::Release);
            self.written.store(written.wrapping_add(1), Ordering::Release);
        }
    }

    /// The youngest note that is at least as old as `span`, or else the oldest of all: how long ago, and how many answers
    /// had gone out. `None` when there is no note of the past.
    #[must_use]
    pub fn before(&self, now_ns: u64, span: Duration) -> Option<(Duration, u64)> {
        let notes = self.samples.iter().filter_map(|sample| {
            let at_ns = sample.at_ns.load(Ordering::Acquire);
            let served = sample.served.load(Ordering::Acquire);
            let age_ns = now_ns.checked_sub(at_ns).filter(|age_ns| at_ns != 0 && *age_ns > 0)?;
            Some((Duration::from_nanos(age_ns), served))
        });
        let notes: Vec<_> = notes.collect();
        let old_enough = notes.iter().filter(|(age, _)| *age >= span).min_by_key(|(age, _)| *age);
        old_enough.or_else(|| notes.iter().max_by_key(|(age, _)| *age)).copied()
    }

    fn sample(&self, number: u64) -> Option<&Sample> {
        self.samples.get(usize::try_from(number).ok()? % SAMPLES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Shared;

    const SECOND: u64 = 1_000_000_000;

    fn ago(seconds: u64, served: u64) -> Option<(Duration, u64)> {
        Some((Duration::from_secs(seconds), served))
    }

    #[test]
    fn notes_are_a_second_apart_and_the_oldest_make_room() {
        let history = History::ZERO;
        assert_eq!(history.before(SECOND, Duration::ZERO), None);
        for half in 10..410 {
            history.note(half * SECOND / 2, || half);
        }
        let now = 205 * SECOND;
        assert_eq!(history.before(now, Duration::from_secs(1)), ago(1, 408));
        assert_eq!(history.before(now, Duration::from_secs(60)), ago(60, 290));
        assert_eq!(history.before(now, Duration::from_secs(600)), ago(64, 282));
    }

    #[test]
    fn where_nothing_is_old_enough_the_oldest_note_counts() {
        let history = History::ZERO;
        history.note(5 * SECOND, || 7);
        history.note(6 * SECOND, || 9);
        assert_eq!(history.before(6 * SECOND + 1, Duration::from_secs(60)).map(|(_, served)| served), Some(7));
        assert_eq!(history.before(5 * SECOND, Duration::from_secs(60)), None);
    }
}
