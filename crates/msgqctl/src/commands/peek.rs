//! `peek`: lists messages and takes none.

use super::values::{client_pid, clients};
use super::{Outcome, RunCommand};
use crate::failure::Failure;
use crate::messages::{MessageKind, browse_messages, describe_message};
use crate::names::process_state;
use crate::output::{Style, StyledText, Text, counted, fit, pad, width};
use crate::target::QueueOptions;
use clap::Args;
use msgq_core::escape::escape;
use msgq_core::process::{ClientPid, process_name};
use msgq_core::queue::MessageBuffer;
use serde::Serialize;
use std::collections::HashMap;

/// What all columns but the text take, with the gap before it, where programs have short names.
const FIXED_COLUMNS: usize = 65;
const PROGRAM_ROOM: usize = 12;
/// Every name unescaped, and most of those with a character that is not.
const WIDE_PROGRAM_ROOM: usize = 24;
/// From here on there is room for both.
const WIDE: usize = 120;

/// List the messages in the queue, oldest first, and take none
///
/// The look ends after half a second, and says so. In a queue that is in use it is an approximation: what moves
/// meanwhile may be missed or have another index.
#[derive(Debug, Clone, Args)]
pub(crate) struct PeekArguments {
    /// Only messages of this type: 1 for requests, a client's PID for its responses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) r#type: Option<i64>,

    /// Only requests that name this client and messages for it
    #[arg(long, value_name = "PID", value_parser = client_pid(), add = clients())]
    pub(crate) pid: Option<i32>,

    /// Show the whole text of each message, on a line of its own
    #[arg(long)]
    pub(crate) full: bool,

    /// Show at most this many messages
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) limit: usize,
}

/// Result of `peek`.
#[derive(Debug, Serialize)]
struct PeekReport {
    /// False when a limit ended the look, so that there may be more.
    is_complete: bool,
    looked_at: usize,
    /// Messages that were asked for, shown or not.
    matched: usize,
    #[serde(skip)]
    is_full: bool,
    /// The oldest first.
    messages: Vec<MessageRow>,
}

/// One message.
#[derive(Debug, Serialize)]
struct MessageRow {
    /// Its place in the queue, from 0.
    index: usize,
    mtype: i64,
    kind: MessageKind,
    /// Who asks, or who is to read it; `null` for a number that no process can have.
    pid: Option<i32>,
    program: Option<String>,
    state: &'static str,
    /// Length of the body.
    bytes: usize,
    /// Of a response.
    status: Option<i32>,
    /// As it stands there, or escaped where it is no UTF-8 or no text of the protocol.
    text: String,
    text_escaped: String,
}

impl RunCommand for PeekArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<Outcome, Failure> {
        let target = queue.open()?;
        let mut processes = Processes::default();
        let mut messages = Vec::new();
        let mut matched = 0;
        let browsed = browse_messages(&target.queue, |index, message| {
            if is_wanted(self, message) {
                matched += 1;
                if messages.len() < self.limit {
                    messages.push(message_row(index, message, &mut processes));
                }
            }
        })
        .map_err(|error| target.failure(&error))?;
        Ok(Outcome::done(PeekReport {
            is_complete: browsed.is_complete,
            looked_at: browsed.looked_at,
            matched,
            is_full: self.full,
            messages,
        }))
    }
}

fn is_wanted(options: &PeekArguments, message: &MessageBuffer) -> bool {
    let client = || describe_message(message.mtype(), message.body()).client.map(ClientPid::get);
    options.r#type.is_none_or(|mtype| mtype == message.mtype()) && options.pid.is_none_or(|pid| client() == Some(pid))
}

fn message_row(index: usize, message: &MessageBuffer, processes: &mut Processes) -> MessageRow {
    let described = describe_message(message.mtype(), message.body());
    let (program, state) = match described.client {
        Some(client) => processes.name_and_state(client),
        None => (None, "impossible"),
    };
    let escaped = escape(described.text);
    MessageRow {
        index,
        mtype: message.mtype(),
        kind: described.kind,
        pid: described.client.map(ClientPid::get),
        program,
        state,
        bytes: message.body().len(),
        status: described.status,
        text: match described.kind {
            MessageKind::Junk => escaped.clone(),
            _ => String::from_utf8(described.text.to_vec()).unwrap_or_else(|_| escaped.clone()),
        },
        text_escaped: escaped,
    }
}

/// Each process is looked at once, so that a full queue is shown quickly.
#[derive(Default)]
struct Processes(HashMap<ClientPid, (Option<String>, &'static str)>);

impl Processes {
    fn name_and_state(&mut self, client: ClientPid) -> (Option<String>, &'static str) {
        self.0.entry(client).or_insert_with(|| (process_name(client), process_state(client.get()))).clone()
    }
}

impl Text for PeekReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        let width = width();
        let program_room = if width < WIDE { PROGRAM_ROOM } else { WIDE_PROGRAM_ROOM };
        if !self.messages.is_empty() {
            let program = pad("program", program_room);
            text.line(format!("index       type  kind          pid  state   {program}  size  text"));
        }
        let text_room = (!self.is_full).then(|| width.saturating_sub(FIXED_COLUMNS + program_room - PROGRAM_ROOM));
        for message in &self.messages {
            message.write(program_room, text_room, &mut text);
        }
        if self.matched == 0 {
            text.line("no such message");
        }
        let shown = self.messages.len();
        if shown < self.matched {
            let all = counted(self.matched, "message");
            text.line(format!("{shown} of {all} shown; --limit shows more"));
        }
        if !self.is_complete {
            let seen = self.looked_at;
            text.line(format!("the look ended at its limit, after {seen} messages: there may be more"));
        }
        text
    }
}

impl MessageRow {
    /// Without room for the text it gets a line of its own.
    fn write(&self, program_room: usize, text_room: Option<usize>, text: &mut StyledText) {
        let Self { index, bytes, .. } = self;
        let (mtype, kind) = (fit(&self.mtype.to_string(), 10), self.kind.name());
        let pid = self.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let state = if self.pid.is_some() { self.state } else { "-" };
        let program = pad(self.program.as_deref().unwrap_or("-"), program_room);
        let content = match self.status {
            Some(status) if status != 0 => format!("({status}) {}", self.text_escaped),
            _ => self.text_escaped.clone(),
        };
        let start = format!("{index:>5} {mtype:>10}  {kind:<8} {pid:>8}  {state:<7} {program} {bytes:>5}");
        match text_room {
            Some(room) => text.line(format!("{start}  {}", fit(&content, room))),
            None => {
                text.line(start);
                text.line(format!("      {content}"));
            }
        }
    }
}
