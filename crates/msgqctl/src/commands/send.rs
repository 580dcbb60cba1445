//! `send`: a test request, once or many times.

mod answers;
mod declared;
mod one_way;

use super::declared_request::{DeclaredRequest, parse_setting};
use super::interrupt::ENDING;
use super::own_type::refuse_to_take_messages_of_others;
use super::test_client::TestClient;
use super::values::{check_request_text, parse_timeout, whole_number};
use super::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::QueueOptions;
use answers::{RepeatedSend, single_answer};
use clap::Args;
use declared::single_answer_of_fields;
use msgq_core::client::CallError;
use msgq_core::layout::protocol::Protocol;
use msgq_core::limits::msgmax;
use one_way::send_one_way;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  msgqctl send hello                        a test request, and its answer
  msgqctl send --set op=3 --set name=bolt   the fields of a declared request
  msgqctl send --count 1000 --timeout 1s x  a thousand, and how long they took";

/// Send a test request and print the answer
///
/// The answer is read where the configuration says: in the same queue, in a second one, or in a queue that is made for it and
/// removed afterwards. Where it comes through a queue that no msgqd keeps clean, Ctrl-C ends this after the answer, which would be
/// left there otherwise, and a second one at once. With `reply = "none"` there is none: it is told how many messages wait before
/// the request.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct SendArguments {
    /// Text of the request, in the plain protocol at most 256 bytes; `-` reads it from standard input, without the last
    /// newline
    #[arg(required_unless_present = "set")]
    pub(crate) text: Option<OsString>,

    /// Set a field of a declared request, as in `--set op=3 --set name=bolt`; all others are 0 or empty, and the client's
    /// number is filled in. The answer is shown with its fields
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_setting)]
    pub(crate) set: Vec<(String, String)>,

    /// Type of the request, where there are several. Default: the lowest
    #[arg(long, value_name = "N", value_parser = whole_number::<i64>("", 1..=i64::MAX))]
    pub(crate) r#type: Option<i64>,

    /// Wait at most this long for each answer, sending included: seconds, or a number with ms, s or m
    #[arg(long, value_name = "TIME", default_value = "5", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// Send the request this many times, one after the other, and print a summary of the latencies. Ctrl-C ends it after
    /// the answer that is under way, and a second one at once
    #[arg(long, value_name = "N", value_parser = whole_number::<u32>("", 1..=10_000_000))]
    pub(crate) count: Option<u32>,
}

impl RunCommand for SendArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let target = queue.open()?;
        refuse_to_take_messages_of_others(&target)?;
        let client = TestClient::new(&target, self.timeout)?;
        let protocol = target.protocol();
        let text = self.text.as_ref().map(|text| request_text(text, protocol)).transpose()?;
        let declared = DeclaredRequest::new(protocol, self.r#type, text.as_deref(), &self.set)?;
        let fail = |error: CallError| Failure::of_call(&target.queue, &error);
        let interrupt = match self.count {
            None => client.interrupt_single(&target)?,
            Some(_) => client.interrupt_by(ENDING, 1)?,
        };
        let call = || client.ask(text.as_deref().unwrap_or_default(), declared.as_ref());
        if !client.is_answered() {
            return send_one_way(&target, self.count, call, &interrupt);
        }
        if let (Some(request), None) = (&declared, self.count) {
            let answered = client.exchange(request).map(|it| single_answer_of_fields(protocol, &it)).map_err(fail)?;
            return Ok(CommandOutcome { ended_by: interrupt.signal(), ..answered });
        }
        match self.count {
            None => {
                let answered = call().map(|answer| single_answer(&answer)).map_err(fail)?;
                Ok(CommandOutcome { ended_by: interrupt.signal(), ..answered })
            }
            Some(count) => {
                let mut run = RepeatedSend::start()?;
                let mut wanted = (0..count).take_while(|_| interrupt.signal().is_none());
                let failed = wanted.find_map(|_| run.add(call()).err());
                run.outcome(count, failed.map(fail), interrupt.signal())
            }
        }
    }
}

/// The text of the request; from standard input no more than shows that it is too long.
fn request_text(text: &OsStr, protocol: &Protocol) -> Result<Vec<u8>, Failure> {
    let mut text = text.as_bytes().to_vec();
    if text == b"-" {
        text.clear();
        let limit = u64::try_from(protocol.request_text_room(msgmax())).unwrap_or(u64::MAX);
        let read = std::io::stdin().lock().take(limit + 2).read_to_end(&mut text);
        read.map_err(|error| Failure::new(Status::Other, format!("cannot read standard input: {error}")))?;
        if text.ends_with(b"\n") {
            text.pop();
        }
    }
    if protocol.shapes_of_machine().is_none() {
        check_request_text(&text)?;
    }
    Ok(text)
}
