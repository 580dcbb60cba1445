//! What a daemon's table tells, in lines for people.

use super::groups::counter_groups;
use super::report::{DaemonReport, InHand, LastError, LatencySummary, OutboxReport, Rates};
use crate::output::{StyledText, counted, fill_bar, moment_with_age, rough_age};

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
        text.field("served", &format!("{served} answers, {late} of them late; received {received}"));
        if let Some(rates) = self.rates.text() {
            text.field("rate", &rates);
        }
        if let Some(latency) = &self.latency {
            text.field("latency", &latency.text());
        }
        if let Some(latency) = self.handler_latency.as_ref().filter(|_| self.handler != "echo") {
            text.field("handler", &latency.text());
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
            let InHand { client, request, age_ms, .. } = oldest;
            value.push_str(&format!(", the oldest for {} (request {request}, of PID {client})", rough_age(*age_ms)));
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
        format!("p50 {p50_us} us, p99 {p99_us} us, p99.9 {p999_us} us, of {count}")
    }
}
