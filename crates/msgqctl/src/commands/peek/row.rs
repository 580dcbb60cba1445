//! One message as `peek` shows it.

use crate::messages::{Described, MessageKind, NamedFields};
use crate::output::{StyledText, fit, pad};
use crate::system::names::client_state;
use msgq_core::escape::escape;
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::MessageBuffer;
use serde::Serialize;
use std::collections::HashMap;

/// One message.
#[derive(Debug, Serialize)]
pub(super) struct MessageRow {
    /// Its place in the queue, from 0.
    index: usize,
    mtype: i64,
    kind: MessageKind,
    /// The number of who asks, or who is to read it; `null` for one that no client can have.
    pub(super) client: Option<i64>,
    /// The same where a process is behind it.
    pub(super) pid: Option<i32>,
    program: Option<String>,
    state: &'static str,
    /// Length of the body.
    bytes: usize,
    /// Of a response.
    status: Option<i32>,
    /// As it stands there, or escaped where it is no UTF-8 or no text of the protocol.
    text: String,
    text_escaped: String,
    /// Of a request or answer whose struct is declared.
    fields: Option<NamedFields>,
}

pub(super) fn message_row(
    index: usize,
    message: &MessageBuffer,
    described: &Described,
    processes: &mut Processes,
) -> MessageRow {
    let (program, state) = match (described.client, described.kind) {
        (Some(client), _) => processes.name_and_state(client),
        (None, MessageKind::Unknown) => (None, "unknown"),
        (None, _) => (None, "impossible"),
    };
    let escaped = escape(described.text);
    MessageRow {
        index,
        mtype: message.mtype(),
        kind: described.kind,
        client: described.client.map(ClientNumber::get),
        pid: described.client.and_then(ClientNumber::pid),
        program,
        state,
        bytes: message.body().len(),
        status: described.status,
        text: match described.kind {
            MessageKind::Junk | MessageKind::Unknown => escaped.clone(),
            _ => String::from_utf8(described.text.to_vec()).unwrap_or_else(|_| escaped.clone()),
        },
        text_escaped: escaped,
        fields: described.fields(),
    }
}

/// Each process is looked at once, so that a full queue is shown quickly.
#[derive(Default)]
pub(super) struct Processes(HashMap<ClientNumber, (Option<String>, &'static str)>);

impl Processes {
    fn name_and_state(&mut self, client: ClientNumber) -> (Option<String>, &'static str) {
        self.0.entry(client).or_insert_with(|| (process_name(client), client_state(Some(client)))).clone()
    }
}

impl MessageRow {
    pub(super) fn client_in_column(&self) -> String {
        self.client.map_or_else(|| "-".to_owned(), |client| client.to_string())
    }

    /// Without room for the text it gets a line of its own.
    pub(super) fn write(
        &self,
        client_room: usize,
        program_room: usize,
        text_room: Option<usize>,
        text: &mut StyledText,
    ) {
        let Self { index, bytes, .. } = self;
        let (mtype, kind) = (fit(&self.mtype.to_string(), 10), self.kind.name());
        let client = self.client_in_column();
        let state = if self.client.is_some() { self.state } else { "-" };
        let program = pad(self.program.as_deref().unwrap_or("-"), program_room);
        let content = match self.status {
            _ if self.fields.is_some() => self.fields.as_ref().map_or("", NamedFields::text).to_owned(),
            Some(status) if status != 0 => format!("({status}) {}", self.text_escaped),
            _ => self.text_escaped.clone(),
        };
        let start =
            format!("{index:>5} {mtype:>10}  {kind:<8} {client:>client_room$}  {state:<7} {program} {bytes:>5}");
        match text_room {
            Some(room) => text.line(format!("{start}  {}", fit(&content, room))),
            None => {
                text.line(start);
                text.line(format!("      {content}"));
            }
        }
    }
}
