//! What the table of a msgqd tells, as `stat` and `explain` show it in JSON. `_s` in a name are seconds (since 1970 for
//! moments), `_ms` milliseconds.

use super::phase::ServerPhase;
use msgq_core::inflight::CountersSnapshot;
use serde::Serialize;

/// One daemon, alive or not, and what it has in hand.
#[derive(Debug, Serialize)]
pub(crate) struct DaemonReport {
    pub(crate) phase: ServerPhase,
    pub(crate) version: String,
    pub(crate) handler: String,
    /// Why the operator's logic is down; `null` while it works.
    pub(crate) handler_trouble: Option<String>,
    pub(crate) pid: i32,
    pub(crate) started_at_s: u64,
    /// The last error that it logged.
    pub(crate) last_error: Option<LastError>,
    /// `null` when it does not run any more.
    pub(crate) uptime_s: Option<u64>,
    /// Since the last sign of life.
    pub(crate) silent_ms: u64,
    /// When it last gave one.
    pub(crate) seen_alive_at_s: u64,
    /// Answers that went out, directly or late.
    pub(crate) served: u64,
    pub(crate) rates: Rates,
    /// Shown by name beside this.
    #[serde(skip)]
    pub(crate) counters: CountersSnapshot,
    pub(crate) in_hand: Vec<InHand>,
    pub(crate) outbox: OutboxReport,
    /// From receipt to hand-over to the kernel; `null` before the first answer.
    pub(crate) latency: Option<LatencySummary>,
    /// Of the operator's logic alone.
    pub(crate) handler_latency: Option<LatencySummary>,
    pub(crate) table_file: String,
}

/// A line of its log.
#[derive(Debug, Serialize)]
pub(crate) struct LastError {
    pub(crate) at_s: u64,
    /// At most 256 bytes of it.
    pub(crate) text: String,
}

/// Answers a second; `null` when it does not run any more, or only just began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rates {
    /// In the last second or two.
    pub(crate) now_per_s: Option<f64>,
    /// In the last minute, or since the start if that was later.
    pub(crate) minute_per_s: Option<f64>,
    pub(crate) since_start_per_s: Option<f64>,
}

/// A request that is being worked on.
#[derive(Debug, Serialize)]
pub(crate) struct InHand {
    pub(crate) client: i32,
    pub(crate) program: Option<String>,
    pub(crate) state: &'static str,
    /// Its number since the start.
    pub(crate) request: u64,
    pub(crate) age_ms: u64,
}

/// Answers that wait for room in the queue or for their client.
#[derive(Debug, Serialize)]
pub(crate) struct OutboxReport {
    pub(crate) answers: usize,
    pub(crate) capacity: u32,
    /// Who holds the most comes first.
    pub(crate) clients: Vec<OutboxRow>,
}

/// Answers for one client.
#[derive(Debug, Serialize)]
pub(crate) struct OutboxRow {
    pub(crate) client: i32,
    pub(crate) program: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) answers: usize,
    pub(crate) oldest_ms: u64,
}

/// Of all since the start, each rounded up by at most an eighth.
#[derive(Debug, Serialize)]
pub(crate) struct LatencySummary {
    pub(crate) count: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
}
