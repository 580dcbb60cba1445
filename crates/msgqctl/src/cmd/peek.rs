use super::Outcome;
use crate::cli::PeekArguments;
use crate::failure::Failure;
use crate::messages::{Kind, describe, look};
use crate::names::process_state;
use crate::report::{MessageRow, PeekReport};
use crate::target::Target;
use msgq_core::escape::escape;
use msgq_core::identity::{ClientPid, process_name};
use msgq_core::queue::MessageBuffer;
use std::collections::HashMap;

pub(crate) fn run(options: &PeekArguments, target: &Target) -> Result<Outcome, Failure> {
    let mut processes = Processes::default();
    let mut messages = Vec::new();
    let mut matched = 0;
    let look = look(&target.queue, |index, message| {
        if is_wanted(options, message) {
            matched += 1;
            if messages.len() < options.limit {
                messages.push(row(index, message, &mut processes));
            }
        }
    })
    .map_err(|error| Failure::of_queue(target.key, &error))?;
    Ok(Outcome::done(PeekReport {
        is_complete: look.is_complete,
        looked_at: look.looked_at,
        matched,
        is_full: options.full,
        messages,
    }))
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
