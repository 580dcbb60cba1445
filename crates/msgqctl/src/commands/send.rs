//! `send`: a test request, once or many times.

mod answers;

use super::values::{check_request_text, parse_timeout};
use super::{Outcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::QueueOptions;
use answers::{RepeatedSend, single_answer};
use clap::Args;
use msgq_core::client::{CallError, Client, MAX_REQUEST_TEXT_LEN};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

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
        let text = request_text(self)?;
        let target = queue.open()?;
        let client = Client::new(target.queue);
        let call = || client.call(&text, self.timeout);
        let fail = |error: CallError| Failure::of_call(target.key, &error);
        match self.count {
            None => call().map(|answer| single_answer(&answer)).map_err(fail),
            Some(count) => {
                let mut run = RepeatedSend::start()?;
                let ended_by = (0..count).find_map(|_| run.add(call()).err());
                run.outcome(count, ended_by.map(fail))
            }
        }
    }
}

/// The text of the request; from standard input no more than shows that it is too long.
fn request_text(options: &SendArguments) -> Result<Vec<u8>, Failure> {
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
    check_request_text(&text)?;
    Ok(text)
}
