//! What the daemon and a handler program say to each other: header lines of ASCII, each followed by exactly as many
//! bytes as it announces. Bytes in, bytes out; see docs/handler-protocol.md.

mod answer;
mod header;

pub(super) use answer::AnswerDecoder;
pub(super) use header::{HelloDecoder, beginning};

use std::io::Write;

/// The version of the handler protocol that the daemon speaks.
pub(super) const HANDLER_PROTOCOL_VERSION: u64 = 1;

/// What each side says first.
pub(super) const HELLO: &[u8] = b"msgqd-handler 1\n";
/// Bytes of a header line that are read, with its newline. The longest right one has 48.
pub(super) const HEADER_LIMIT: usize = 64;
/// Bytes of text that an answer may announce. More cannot be meant; up to here the text is read to its end, and the
/// program stays in use.
pub(super) const TEXT_LIMIT: u64 = 1 << 20;

/// What a handler program said that the protocol does not allow; follows a name, as in "the worker ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Nonsense {
    #[error("speaks version {0} of the handler protocol, and this daemon version {HANDLER_PROTOCOL_VERSION}")]
    OtherVersion(u64),
    #[error("said \"{0}\" instead of \"msgqd-handler {HANDLER_PROTOCOL_VERSION}\"")]
    NoHello(String),
    #[error("wrote a header line of more than {HEADER_LIMIT} bytes: \"{0}...\"")]
    LongHeader(String),
    #[error("wrote \"{0}\" instead of a header \"answer ID STATUS LENGTH\"")]
    BadHeader(String),
    #[error("answered request {answered} when it was asked {asked}")]
    WrongId { answered: u64, asked: u64 },
    #[error("announced a text of {0} bytes, and the limit is {TEXT_LIMIT}")]
    HugeText(u64),
    #[error("wrote more bytes than it announced, or two answers")]
    TrailingBytes,
    #[error("wrote \"{0}\" before it was asked anything")]
    Unasked(String),
}

/// Puts one frame together out of the pieces that come in.
pub(super) trait Decoder {
    type Frame;

    /// Takes the next bytes; `Some` with the last of the frame.
    fn feed(&mut self, bytes: &[u8]) -> Result<Option<Self::Frame>, Nonsense>;

    /// True after the first byte.
    fn has_begun(&self) -> bool;
}

/// One request as it goes to a handler program. `deadline_ms` is the time left for it.
pub(super) fn encode_request(id: u64, client_pid: i32, deadline_ms: u128, text: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(128 + text.len());
    // A Vec takes everything.
    let _ = writeln!(frame, "request {id} {client_pid} {deadline_ms} {}", text.len());
    frame.extend_from_slice(text);
    frame
}

#[cfg(test)]
mod tests;
