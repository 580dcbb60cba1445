//! Requests that nobody answers.

use crate::commands::CommandOutcome;
use crate::commands::interrupt::Interrupt;
use crate::commands::latency::nanoseconds;
use crate::failure::Failure;
use crate::output::{StyledText, Text, counted, short_span};
use crate::target::Target;
use msgq_core::client::{Answer, CallError};
use serde::Serialize;
use std::time::Instant;

/// Result of `send` where nothing is answered; names with `_ns` are nanoseconds.
#[derive(Debug, Serialize)]
struct OneWayReport {
    /// How many were to be sent.
    requests: u64,
    /// How many the queue has taken.
    sent: u64,
    /// Messages in the queue just before the last one was sent; `null` where that cannot be seen.
    waiting_before: Option<u64>,
    elapsed_ns: u64,
}

impl Text for OneWayReport {
    fn text(&self) -> StyledText {
        let before = match self.waiting_before {
            Some(1) => "; 1 message waited before it".to_owned(),
            Some(waiting) => format!("; {} waited before it", counted(waiting, "message")),
            None => String::new(),
        };
        if self.requests == 1 {
            return format!("sent{before}\n").into();
        }
        let rate = u128::from(self.sent) * 1_000_000_000 / u128::from(self.elapsed_ns.max(1));
        let mut text = StyledText::default();
        text.line(format!("requests  {}", self.requests));
        text.line(format!("sent      {} in {}, {rate} a second", self.sent, short_span(self.elapsed_ns)));
        if let Some(waiting) = self.waiting_before {
            text.line(format!("waiting   {} before the last", counted(waiting, "message")));
        }
        text
    }
}

pub(super) fn send_one_way(
    target: &Target,
    count: Option<u32>,
    call: impl Fn() -> Result<Answer, CallError>,
    interrupt: &Interrupt,
) -> Result<CommandOutcome, Failure> {
    let requests = u64::from(count.unwrap_or(1));
    let started = Instant::now();
    let (mut sent, mut waiting_before, mut failed) = (0, None, None);
    while sent < requests && interrupt.signal().is_none() && failed.is_none() {
        if sent + 1 == requests {
            waiting_before = target.queue.listed().map(|row| row.messages);
        }
        match call() {
            Ok(_) => sent += 1,
            Err(error) => failed = Some(Failure::of_call(&target.queue, &error)),
        }
    }
    if let Some(failure) = &failed
        && sent == 0
    {
        return Err(failure.clone());
    }
    let report = OneWayReport { requests, sent, waiting_before, elapsed_ns: nanoseconds(started.elapsed()) };
    let mut outcome = CommandOutcome { ended_by: interrupt.signal(), ..CommandOutcome::done(report) };
    if let Some(signal) = interrupt.signal() {
        outcome.diagnostics.push(format!("ended by a signal ({signal})"));
    }
    if let Some(failure) = failed {
        outcome.diagnostics.push(format!("ended after {}: {}", counted(sent, "request"), failure.message));
        outcome.status = failure.status;
    }
    Ok(outcome)
}
