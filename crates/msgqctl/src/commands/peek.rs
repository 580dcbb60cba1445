//! `peek`: lists messages and takes none.

mod report;

use super::values::{client_pid, clients};
use super::{Outcome, RunCommand};
use crate::failure::Failure;
use crate::messages::{Kind, describe, look};
use crate::names::process_state;
use crate::output::Style;
use crate::target::QueueOptions;
use clap::Args;
use msgq_core::escape::escape;
use msgq_core::identity::{ClientPid, process_name};
use msgq_core::queue::MessageBuffer;
use report::{MessageRow, PeekReport};
use std::collections::HashMap;

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
impl RunCommand for PeekArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<Outcome, Failure> {
        let target = queue.open()?;
        let mut processes = Processes::default();
        let mut messages = Vec::new();
        let mut matched = 0;
        let look = look(&target.queue, |index, message| {
            if is_wanted(self, message) {
                matched += 1;
                if messages.len() < self.limit {
                    messages.push(row(index, message, &mut processes));
                }
            }
        })
        .map_err(|error| target.failure(&error))?;
        Ok(Outcome::done(PeekReport {
            is_complete: look.is_complete,
            looked_at: look.looked_at,
            matched,
            is_full: self.full,
            messages,
        }))
    }
}

fn is_wanted(options: &PeekArguments, message: &MessageBuffer) -> bool {
    let client = || describe(message.mtype(), message.body()).client.map(ClientPid::get);
    options.r#type.is_none_or(|mtype| mtype == message.mtype()) && options.pid.is_none_or(|pid| client() == Some(pid))
}

fn row(index: usize, message: &MessageBuffer, processes: &mut Processes) -> MessageRow {
    let described = describe(message.mtype(), message.body());
    let (program, state) = match described.client {
        Some(client) => processes.of(client),
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
            Kind::Junk => escaped.clone(),
            _ => String::from_utf8(described.text.to_vec()).unwrap_or_else(|_| escaped.clone()),
        },
        text_escaped: escaped,
    }
}

/// Each process is looked at once, so that a full queue is shown quickly.
#[derive(Default)]
struct Processes(HashMap<ClientPid, (Option<String>, &'static str)>);

impl Processes {
    fn of(&mut self, client: ClientPid) -> (Option<String>, &'static str) {
        self.0.entry(client).or_insert_with(|| (process_name(client), process_state(client.get()))).clone()
    }
}
