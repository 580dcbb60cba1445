//! One answer, and what is said of it.

use crate::commands::Outcome;
use crate::commands::latency::nanoseconds;
use crate::failure::Status;
use crate::output::{StyledText, Text};
use msgq_core::client::Answer;
use msgq_core::escape::escape;
use serde::Serialize;

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

pub(super) fn single_answer(answer: &Answer) -> Outcome {
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
    Outcome { diagnostics: vec![server_error(answer)], status: Status::ServerError, ..Outcome::done(report) }
}

/// What the answer says, where it is an error, for standard error.
pub(super) fn server_error(answer: &Answer) -> String {
    format!("the server answered an error (status {}): {}", answer.status, escape(&answer.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn answer(status: i32, microseconds: u64) -> Answer {
        Answer { status, text: b"bad \x1b[31m".to_vec(), latency: Duration::from_micros(microseconds) }
    }

    #[test]
    fn an_error_of_the_server_is_told_with_its_text_escaped() {
        let outcome = single_answer(&answer(-1, 5));
        assert_eq!(outcome.status, Status::ServerError);
        assert!(!outcome.diagnostics[0].contains('\u{1b}') && outcome.diagnostics[0].contains("status -1"));
        assert_eq!(single_answer(&answer(0, 5)).status, Status::Ok);
    }
}
