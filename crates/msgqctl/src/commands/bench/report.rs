use crate::commands::latency::LatencyReport;
use crate::output::{StyledText, Text};
use serde::{Deserialize, Serialize};

/// Result of `bench`.
#[derive(Debug, Serialize)]
pub(crate) struct BenchReport {
    pub(crate) clients: u32,
    /// What was asked for; `null` in a closed loop.
    pub(crate) rate_per_s: Option<u32>,
    /// How many were sent.
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    /// Answers with a status other than 0.
    pub(crate) errors: u64,
    /// Not answered in time; not in the latencies.
    pub(crate) timeouts: u64,
    /// Were due and came too late to be sent.
    pub(crate) unsent: u64,
    /// Of the client that took longest.
    pub(crate) elapsed_ns: u64,
    /// With a rate: from when the request was due. `null` when nothing was answered.
    pub(crate) latency_ns: Option<LatencyReport>,
}

/// What one client tells.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ClientResult {
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    pub(crate) errors: u64,
    pub(crate) timeouts: u64,
    pub(crate) unsent: u64,
    pub(crate) elapsed_ns: u64,
    /// Why it ended early: the exit code that this is worth, and a message.
    pub(crate) failure: Option<(u8, String)>,
    /// Latencies and how often each was measured.
    pub(crate) latencies_ns: Vec<(u64, u64)>,
}

impl Text for ClientResult {
    fn text(&self) -> StyledText {
        StyledText::default()
    }
}

impl BenchReport {
    pub(crate) fn new(clients: u32, rate_per_s: Option<u32>) -> Self {
        Self {
            clients,
            rate_per_s,
            requests: 0,
            answered: 0,
            errors: 0,
            timeouts: 0,
            unsent: 0,
            elapsed_ns: 0,
            latency_ns: None,
        }
    }

    pub(crate) fn add(&mut self, client: &ClientResult) {
        self.requests += client.requests;
        self.answered += client.answered;
        self.errors += client.errors;
        self.timeouts += client.timeouts;
        self.unsent += client.unsent;
        self.elapsed_ns = self.elapsed_ns.max(client.elapsed_ns);
    }
}

impl Text for BenchReport {
    fn text(&self) -> StyledText {
        let Self { clients, requests, answered, errors, timeouts, .. } = self;
        let per_s = u128::from(*answered) * 1_000_000_000 / u128::from(self.elapsed_ns.max(1));
        let load = self.rate_per_s.map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate} requests a second"));
        let elapsed_ms = self.elapsed_ns / 1_000_000;
        let mut text = StyledText::default();
        text.line(format!("load      {clients} clients, {load}"));
        text.line(format!("requests  {requests} in {elapsed_ms} ms"));
        text.line(format!("answered  {answered} ({errors} errors), {per_s} a second; {timeouts} timed out"));
        if let Some(latency) = self.latency_ns {
            text.line(latency.line());
        }
        text
    }
}
