use super::counted;
use super::stat::moment;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rows of clients that the text shows at most; JSON shows all.
const MAX_ROWS: usize = 10;

/// What the table of a msgqd tells. `_s` in a name are seconds (since 1970 for moments), `_ms` milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct InsideReport {
    pub(crate) phase: ServerPhase,
    pub(crate) version: String,
    pub(crate) handler: String,
    /// Why the operator's logic is down; `null` while it works.
    pub(crate) handler_trouble: Option<String>,
    pub(crate) pid: i32,
    pub(crate) started_at_s: u64,
    /// `null` when it does not run any more.
    pub(crate) uptime_s: Option<u64>,
    /// Since the last sign of life.
    pub(crate) silent_ms: u64,
    /// Answers that went out, directly or late.
    pub(crate) served: u64,
    pub(crate) counters: BTreeMap<&'static str, u64>,
    pub(crate) in_hand: Vec<InHand>,
    pub(crate) outbox: OutboxReport,
    /// From receipt to hand-over to the kernel; `null` before the first answer.
    pub(crate) latency: Option<LatencySummary>,
    /// Of the operator's logic alone.
    pub(crate) handler_latency: Option<LatencySummary>,
    pub(crate) table_file: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerPhase {
    /// It finishes what an earlier one had in hand.
    Starting,
    Serving,
    /// It was asked to end.
    Draining,
    /// It is there, but shows no sign of life.
    Hangs,
    /// It was killed or crashed.
    Died,
    /// It ended in order and kept its queue.
    Ended,
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

impl InsideReport {
    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    pub(super) fn text(&self, now_s: i64) -> String {
        let started = moment(i64::try_from(self.started_at_s).unwrap_or(i64::MAX), now_s);
        let mut text = format!("daemon        msgqd {}, handler {}, started {started}\n", self.version, self.handler);
        let _ = writeln!(
            text,
            "served        {} answers, {} of them late; received {}",
            self.served,
            self.counter("answered_late"),
            self.counter("received")
        );
        if let Some(latency) = &self.latency {
            let _ = writeln!(text, "latency       {}", latency.text());
        }
        if let Some(latency) = self.handler_latency.as_ref().filter(|_| self.handler != "echo") {
            let _ = writeln!(text, "handler       {}", latency.text());
        }
        self.write_in_hand(&mut text);
        self.write_outbox(&mut text);
        self.write_counters(&mut text);
        text
    }

    fn write_in_hand(&self, text: &mut String) {
        let _ = writeln!(text, "in hand       {}", counted(self.in_hand.len(), "request"));
        for InHand { client, program, state, request, age_ms } in self.in_hand.iter().take(MAX_ROWS) {
            let program = program.as_deref().unwrap_or("-");
            let _ = writeln!(text, "{client:>21}  {state:<10}  request {request}, since {age_ms} ms  {program}");
        }
    }

    fn write_outbox(&self, text: &mut String) {
        let OutboxReport { answers, capacity, clients } = &self.outbox;
        let holders = counted(clients.len(), "client");
        let _ = writeln!(text, "outbox        {answers} of {capacity} places, for {holders}");
        for OutboxRow { client, program, state, answers, oldest_ms } in clients.iter().take(MAX_ROWS) {
            let program = program.as_deref().unwrap_or("-");
            let _ = writeln!(text, "{client:>21}  {state:<10}  {answers} answers, oldest {oldest_ms} ms  {program}");
        }
    }

    fn write_counters(&self, text: &mut String) {
        let shown_above = ["received", "answered", "answered_late", "scans"];
        let told = |name: &str, value: u64| value > 0 && !shown_above.contains(&name);
        let mut words = Vec::new();
        for (name, value) in self.counters.iter().filter(|(name, value)| told(name, **value)) {
            words.push(format!("{name} {value}"));
        }
        for (index, line) in words.chunks(3).enumerate() {
            let heading = if index == 0 { "counted" } else { "" };
            let _ = writeln!(text, "{heading:<14}{}", line.join(", "));
        }
    }
}

impl LatencySummary {
    fn text(&self) -> String {
        let Self { count, p50_us, p99_us, p999_us } = self;
        format!("p50 {p50_us} us, p99 {p99_us} us, p99.9 {p999_us} us, of {count}")
    }
}
