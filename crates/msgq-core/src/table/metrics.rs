//! The metrics: what was counted, by whom.

use super::block::Table;
use super::counters::{self, Counters, CountersSnapshot};
use super::histogram::{self, Histogram, HistogramSnapshot};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters and histograms, as one thread writes them.
///
/// The first worker has metrics of its own, which nobody else writes, and so needs no locked instruction, where it would need
/// five for each request. All other threads share theirs.
#[derive(Debug, Clone, Copy)]
pub struct Metrics<'a> {
    counters: &'a Counters,
    latency: &'a Histogram,
    handler_latency: &'a Histogram,
    has_one_writer: bool,
}

impl<'a> Metrics<'a> {
    /// The counters, for [`Metrics::add`].
    #[must_use]
    pub fn counters(&self) -> &'a Counters {
        self.counters
    }

    /// Adds one to a counter of these metrics.
    pub fn add(&self, counter: &AtomicU64) {
        if self.has_one_writer {
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        } else {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts the time from receipt to the answer's hand-over to the kernel, in nanoseconds.
    pub fn record_latency(&self, nanoseconds: u64) {
        if let Some(bucket) = self.latency.bucket(nanoseconds) {
            self.add(bucket);
        }
    }

    /// Counts how long the operator's logic took for a request, in nanoseconds.
    pub fn record_handler_latency(&self, nanoseconds: u64) {
        if let Some(bucket) = self.handler_latency.bucket(nanoseconds) {
            self.add(bucket);
        }
    }
}

impl Table {
    /// The counters that all threads share.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.metrics().counters
    }

    /// The metrics that all threads share.
    #[must_use]
    pub fn metrics(&self) -> Metrics<'_> {
        self.metrics_at(0)
    }

    /// The metrics of a worker, which it alone writes when it is the first.
    #[must_use]
    pub fn metrics_of(&self, worker: usize) -> Metrics<'_> {
        if worker == 0 { Metrics { has_one_writer: true, ..self.metrics_at(1) } } else { self.metrics() }
    }

    fn metrics_at(&self, index: usize) -> Metrics<'_> {
        let (counters, latency, handler_latency) = self.offsets.metrics(index);
        Metrics {
            counters: self.region.shared(counters).unwrap_or(&counters::NOWHERE),
            latency: self.region.shared(latency).unwrap_or(&histogram::NOWHERE),
            handler_latency: self.region.shared(handler_latency).unwrap_or(&histogram::NOWHERE),
            has_one_writer: false,
        }
    }

    fn all_metrics(&self) -> [Metrics<'_>; 2] {
        [self.metrics_at(0), self.metrics_at(1)]
    }

    /// What all threads counted, each counter read by itself.
    #[must_use]
    pub fn counted(&self) -> CountersSnapshot {
        let [shared, own] = self.all_metrics().map(|metrics| metrics.counters.snapshot());
        shared.plus(&own)
    }

    /// What all threads counted on one counter.
    pub fn count_of(&self, counter: impl Fn(&Counters) -> &AtomicU64) -> u64 {
        let [shared, own] = self.all_metrics().map(|metrics| counter(metrics.counters).load(Ordering::Relaxed));
        shared.wrapping_add(own)
    }

    /// Times from receipt to the answer's hand-over to the kernel.
    #[must_use]
    pub fn latency(&self) -> HistogramSnapshot {
        let [shared, own] = self.all_metrics().map(|metrics| metrics.latency.snapshot());
        shared.plus(&own)
    }

    /// How long the operator's logic took for requests.
    #[must_use]
    pub fn handler_latency(&self) -> HistogramSnapshot {
        let [shared, own] = self.all_metrics().map(|metrics| metrics.handler_latency.snapshot());
        shared.plus(&own)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use crate::table::{Geometry, Table};

    const GEOMETRY: Geometry = Geometry::plain(3, 1, 8192, 1);

    #[test]
    fn what_all_threads_counted_is_told_together() {
        let table = Table::anonymous(GEOMETRY).unwrap();
        let all = [table.metrics(), table.metrics_of(0), table.metrics_of(1), table.metrics_of(2)];
        for metrics in all {
            metrics.add(&metrics.counters().received);
            metrics.record_latency(5000);
            metrics.record_handler_latency(5000);
        }
        assert_eq!(table.counted().received, 4);
        assert_eq!(table.count_of(|counters| &counters.received), 4);
        assert_eq!((table.latency().count(), table.handler_latency().count()), (4, 4));
        assert_eq!(table.counted().answered, 0);
    }

    #[test]
    fn threads_that_share_books_lose_no_count() {
        let table = Table::anonymous(GEOMETRY).unwrap();
        std::thread::scope(|scope| {
            for worker in 0..GEOMETRY.workers {
                let metrics = table.metrics_of(worker);
                scope.spawn(move || (0..100_000).for_each(|_| metrics.add(&metrics.counters().received)));
            }
        });
        assert_eq!(table.counted().received, 300_000);
    }
}
