//! How long things took.

use crate::memory::{Shared, shared_struct};
use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets for each power of two; a value is known to within 1/8.
const STEPS: u32 = 8;
const BUCKETS: usize = 320;

shared_struct! {
    /// Durations in nanoseconds in buckets that grow by 1/8 of a power of two, up to 18 minutes. Written without locks.
    pub struct Histogram {
        buckets: [AtomicU64; BUCKETS],
    }
}

/// Stands in for a histogram that cannot be reached, so that counting never fails.
pub(super) static NOWHERE: Histogram = Histogram::ZERO;

fn bucket_of(nanoseconds: u64) -> usize {
    let power = nanoseconds.max(u64::from(STEPS)).ilog2();
    let step = (nanoseconds >> (power - STEPS.ilog2())) & u64::from(STEPS - 1);
    let below = u64::from((power - STEPS.ilog2()) * STEPS);
    let index = if nanoseconds < u64::from(STEPS) { nanoseconds } else { below + u64::from(STEPS) + step };
    usize::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(0);
    let steps = u64::from(STEPS);
    if bucket < steps {
        return bucket;
    }
    let shift = bucket / steps - 1;
    ((steps + bucket % steps + 1) << shift) - 1
}

impl Histogram {
    /// What counts durations such as this one.
    pub(super) fn bucket(&self, nanoseconds: u64) -> Option<&AtomicU64> {
        self.buckets.get(bucket_of(nanoseconds))
    }

    /// Reads all buckets, each by itself.
    pub(super) fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot { buckets: self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect() }
    }
}

/// What a histogram said at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    buckets: Vec<u64>,
}

impl HistogramSnapshot {
    /// The counts of two histograms together.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let both = self.buckets.iter().zip(&other.buckets);
        Self { buckets: both.map(|(one, other)| one.saturating_add(*other)).collect() }
    }

    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        // Saturating, as all sums here: the table may be one that was damaged.
        self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(*bucket))
    }

    /// The duration that `per_mille` of 1000 durations did not exceed, in nanoseconds, rounded up to its bucket;
    /// `None` when nothing was counted.
    #[must_use]
    pub fn quantile_ns(&self, per_mille: u64) -> Option<u64> {
        let count = self.count();
        let wanted = (u128::from(count) * u128::from(per_mille.min(1000))).div_ceil(1000).max(1);
        let mut seen = 0_u128;
        self.buckets.iter().enumerate().find_map(|(index, bucket)| {
            seen += u128::from(*bucket);
            (count > 0 && seen >= wanted).then(|| upper_bound(index))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_a_bucket_that_reaches_it_and_is_at_most_an_eighth_wider() {
        for nanoseconds in (0..2000).chain((0..40).map(|power| (1_u64 << power) + 12345 % (1 << power))) {
            let bound = upper_bound(bucket_of(nanoseconds));
            assert!(bound >= nanoseconds, "{nanoseconds} in a bucket up to {bound}");
            assert!(bound - nanoseconds <= nanoseconds / 8, "{nanoseconds} in a bucket up to {bound}");
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        for nanoseconds in 1..=1000 {
            NOWHERE.bucket(nanoseconds * 1000).unwrap().fetch_add(1, Ordering::Relaxed);
        }
        let snapshot = NOWHERE.snapshot();
        assert_eq!(snapshot.count(), 1000);
        for (per_mille, exact) in [(500, 500_000), (990, 990_000), (1000, 1_000_000)] {
            let bound = snapshot.quantile_ns(per_mille).unwrap();
            assert!(bound >= exact && bound <= exact + exact / 8, "{per_mille}: {bound}");
        }
    }
}
