//! What the table of a msgqd tells, as JSON and as text. `_s` in a name are seconds (since 1970 for moments), `_ms`
//! milliseconds.

use super::groups::counter_groups;
use super::phase::ServerPhase;
use crate::output::{StyledText, counted, fill_bar, moment_with_age, rough_age, short_span};
use crate::system::names::{WITHOUT_PROCESSES, client_label};
use msgq_core::table::CountersSnapshot;
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
    /// The last error that it logged, if any.
    pub(crate) last_error: Option<LastError>,
    /// Seconds since its start; `null` when it does not run any more.
    pub(crate) uptime_s: Option<u64>,
    /// Milliseconds since its last sign of life.
    pub(crate) silent_ms: u64,
    /// When it last gave a sign of life.
    pub(crate) seen_alive_at_s: u64,
    /// Answers that went out, directly or late, and messages that were taken where nothing is answered.
    pub(crate) served: u64,
    pub(crate) rates: Rates,
    /// All counters since its start; JSON shows them by name beside this.
    #[serde(skip)]
    pub(crate) counters: CountersSnapshot,
    pub(crate) in_hand: Vec<RequestInHand>,
    pub(crate) outbox: OutboxReport,
    /// From receipt to hand-over to the kernel; `null` before the first answer.
    pub(crate) latency: Option<LatencySummary>,
    /// How long the operator's logic took; `null` before the first request.
    pub(crate) handler_latency: Option<LatencySummary>,
    /// `process`, or `number` where no process is behind a client's number.
    pub(crate) clients_are: &'static str,
    pub(crate) table_file: String,
    /// What systemctl calls it.
    #[serde(skip)]
    pub(crate) unit: String,
}

/// An error that the daemon logged.
#[derive(Debug, Serialize)]
pub(crate) struct LastError {
    pub(crate) at_s: u64,
    /// The line, of which the table keeps at most 256 bytes.
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
pub(crate) struct RequestInHand {
    pub(crate) client: i64,
    pub(crate) program: Option<String>,
    pub(crate) state: &'static str,
    /// The request's number since the daemon's start.
    pub(crate) request: u64,
    pub(crate) age_ms: u64,
}

/// Answers that wait for room in the queue or for their client.
#[derive(Debug, Serialize)]
pub(crate) struct OutboxReport {
    pub(crate) answers: usize,
    pub(crate) capacity: u32,
    /// One row for each client, who holds the most first.
    pub(crate) clients: Vec<OutboxRow>,
}

/// The answers in the outbox for one client.
#[derive(Debug, Serialize)]
pub(crate) struct OutboxRow {
    pub(crate) client: i64,
    pub(crate) program: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) answers: usize,
    pub(crate) oldest_ms: u64,
}

/// Percentiles of all latencies since the start, in microseconds, each rounded up by at most an eighth.
#[derive(Debug, Serialize)]
pub(crate) struct LatencySummary {
    pub(crate) count: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
}

impl DaemonReport {
    pub(crate) fn text(&self, now_s: i64) -> StyledText {
        let started = moment_with_age(i64::try_from(self.started_at_s).unwrap_or(i64::MAX), now_s);
        let mut text = StyledText::default();
        text.field("daemon", &format!("msgqd {}, handler {}, started {started}", self.version, self.handler));
        if let Some(trouble) = &self.handler_trouble {
            text.field("trouble", trouble);
        }
        if let Some(LastError { at_s, text: error }) = &self.last_error {
            let at = moment_with_age(i64::try_from(*at_s).unwrap_or(i64::MAX), now_s);
            text.field("last error", &format!("{at}: {error}"));
        }
        let counters = &self.counters;
        let (served, late, received) = (self.served, counters.answered_late, counters.received);
        let served = match counters.consumed {
            0 => format!("{}, {late} of them late", counted(served, "answer")),
            taken => format!("{} taken by the handler", counted(taken, "message")),
        };
        text.field("served", &format!("{served}; received {received}"));
        if let Some(rates) = self.rates.text() {
            text.field("rate", &rates);
        }
        if let Some(latency) = &self.latency {
            text.field("latency", &latency.text());
        }
        if let Some(latency) = self.handler_latency.as_ref().filter(|_| self.handler != "echo") {
            text.field("handler", &latency.text());
        }
        if self.clients_are == "number" {
            text.field("clients", WITHOUT_PROCESSES);
        }
        text.field("in hand", &self.in_hand());
        text.field("outbox", &self.outbox.text());
        for (heading, numbers) in counter_groups(counters) {
            let told: Vec<_> = numbers.iter().filter(|(_, value)| *value > 0).collect();
            let words: Vec<_> = told.iter().map(|(name, value)| format!("{name} {value}")).collect();
            // What an operator looks for is shown also when there is nothing of it.
            if !words.is_empty() || matches!(heading, "orphans" | "dropped") {
                text.field(heading, &if words.is_empty() { "none".to_owned() } else { words.join(", ") });
            }
        }
        text
    }

    fn in_hand(&self) -> String {
        let mut value = counted(self.in_hand.len(), "request");
        if let Some(oldest) = self.in_hand.iter().max_by_key(|held| held.age_ms) {
            let RequestInHand { client, state, request, age_ms, .. } = oldest;
            let (age, client) = (rough_age(*age_ms), client_label(*client, state));
            value.push_str(&format!(", the oldest for {age} (request {request}, of {client})"));
        }
        value
    }
}

impl OutboxReport {
    fn text(&self) -> String {
        let answers = u64::try_from(self.answers).unwrap_or(u64::MAX);
        let mut value = fill_bar(answers, self.capacity.into());
        if let Some(oldest_ms) = self.clients.iter().map(|row| row.oldest_ms).max() {
            let clients = counted(self.clients.len(), "client");
            value.push_str(&format!(", for {clients}, the oldest for {}", rough_age(oldest_ms)));
        }
        value
    }
}

impl Rates {
    fn text(self) -> Option<String> {
        let named =
            [(self.now_per_s, "now"), (self.minute_per_s, "last minute"), (self.since_start_per_s, "since start")];
        // Three times six digits and a fraction would not fit into a line of 80 columns.
        let shown = |rate: f64| if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") };
        let words: Vec<_> =
            named.iter().filter_map(|(rate, name)| Some(format!("{} {name}", shown((*rate)?)))).collect();
        (!words.is_empty()).then(|| format!("answers/s: {}", words.join(", ")))
    }
}

impl LatencySummary {
    fn text(&self) -> String {
        let Self { count, p50_us, p99_us, p999_us } = self;
        let [p50, p99, p999] = [p50_us, p99_us, p999_us].map(|us| short_span(us.saturating_mul(1000)));
        format!("p50 {p50}, p99 {p99}, p99.9 {p999}, of {count}")
    }
}
