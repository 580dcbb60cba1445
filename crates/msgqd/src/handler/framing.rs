//! What the daemon and a handler program say to each other: header lines of ASCII, each followed by exactly as many
//! bytes as it announces. Bytes in, bytes out; see docs/handler-protocol.md.

mod answer;
mod header;

pub(super) use answer::AnswerDecoder;
pub(super) use header::{HelloDecoder, beginning};

use super::HandlerRequest;
use std::io::Write;

/// Which version of the handler protocol is spoken. It follows from the configuration, and both sides must say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum HandlerProtocol {
    /// Texts of the plain protocol's lengths.
    #[default]
    Version1,
    /// Longer texts, whole bodies, and the type of each request.
    Version2,
}

impl HandlerProtocol {
    pub(super) fn version(self) -> u64 {
        match self {
            Self::Version1 => 1,
            Self::Version2 => 2,
        }
    }

    /// What each side says first.
    pub(super) fn hello(self) -> &'static [u8] {
        match self {
            Self::Version1 => b"msgqd-handler 1\n",
            Self::Version2 => b"msgqd-handler 2\n",
        }
    }
}

/// Bytes of a header line that are read, with its newline. The longest right one has 48.
pub(super) const HEADER_LIMIT: usize = 64;
/// Bytes of text that an answer may announce. More cannot be meant; up to here the text is read to its end, and the
/// program stays in use.
pub(super) const TEXT_LIMIT: u64 = 1 << 20;

/// What a handler program said that the protocol does not allow; follows a name, as in "the worker ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Nonsense {
    #[error("speaks version {said} of the handler protocol, and this daemon version {expected}")]
    OtherVersion { said: u64, expected: u64 },
    #[error("said \"{said}\" instead of \"msgqd-handler {expected}\"")]
    NoHello { said: String, expected: u64 },
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
pub(super) fn encode_request(spoken: HandlerProtocol, request: &HandlerRequest<'_>, deadline_ms: u128) -> Vec<u8> {
    let HandlerRequest { id, client, mtype, text, .. } = request;
    let mut frame = Vec::with_capacity(128 + text.len());
    // A Vec takes everything.
    let _ = match spoken {
        HandlerProtocol::Version1 => writeln!(frame, "request {id} {client} {deadline_ms} {}", text.len()),
        HandlerProtocol::Version2 => writeln!(frame, "request {id} {client} {deadline_ms} {mtype} {}", text.len()),
    };
    frame.extend_from_slice(text);
    frame
}

#[cfg(test)]
mod tests;
