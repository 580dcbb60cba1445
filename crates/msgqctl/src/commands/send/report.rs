use crate::commands::latency::LatencyReport;
use crate::output::{StyledText, Text};
use serde::Serialize;

/// Result of `send`; names with `_ns` are nanoseconds.
#[derive(Debug, Serialize)]
pub(crate) struct AnswerReport {
    pub(crate) status: i32,
    /// As the server sent it, or escaped where it is no UTF-8.
    pub(crate) text: String,
    pub(crate) text_escaped: String,
    pub(crate) latency_ns: u64,
}

impl Text for AnswerReport {
    fn text(&self) -> StyledText {
        // An error goes to standard error.
        if self.status == 0 { format!("{}\n", self.text_escaped).into() } else { StyledText::default() }
    }
}

/// Result of `send --count`.
#[derive(Debug, Serialize)]
pub(crate) struct SummaryReport {
    /// How many were to be sent.
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    /// Answers with a status other than 0.
    pub(crate) errors: u64,
    pub(crate) elapsed_ns: u64,
    /// `null` when nothing was answered.
    pub(crate) latency_ns: Option<LatencyReport>,
}

impl Text for SummaryReport {
    fn text(&self) -> StyledText {
        let rate = u128::from(self.answered) * 1_000_000_000 / u128::from(self.elapsed_ns.max(1));
        let mut text = format!(
            "requests  {}\nanswered  {} ({} errors) in {} ms, {rate} a second\n",
            self.requests,
            self.answered,
            self.errors,
            self.elapsed_ns / 1_000_000
        );
        if let Some(latency) = self.latency_ns {
            text.push_str(&latency.text());
        }
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_shows_counts_rate_and_microseconds() {
        let latency = LatencyReport { min: 1050, p50: 2000, p90: 3000, p99: 4000, p999: 5000, max: 9_999_999 };
        let report = SummaryReport {
            requests: 100,
            answered: 50,
            errors: 2,
            elapsed_ns: 2_000_000_000,
            latency_ns: Some(latency),
        };
        let text = report.text().to_string();
        assert!(text.contains("answered  50 (2 errors) in 2000 ms, 25 a second"), "{text}");
        assert!(text.contains("min 1.0, p50 2.0") && text.contains("max 9999.9 µs"), "{text}");
    }
}
