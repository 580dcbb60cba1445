//! The books: what was counted, by whom.

use super::block::Table;
use super::counters::{self, Counters, CountersSnapshot};
use super::histogram::{self, Histogram, HistogramSnapshot};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters and histograms, as one thread writes them.
///
/// The first worker has books of its own, which nobody else writes, and so needs no locked instruction, where it would need
/// five for each request. All other threads share theirs.
#[derive(Debug, Clone, Copy)]
pub struct Books<'a> {
    counters: &'a Counters,
    latency: &'a Histogram,
    handler_latency: &'a Histogram,
    has_one_writer: bool,
}

impl<'a> Books<'a> {
    /// The counters, for [`Books::add`].
    #[must_use]
    pub fn counters(&self) -> &'a Counters {
        self.counters
    }

    /// Adds one to a counter of these books.
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
        self.books().counters
    }

    /// The books that all threads share.
    #[must_use]
    pub fn books(&self) -> Books<'_> {
        self.books_at(0)
    }

    /// The books of a worker, which it alone writes when it is the first.
    #[must_use]
    pub fn books_of(&self, worker: usize) -> Books<'_> {
        if worker == 0 { Books { has_one_writer: true, ..self.books_at(1) } } else { self.books() }
    }

    fn books_at(&self, index: usize) -> Books<'_> {
        let (counters, latency, handler_latency) = self.offsets.books(index);
        Books {
            counters: self.region.shared(counters).unwrap_or(&counters::NOWHERE),
            latency: self.region.shared(latency).unwrap_or(&histogram::NOWHERE),
            handler_latency: self.region.shared(handler_latency).unwrap_or(&histogram::NOWHERE),
            has_one_writer: false,
        }
    }

    fn all_books(&self) -> [Books<'_>; 2] {
        [self.books_at(0), self.books_at(1)]
    }

    /// What all threads counted, each counter read by itself.
    #[must_use]
    pub fn counted(&self) -> CountersSnapshot {
        let [shared, own] = self.all_books().map(|books| books.counters.snapshot());
        shared.plus(&own)
    }

    /// What all threads counted on one counter.
    pub fn count_of(&self, counter: impl Fn(&Counters) -> &AtomicU64) -> u64 {
        let [shared, own] = self.all_books().map(|books| counter(books.counters).load(Ordering::Relaxed));
        shared.wrapping_add(own)
    }

    /// Times from receipt to the answer's hand-over to the kernel.
    #[must_use]
    pub fn latency(&self) -> HistogramSnapshot {
        let [shared, own] = self.all_books().map(|books| books.latency.snapshot());
        shared.plus(&own)
    }

    /// How long the operator's logic took for requests.
    #[must_use]
    pub fn handler_latency(&self) -> HistogramSnapshot {
        let [shared, own] = self.all_books().map(|books| books.handler_latency.snapshot());
        shared.plus(&own)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use crate::inflight::{Geometry, Table};

    const GEOMETRY: Geometry = Geometry { workers: 3, capacity: 1, message_room: 8192, clients: 1 };

    #[test]
    fn what_all_threads_counted_is_told_together() {
        let table = Table::anonymous(GEOMETRY).unwrap();
        let all = [table.books(), table.books_of(0), table.books_of(1), table.books_of(2)];
        for books in all {
            books.add(&books.counters().received);
            books.record_latency(5000);
            books.record_handler_latency(5000);
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
                let books = table.books_of(worker);
                scope.spawn(move || (0..100_000).for_each(|_| books.add(&books.counters().received)));
            }
        });
        assert_eq!(table.counted().received, 300_000);
    }
}
