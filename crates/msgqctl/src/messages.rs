//! Looking at the messages of a queue one after the other, and saying what each of them is.

use msgq_core::layout::{REQUEST_MTYPE, decode_request, decode_response, is_response_len};
use msgq_core::limits::PID_MAX_LIMIT;
use msgq_core::orphan::reader_of;
use msgq_core::process::ClientPid;
use msgq_core::queue::{Browse, BrowseLimits, MessageBuffer, Queue, QueueError};
use serde::Serialize;

/// How far a look at the messages came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Browsed {
    pub(crate) looked_at: usize,
    /// False when a limit ended it, so that there may be more.
    pub(crate) is_complete: bool,
}

/// Shows every message with its place, oldest first, and takes none; ends at the usual limits.
pub(crate) fn browse_messages(
    queue: &Queue,
    mut show: impl FnMut(usize, &MessageBuffer),
) -> Result<Browsed, QueueError> {
    let mut buffer = MessageBuffer::new();
    let mut browse = Browse::new(*queue, BrowseLimits::default(), &mut buffer);
    while let Some((index, message)) = browse.next_message() {
        show(index, message);
    }
    Ok(Browsed { looked_at: browse.looked_at(), is_complete: browse.is_complete()? })
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageKind {
    Request,
    Response,
    /// No message of this protocol.
    Junk,
}

impl MessageKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Junk => "junk",
        }
    }
}

/// A message and what can be said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Described<'a> {
    pub(crate) kind: MessageKind,
    /// Whom it names: who asks, or who is to read it. `None` for a number that no process can have.
    pub(crate) client: Option<ClientPid>,
    pub(crate) status: Option<i32>,
    /// Of junk the whole body.
    pub(crate) text: &'a [u8],
}

pub(crate) fn describe_message(mtype: i64, body: &[u8]) -> Described<'_> {
    let junk = |client| Described { kind: MessageKind::Junk, client, status: None, text: body };
    if mtype != REQUEST_MTYPE {
        let client = reader_of(mtype);
        let response = decode_response(body).filter(|_| client.is_some() && is_response_len(body.len()));
        return response.map_or(junk(client), |response| Described {
            kind: MessageKind::Response,
            client,
            status: Some(response.status),
            text: response.text,
        });
    }
    let Ok(request) = decode_request(body) else { return junk(None) };
    match ClientPid::new(request.claimed_pid).filter(|pid| pid.get() < PID_MAX_LIMIT) {
        Some(client) => {
            Described { kind: MessageKind::Request, client: Some(client), status: None, text: request.text }
        }
        None => junk(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgq_core::layout::{Response, encode_request};

    #[test]
    fn a_message_is_what_its_type_length_and_number_make_it() {
        let request = encode_request(77, b"hi");
        let asked = describe_message(1, &request);
        assert_eq!((asked.kind, asked.client, asked.text), (MessageKind::Request, ClientPid::new(77), &b"hi"[..]));
        let response = Response::new(-1, b"no", 260);
        let answer = describe_message(77, response.as_bytes());
        assert_eq!((answer.kind, answer.status, answer.text), (MessageKind::Response, Some(-1), &b"no"[..]));
        let nobody = encode_request(1, b"x");
        let bodies: [(i64, &[u8]); 4] = [(1, b"abc"), (1, &nobody), (77, b"short"), (1 << 40, response.as_bytes())];
        for (mtype, body) in bodies {
            assert_eq!(describe_message(mtype, body).kind, MessageKind::Junk, "{mtype} {body:?}");
        }
    }
}
