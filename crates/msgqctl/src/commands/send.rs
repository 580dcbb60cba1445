//! `send`: a test request, once or many times.

mod report;

use super::latency::{self, nanoseconds};
use super::values::parse_timeout;
use super::{Outcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::QueueOptions;
use clap::Args;
use hdrhistogram::Histogram;
use msgq_core::client::{Answer, CallError, Client, MAX_REQUEST_TEXT_LEN};
use msgq_core::escape::escape;
use report::{AnswerReport, SummaryReport};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// Send a test request and print the answer
#[derive(Debug, Clone, Args)]
pub(crate) struct SendArguments {
    /// Text of the request, at most 255 bytes; `-` reads it from standard input, without the last newline
    pub(crate) text: OsString,

    /// Wait at most this long for each answer, sending included: seconds, or a number with ms, s or m
    #[arg(long, value_name = "TIME", default_value = "5", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// Send the request this many times, one after the other, and print a summary of the latencies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) count: Option<u32>,
}
impl RunCommand for SendArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<Outcome, Failure> {
        let text = text(self)?;
        let target = queue.open()?;
        let client = Client::new(target.queue);
        let fail = |error: &CallError| Failure::of_call(target.key, error);
        match self.count {
            None => client.call(&text, self.timeout).map(|answer| single(&answer)).map_err(|error| fail(&error)),
            Some(count) => {
                let mut run = Run::new()?;
                let ended_by = (0..count).find_map(|_| run.add(client.call(&text, self.timeout)).err());
                run.outcome(count, ended_by.map(|error| fail(&error)))
            }
        }
    }
}

/// The text of the request; from standard input no more than shows that it is too long.
fn text(options: &SendArguments) -> Result<Vec<u8>, Failure> {
    let mut text = options.text.as_bytes().to_vec();
    if text == b"-" {
        text.clear();
        let limit = u64::try_from(MAX_REQUEST_TEXT_LEN).unwrap_or(u64::MAX);
        let read = std::io::stdin().lock().take(limit + 2).read_to_end(&mut text);
        read.map_err(|error| Failure::new(Status::Other, format!("cannot read standard input: {error}")))?;
        if text.ends_with(b"\n") {
            text.pop();
        }
    }
    if text.len() > MAX_REQUEST_TEXT_LEN {
        let message = format!("the text is longer than {MAX_REQUEST_TEXT_LEN} bytes, which is all a request carries");
        return Err(Failure::new(Status::Usage, message));
    }
    Ok(text)
}

fn single(answer: &Answer) -> Outcome {
    let escaped = escape(&answer.text);
    let report = AnswerReport {
        status: answer.status,
        text: String::from_utf8(answer.text.clone()).unwrap_or_else(|_| escaped.clone()),
        text_escaped: escaped,
        latency_ns: nanoseconds(answer.latency),
    };
    if answer.status == 0 {
        return Outcome::done(report);
    }
    let diagnostics = vec![server_error(answer)];
    Outcome { report: Some(Box::new(report)), diagnostics, status: Status::ServerError }
}

fn server_error(answer: &Answer) -> String {
    format!("the server answered an error (status {}): {}", answer.status, escape(&answer.text))
}

/// Many calls, one after the other.
struct Run {
    latencies_ns: Histogram<u64>,
    started: Instant,
    first_error: Option<String>,
    errors: u64,
}

impl Run {
    fn new() -> Result<Self, Failure> {
        Ok(Self { latencies_ns: latency::histogram()?, started: Instant::now(), first_error: None, errors: 0 })
    }

    /// A call that was not answered ends the run: the next ones would only wait as long in vain.
    fn add(&mut self, result: Result<Answer, CallError>) -> Result<(), CallError> {
        let answer = result?;
        self.latencies_ns.saturating_record(nanoseconds(answer.latency));
        if answer.status != 0 {
            self.errors += 1;
            self.first_error.get_or_insert_with(|| server_error(&answer));
        }
        Ok(())
    }

    fn outcome(self, asked: u32, ended_by: Option<Failure>) -> Result<Outcome, Failure> {
        let answered = self.latencies_ns.len();
        let report = SummaryReport {
            requests: u64::from(asked),
            answered,
            errors: self.errors,
            elapsed_ns: nanoseconds(self.started.elapsed()),
            latency_ns: latency::percentiles(&self.latencies_ns),
        };
        match (ended_by, self.first_error) {
            (Some(failure), _) if answered == 0 => Err(failure),
            (Some(failure), _) => {
                let message = format!("ended after {answered} answers: {}", failure.message);
                Ok(Outcome { diagnostics: vec![message], status: failure.status, report: Some(Box::new(report)) })
            }
            (None, Some(error)) => {
                let diagnostics =
                    vec![format!("{} of {answered} answers were errors; the first: {error}", self.errors)];
                Ok(Outcome { diagnostics, status: Status::ServerError, report: Some(Box::new(report)) })
            }
            (None, None) => Ok(Outcome::done(report)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: i32, microseconds: u64) -> Answer {
        Answer { status, text: b"bad \x1b[31m".to_vec(), latency: Duration::from_micros(microseconds) }
    }

    fn timeout() -> CallError {
        let phase = msgq_core::client::Phase::Receive;
        CallError::Timeout { queue: "queue 0x1".into(), phase, timeout: Duration::from_secs(1) }
    }

    #[test]
    fn an_error_of_the_server_is_told_with_its_text_escaped() {
        let outcome = single(&answer(-1, 5));
        assert_eq!(outcome.status, Status::ServerError);
        assert!(!outcome.diagnostics[0].contains('\u{1b}') && outcome.diagnostics[0].contains("status -1"));
        assert_eq!(single(&answer(0, 5)).status, Status::Ok);
    }

    #[test]
    fn percentiles_are_those_of_the_latencies() {
        let mut run = Run::new().unwrap();
        (1..=1000).for_each(|latency| run.add(Ok(answer(0, latency))).unwrap());
        let close = |value: u64, microseconds: u64| value.abs_diff(microseconds * 1000) <= microseconds * 10;
        let latency = latency::percentiles(&run.latencies_ns).unwrap();
        assert!(close(latency.p50, 500) && close(latency.p99, 990) && close(latency.p999, 999), "{latency:?}");
        assert!(close(latency.min, 1) && close(latency.max, 1000), "{latency:?}");
    }

    #[test]
    fn a_run_ends_with_the_status_of_what_ended_it() {
        let ended = |failure: Option<Failure>, errors: i32| {
            let mut run = Run::new().unwrap();
            (0..10).for_each(|number| run.add(Ok(answer(-i32::from(number < errors), 7))).unwrap());
            run.outcome(20, failure).unwrap().status
        };
        let failure = || Some(Failure::new(Status::Timeout, "late"));
        assert_eq!(ended(None, 0), Status::Ok);
        assert_eq!(ended(None, 3), Status::ServerError);
        assert_eq!(ended(failure(), 3), Status::Timeout);
        assert!(Run::new().unwrap().add(Err(timeout())).is_err());
        assert_eq!(
            Run::new().unwrap().outcome(5, failure()).err().map(|failure| failure.status),
            Some(Status::Timeout)
        );
    }
}
