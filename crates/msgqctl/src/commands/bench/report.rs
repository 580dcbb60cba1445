//! What one client of a load tells, and what comes out for all.

use crate::commands::latency::LatencyReport;
use crate::commands::reply_choice::ReplyChoice;
use crate::failure::Failure;
use crate::output::{StyledText, Text, counted, short_span};
use serde::{Deserialize, Serialize};

/// Result of `bench`.
#[derive(Debug, Serialize)]
pub(super) struct BenchReport {
    pub(super) clients: u32,
    /// Where answers go.
    pub(super) reply: ReplyChoice,
    /// What was asked for; `null` in a closed loop.
    pub(super) rate_per_s: Option<u32>,
    #[serde(flatten)]
    pub(super) totals: RequestTotals,
    /// With a rate: from when the request was due. Until the queue took it, where nothing is answered. `null` when there is none.
    pub(super) latency_ns: Option<LatencyReport>,
}

/// What became of requests: those of one client, or of all.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct RequestTotals {
    /// How many were sent.
    pub(super) requests: u64,
    pub(super) answered: u64,
    /// Answers with a status other than 0.
    pub(super) errors: u64,
    /// Not answered in time; not in the latencies.
    pub(super) timeouts: u64,
    /// Were due and came too late to be sent.
    pub(super) unsent: u64,
    /// Of the client that took longest.
    pub(super) elapsed_ns: u64,
}

impl RequestTotals {
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.answered += other.answered;
        self.errors += other.errors;
        self.timeouts += other.timeouts;
        self.unsent += other.unsent;
        self.elapsed_ns = self.elapsed_ns.max(other.elapsed_ns);
    }
}

/// What one client tells.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ClientResult {
    #[serde(flatten)]
    pub(super) totals: RequestTotals,
    /// Why it ended early.
    pub(super) failure: Option<Failure>,
    /// Latencies and how often each was measured.
    pub(super) latencies_ns: Vec<(u64, u64)>,
}

/// It is for the program that counts.
impl Text for ClientResult {
    fn text(&self) -> StyledText {
        StyledText::default()
    }
}

impl Text for BenchReport {
    fn text(&self) -> StyledText {
        let RequestTotals { requests, answered, errors, timeouts, elapsed_ns, .. } = self.totals;
        let per_s = u128::from(answered) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
        let load = self
            .rate_per_s
            .map_or_else(|| "closed loop".to_owned(), |rate| format!("{} a second", counted(rate, "request")));
        let mut text = StyledText::default();
        text.line(format!("load      {}, {load}", counted(self.clients, "client")));
        text.line(format!("requests  {requests} in {}", short_span(elapsed_ns)));
        if self.reply == ReplyChoice::None {
            let sent = requests.saturating_sub(timeouts);
            let per_s = u128::from(sent) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
            text.line(format!("sent      {sent}, {per_s} a second; {timeouts} found no room in time"));
        } else {
            let errors = counted(errors, "error");
            text.line(format!("answered  {answered} ({errors}), {per_s} a second; {timeouts} timed out"));
        }
        if let Some(latency) = self.latency_ns {
            text.line(latency.line());
        }
        text
    }
}
