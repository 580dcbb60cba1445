//! Looking at the messages of a queue one after the other, and saying what each of them is.

mod fields;

pub(crate) use fields::NamedFields;

use msgq_core::layout::protocol::Protocol;
use msgq_core::layout::shape::Shape;
use msgq_core::orphan::{client_of, reader_of};
use msgq_core::process::ClientNumber;
use msgq_core::queue::{Browse, BrowseLimits, MessageBuffer, Queue, QueueError};
use serde::Serialize;

/// How many messages of a queue were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Browsed {
    pub(crate) looked_at: usize,
    /// False when a limit ended it, so that there may be more.
    pub(crate) is_complete: bool,
}

/// Shows every message with its place, oldest first, and takes none; ends at the usual limits.
pub(crate) fn browse_messages(queue: &Queue, show: impl FnMut(usize, &MessageBuffer)) -> Result<Browsed, QueueError> {
    browse_within(queue, BrowseLimits::default(), show)
}

/// As [`browse_messages`], for a command that looks more than once.
pub(crate) fn browse_within(
    queue: &Queue,
    limits: BrowseLimits,
    mut show: impl FnMut(usize, &MessageBuffer),
) -> Result<Browsed, QueueError> {
    let mut buffer = MessageBuffer::new();
    let mut browse = Browse::new(*queue, limits, &mut buffer);
    while let Some((index, message)) = browse.next_message() {
        show(index, message);
    }
    Ok(Browsed { looked_at: browse.looked_at(), is_complete: browse.is_complete()? })
}

/// What a message is, as its type, length and client number show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageKind {
    Request,
    Response,
    /// No message of this protocol.
    Junk,
    /// A message of a queue that is not known to be msgqd's: what its type means nobody knows.
    Unknown,
}

impl MessageKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Junk => "junk",
            Self::Unknown => "unknown",
        }
    }
}

/// A message taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Described<'a> {
    pub(crate) kind: MessageKind,
    /// Whom it names: who asks, or who is to read it. `None` for a number that no client can have.
    pub(crate) client: Option<ClientNumber>,
    pub(crate) status: Option<i32>,
    /// The text of a request or response; of anything else the whole body.
    pub(crate) text: &'a [u8],
    /// How its body is declared; `None` in the plain protocol, and where it is neither request nor answer.
    shape: Option<&'a Shape>,
    body: &'a [u8],
}

impl Described<'_> {
    pub(crate) fn fields(&self) -> Option<NamedFields> {
        self.shape.map(|shape| NamedFields::of_body(shape, self.body))
    }
}

pub(crate) fn describe_message<'a>(protocol: &'a Protocol, mtype: i64, body: &'a [u8]) -> Described<'a> {
    let junk = |client| Described { kind: MessageKind::Junk, client, status: None, text: body, shape: None, body };
    if !protocol.request_types().receives(mtype) {
        let client = reader_of(protocol, mtype);
        let response = protocol.read_response(body).filter(|_| client.is_some());
        return response.map_or(junk(client), |response| Described {
            kind: MessageKind::Response,
            client,
            status: response.status,
            text: response.text,
            shape: protocol.response_shape(body.len()),
            body,
        });
    }
    let request = protocol.read_request(mtype, body).ok().filter(|_| protocol.request_types().contains(mtype));
    let Some(request) = request else { return junk(None) };
    let client = client_of(protocol.client_kind(), request.claimed_client);
    let shape = protocol.shapes(request.form).map(|(request, _)| request);
    match client.filter(|client| protocol.may_answer(client.get())) {
        Some(client) => {
            let (kind, client) = (MessageKind::Request, Some(client));
            Described { kind, client, status: None, text: request.text, shape, body }
        }
        None => junk(None),
    }
}

/// A message of a queue that is not known to be msgqd's.
pub(crate) fn describe_foreign_message(body: &[u8]) -> Described<'_> {
    Described { kind: MessageKind::Unknown, client: None, status: None, text: body, shape: None, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgq_core::layout::{Response, encode_request};

    #[test]
    fn a_message_is_what_its_type_length_and_number_make_it() {
        let request = encode_request(77, b"hi");
        let plain = Protocol::default();
        let asked = describe_message(&plain, 1, &request);
        assert_eq!((asked.kind, asked.client, asked.text), (MessageKind::Request, ClientNumber::new(77), &b"hi"[..]));
        let response = Response::new(-1, b"no", 260);
        let answer = describe_message(&plain, 77, response.as_bytes());
        assert_eq!((answer.kind, answer.status, answer.text), (MessageKind::Response, Some(-1), &b"no"[..]));
        let nobody = encode_request(1, b"x");
        let bodies: [(i64, &[u8]); 4] = [(1, b"abc"), (1, &nobody), (77, b"short"), (1 << 40, response.as_bytes())];
        for (mtype, body) in bodies {
            assert_eq!(describe_message(&plain, mtype, body).kind, MessageKind::Junk, "{mtype} {body:?}");
        }
    }
}
