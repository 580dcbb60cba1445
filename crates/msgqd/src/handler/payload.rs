//! What a handler program may answer with.

use super::framing::HandlerProtocol;
use msgq_core::config::{Overlong, Pass};
use msgq_core::layout::protocol::{OPEN_TEXT_LIMIT, Protocol, ReplyRoute};
use msgq_core::layout::{MAX_REQUEST_TEXT_LEN, MAX_RESPONSE_TEXT_LEN};
use msgq_core::table::LONGEST_ANSWER;

/// What requests and answers are for a handler program: text, JSON, or whole bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payload {
    /// The longest answer, in bytes.
    pub(super) room: usize,
    /// Text or JSON, without a NUL; a command's output without the newline at its end.
    pub(super) is_text: bool,
    /// Nobody gets the answer: it is as long as it likes, and counts only as done or not. So much of it as there is room for is kept,
    /// to say why it is not.
    pub(super) is_for_nobody: bool,
    /// What is longer than the room is cut; else it is an error.
    pub(super) truncates: bool,
    /// How it is spoken to, where it runs all the time.
    pub(super) handler_protocol: HandlerProtocol,
}

/// What a character has at the most.
const KEPT_BEHIND: usize = 4;
/// Of an answer; the handler protocol allows no longer one.
const LONGEST_JSON: usize = 1 << 20;

impl Payload {
    pub(super) fn of(pass: Pass, overlong: Overlong, protocol: &Protocol) -> Self {
        let is_for_nobody = protocol.route() == ReplyRoute::Nowhere;
        let room = match pass {
            _ if is_for_nobody => MAX_RESPONSE_TEXT_LEN,
            _ if overlong == Overlong::Parts => LONGEST_ANSWER,
            Pass::Text => protocol.response_text_room(OPEN_TEXT_LIMIT),
            Pass::Body => protocol.longest_response(OPEN_TEXT_LIMIT),
            Pass::Json => LONGEST_JSON,
        };
        let is_text = pass != Pass::Body;
        let is_short = pass == Pass::Text
            && room <= MAX_RESPONSE_TEXT_LEN
            && protocol.request_text_room(OPEN_TEXT_LIMIT) <= MAX_REQUEST_TEXT_LEN
            && protocol.request_types().only().is_some();
        let handler_protocol = if is_short { HandlerProtocol::Version1 } else { HandlerProtocol::Version2 };
        Self { room, is_text, is_for_nobody, truncates: overlong == Overlong::Truncate, handler_protocol }
    }

    /// So much of an answer as is kept: where it is cut a few bytes more than a text has room for, so that a cut in the middle of
    /// a character can be told.
    pub(super) fn kept_len(&self) -> usize {
        if self.is_text && self.truncates { self.room + KEPT_BEHIND } else { self.room }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::of(Pass::Text, Overlong::Error, &Protocol::default())
    }
}
