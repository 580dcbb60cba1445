//! When the requests of one client of a load are due: as soon as the last one is answered, or at a fixed rate.

use super::arguments::BenchArguments;
use crate::commands::latency::nanoseconds;
use std::time::{Duration, Instant};

/// When this client's requests are due.
pub(super) struct Schedule {
    pub(super) start: Instant,
    pub(super) end: Option<Instant>,
    count: u64,
    /// `None`: as soon as the last one is answered.
    pub(super) interval: Option<Duration>,
    /// The clients take turns.
    offset: Duration,
}

impl Schedule {
    pub(super) fn of_client(options: &BenchArguments, number: u32) -> Self {
        let (start, clients) = (Instant::now(), options.clients.max(1));
        let share = |count: u32| u64::from(count / clients + u32::from(number < count % clients));
        let between_any_two = options.rate.map(|rate| Duration::from_secs(1) / rate.max(1));
        Self {
            start,
            end: options.count.is_none().then(|| start + options.duration),
            count: options.count.map_or(u64::MAX, share),
            interval: between_any_two.map(|interval| interval * clients),
            offset: between_any_two.map_or(Duration::ZERO, |interval| interval * number),
        }
    }

    /// When request `index` is due; `None` when there is no such request.
    pub(super) fn due(&self, index: u64, now: Instant) -> Option<Instant> {
        let due = match self.interval {
            None => now,
            Some(interval) => {
                let since_start = nanoseconds(interval).saturating_mul(index);
                self.start + self.offset + Duration::from_nanos(since_start)
            }
        };
        (index < self.count && self.end.is_none_or(|end| due < end)).then_some(due)
    }

    /// How many were due by now and come too late: the time is over.
    pub(super) fn unsent(&self, index: u64) -> u64 {
        let (Some(end), Some(interval)) = (self.end, self.interval) else { return 0 };
        let ahead = end.saturating_duration_since(self.start + self.offset);
        let due = nanoseconds(ahead).div_ceil(nanoseconds(interval).max(1));
        due.saturating_sub(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(interval: Option<Duration>, end: Option<u64>, count: u64) -> Schedule {
        let start = Instant::now();
        let end = end.map(|seconds| start + Duration::from_secs(seconds));
        Schedule { start, end, count, interval, offset: Duration::from_millis(10) }
    }

    #[test]
    fn requests_of_a_fixed_rate_are_due_at_their_time_however_late_it_is() {
        let schedule = schedule(Some(Duration::from_millis(100)), Some(1), u64::MAX);
        let late = schedule.start + Duration::from_secs(9);
        let due = |index| schedule.due(index, late).map(|due| due.duration_since(schedule.start).as_millis());
        assert_eq!([due(0), due(1), due(9), due(10)], [Some(10), Some(110), Some(910), None]);
        assert_eq!((schedule.unsent(4), schedule.unsent(10)), (6, 0));
    }

    #[test]
    fn in_a_closed_loop_a_request_is_due_at_once_until_the_end_or_the_count() {
        let by_time = schedule(None, Some(1), u64::MAX);
        let (early, late) = (by_time.start, by_time.start + Duration::from_secs(1));
        assert_eq!((by_time.due(7, early), by_time.due(7, late)), (Some(early), None));
        let by_count = schedule(None, None, 2);
        assert!(by_count.due(1, late).is_some() && by_count.due(2, late).is_none());
    }
}
