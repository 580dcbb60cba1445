//! What became of one test request, or of many.

use crate::commands::CommandOutcome;
use crate::commands::latency::{LatencyReport, latency_histogram, latency_percentiles, nanoseconds};
use crate::failure::{Failure, Status};
use crate::output::{StyledText, Text, counted, short_span};
use hdrhistogram::Histogram;
use msgq_core::client::{Answer, CallError};
use msgq_core::escape::escape;
use nix::sys::signal::Signal;
use serde::Serialize;
use std::time::Instant;

/// Result of `send`; names with `_ns` are nanoseconds.
#[derive(Debug, Serialize)]
struct AnswerReport {
    status: i32,
    /// As the server sent it, or escaped where it is no UTF-8.
    text: String,
    text_escaped: String,
    latency_ns: u64,
}

impl Text for AnswerReport {
    fn text(&self) -> StyledText {
        // An error goes to standard error.
        if self.status == 0 { format!("{}\n", self.text_escaped).into() } else { StyledText::default() }
    }
}

pub(super) fn single_answer(answer: &Answer) -> CommandOutcome {
    let escaped = escape(&answer.text);
    let report = AnswerReport {
        status: answer.status,
        text: String::from_utf8(answer.text.clone()).unwrap_or_else(|_| escaped.clone()),
        text_escaped: escaped,
        latency_ns: nanoseconds(answer.latency),
    };
    if answer.status == 0 {
        return CommandOutcome::done(report);
    }
    CommandOutcome {
        diagnostics: vec![server_error(answer)],
        status: Status::ServerError,
        ..CommandOutcome::done(report)
    }
}

fn server_error(answer: &Answer) -> String {
    format!("the server answered an error (status {}): {}", answer.status, escape(&answer.text))
}

/// Result of `send --count`.
#[derive(Debug, Serialize)]
struct SummaryReport {
    /// How many were to be sent.
    requests: u64,
    answered: u64,
    /// Answers with a status other than 0.
    errors: u64,
    elapsed_ns: u64,
    /// `null` when nothing was answered.
    latency_ns: Option<LatencyReport>,
}

impl Text for SummaryReport {
    fn text(&self) -> StyledText {
        let rate = u128::from(self.answered) * 1_000_000_000 / u128::from(self.elapsed_ns.max(1));
        let Self { requests, answered, errors, .. } = self;
        let mut text = StyledText::default();
        text.line(format!("requests  {requests}"));
        let errors = counted(*errors, "error");
        text.line(format!("answered  {answered} ({errors}) in {}, {rate} a second", short_span(self.elapsed_ns)));
        if let Some(latency) = self.latency_ns {
            text.line(latency.line());
        }
        text
    }
}

/// The calls so far.
pub(super) struct RepeatedSend {
    latencies_ns: Histogram<u64>,
    started: Instant,
    first_error: Option<String>,
    errors: u64,
}

impl RepeatedSend {
    pub(super) fn start() -> Result<Self, Failure> {
        Ok(Self { latencies_ns: latency_histogram()?, started: Instant::now(), first_error: None, errors: 0 })
    }

    /// A call that was not answered ends the run: the next ones would only wait as long in vain.
    pub(super) fn add(&mut self, result: Result<Answer, CallError>) -> Result<(), CallError> {
        let answer = result?;
        self.latencies_ns.saturating_record(nanoseconds(answer.latency));
        if answer.status != 0 {
            self.errors += 1;
            self.first_error.get_or_insert_with(|| server_error(&answer));
        }
        Ok(())
    }

    /// `failed` ended the run, or a signal did.
    pub(super) fn outcome(
        self,
        asked: u32,
        failed: Option<Failure>,
        signal: Option<Signal>,
    ) -> Result<CommandOutcome, Failure> {
        let answered = self.latencies_ns.len();
        let report = SummaryReport {
            requests: u64::from(asked),
            answered,
            errors: self.errors,
            elapsed_ns: nanoseconds(self.started.elapsed()),
            latency_ns: latency_percentiles(&self.latencies_ns),
        };
        let (status, message) = match (failed, self.first_error) {
            (Some(failure), _) if answered == 0 && signal.is_none() => return Err(failure),
            (Some(failure), _) => {
                let message = format!("ended after {}: {}", counted(answered, "answer"), failure.message);
                (failure.status, Some(message))
            }
            (None, Some(error)) => {
                let were = if self.errors == 1 { "was an error" } else { "were errors" };
                let all = counted(answered, "answer");
                (Status::ServerError, Some(format!("{} of {all} {were}; the first: {error}", self.errors)))
            }
            (None, None) => (Status::Ok, None),
        };
        let ended = signal.map(|signal| format!("ended by a signal ({signal})"));
        let diagnostics = message.into_iter().chain(ended).collect();
        Ok(CommandOutcome { diagnostics, status, ended_by: signal, ..CommandOutcome::done(report) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn answer(status: i32, microseconds: u64) -> Answer {
        Answer { status, text: b"bad \x1b[31m".to_vec(), latency: Duration::from_micros(microseconds) }
    }

    fn timeout() -> CallError {
        let phase = msgq_core::client::Phase::Receive;
        CallError::Timeout { queue: "queue 0x1".into(), phase, timeout: Duration::from_secs(1) }
    }

    #[test]
    fn an_error_of_the_server_is_told_with_its_text_escaped() {
        let outcome = single_answer(&answer(-1, 5));
        assert_eq!(outcome.status, Status::ServerError);
        assert!(!outcome.diagnostics[0].contains('\u{1b}') && outcome.diagnostics[0].contains("status -1"));
        assert_eq!(single_answer(&answer(0, 5)).status, Status::Ok);
    }

    #[test]
    fn a_summary_shows_counts_rate_and_times_in_units_that_fit() {
        let latency = LatencyReport { min: 1050, p50: 2000, p90: 3000, p99: 4000, p999: 5000, max: 9_999_999 };
        let report = SummaryReport {
            requests: 100,
            answered: 50,
            errors: 2,
            elapsed_ns: 2_000_000_000,
            latency_ns: Some(latency),
        };
        let text = report.text().to_string();
        assert!(text.contains("answered  50 (2 errors) in 2.0 s, 25 a second"), "{text}");
        assert!(text.contains("min 1.1 µs, p50 2.0 µs") && text.contains("max 10.0 ms"), "{text}");
    }

    #[test]
    fn percentiles_are_those_of_the_latencies() {
        let mut run = RepeatedSend::start().unwrap();
        (1..=1000).for_each(|latency| run.add(Ok(answer(0, latency))).unwrap());
        let close = |value: u64, microseconds: u64| value.abs_diff(microseconds * 1000) <= microseconds * 10;
        let latency = latency_percentiles(&run.latencies_ns).unwrap();
        assert!(close(latency.p50, 500) && close(latency.p99, 990) && close(latency.p999, 999), "{latency:?}");
        assert!(close(latency.min, 1) && close(latency.max, 1000), "{latency:?}");
    }

    #[test]
    fn a_run_ends_with_the_status_of_what_ended_it() {
        let ended = |failure: Option<Failure>, errors: i32| {
            let mut run = RepeatedSend::start().unwrap();
            (0..10).for_each(|number| run.add(Ok(answer(-i32::from(number < errors), 7))).unwrap());
            run.outcome(20, failure, None).unwrap().status
        };
        let failure = || Some(Failure::new(Status::Timeout, "late"));
        assert_eq!(ended(None, 0), Status::Ok);
        assert_eq!(ended(None, 3), Status::ServerError);
        assert_eq!(ended(failure(), 3), Status::Timeout);
        assert!(RepeatedSend::start().unwrap().add(Err(timeout())).is_err());
        assert_eq!(
            RepeatedSend::start().unwrap().outcome(5, failure(), None).err().map(|failure| failure.status),
            Some(Status::Timeout)
        );
    }
}
