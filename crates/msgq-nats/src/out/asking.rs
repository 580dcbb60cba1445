//! One message to NATS that is answered by another: what came, or what is known instead.

use crate::connection::{Gateway, Link, publishing_is_denied};
use crate::wire::wire_len;
use async_nats::{HeaderMap, Message, Request, RequestErrorKind};
use std::time::Duration;
use tokio::time::timeout;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("nobody listens on subject {0}")]
    NoResponders(String),
    #[error("no answer on subject {subject} within {limit_ms} ms")]
    Timeout { subject: String, limit_ms: u128 },
    #[error("the connection to NATS ended while the request was under way (subject {0})")]
    Disconnected(String),
    #[error("the gateway has no connection to NATS ({0})")]
    NoConnection(String),
    #[error("the request has {len} bytes, and the server takes {limit}")]
    TooLarge { len: usize, limit: usize },
    #[error("no permission to publish to subject {0}")]
    Forbidden(String),
    #[error("cannot publish to subject {subject}: {reason}")]
    Unsendable { subject: String, reason: String },
}

impl Unanswered {
    /// True where it was on its way.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Disconnected(_))
    }
}

/// Sends the message, once, and waits for the answer at most that long.
pub(super) async fn ask(
    gateway: &Gateway,
    subject: &str,
    headers: HeaderMap,
    payload: Vec<u8>,
    limit: Duration,
) -> Result<Message, Unanswered> {
    let mut link = gateway.link();
    let now = link.borrow_and_update().clone();
    if let Link::Down(reason) = now {
        return Err(Unanswered::NoConnection(reason));
    }
    let (len, most) = (wire_len(&headers, payload.len()), gateway.client().max_payload());
    if len > most {
        return Err(Unanswered::TooLarge { len, limit: most });
    }
    // Before anything is sent, so that no word is missed.
    let denials = gateway.denials();
    let request = Request::new().headers(headers).payload(payload.into()).timeout(None);
    let answer = timeout(limit, gateway.client().send_request(subject.to_owned(), request));
    let answered = tokio::select! {
        answered = answer => answered,
        () = publishing_is_denied(denials, subject) => return Err(Unanswered::Forbidden(subject.to_owned())),
        _ = link.wait_for(|link| *link != now) => return Err(Unanswered::Disconnected(subject.to_owned())),
    };
    let subject = subject.to_owned();
    let Ok(answered) = answered else { return Err(Unanswered::Timeout { subject, limit_ms: limit.as_millis() }) };
    answered.map_err(|error| match error.kind() {
        RequestErrorKind::NoResponders => Unanswered::NoResponders(subject),
        RequestErrorKind::TimedOut => Unanswered::Timeout { subject, limit_ms: limit.as_millis() },
        RequestErrorKind::MaxPayloadExceeded => Unanswered::TooLarge { len, limit: gateway.client().max_payload() },
        RequestErrorKind::InvalidSubject => Unanswered::Unsendable { subject, reason: "it is no subject".to_owned() },
        RequestErrorKind::Other => Unanswered::Disconnected(subject),
    })
}
