//! Latencies of many calls and their percentiles.

use crate::failure::{Failure, Status};
use crate::output::short_span;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// Longer latencies count as an hour.
const LONGEST_NS: u64 = 3600 * 1_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// Latencies of the answers, errors included, in nanoseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct LatencyReport {
    pub(crate) min: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

impl LatencyReport {
    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let all_ns = [self.min, self.p50, self.p90, self.p99, self.p999, self.max];
        let [min, p50, p90, p99, p999, max] = all_ns.map(short_span);
        format!("latency   min {min}, p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}")
    }
}

/// Empty; three digits of each latency are kept.
pub(crate) fn latency_histogram() -> Result<Histogram<u64>, Failure> {
    let histogram = Histogram::new_with_bounds(1, LONGEST_NS, SIGNIFICANT_DIGITS);
    histogram.map_err(|error| Failure::new(Status::Other, error.to_string()))
}

/// Percentiles of what was measured; `None` when that is nothing.
pub(crate) fn latency_percentiles(latencies_ns: &Histogram<u64>) -> Option<LatencyReport> {
    let at = |quantile| latencies_ns.value_at_quantile(quantile);
    (!latencies_ns.is_empty()).then(|| LatencyReport {
        min: latencies_ns.min(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: latencies_ns.max(),
    })
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
