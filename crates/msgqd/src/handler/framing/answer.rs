//! The answer of a handler program.

use super::header::{HeaderLine, number, status};
use super::{Decoder, Nonsense, TEXT_LIMIT};
use crate::handler::payload::Payload;
use crate::handler::{Outcome, Reply};

/// A well-formed answer to the request that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::handler) struct ProgramAnswer {
    pub(super) status: i32,
    /// What of the text an answer to a client has room for.
    pub(super) text: Vec<u8>,
    /// Length of the whole text in bytes.
    pub(super) len: u64,
    pub(super) has_nul: bool,
}

impl ProgramAnswer {
    /// For the client; an error when no frame can carry the text.
    pub(in crate::handler) fn into_reply(self, payload: Payload) -> Reply {
        let room = payload.room;
        if self.len > room as u64 && !payload.is_for_nobody && !payload.truncates {
            let text = format!("the handler's answer has {} bytes; a client's has room for {room}", self.len);
            return Reply::failure(Outcome::Broken, &text);
        }
        if self.has_nul && payload.is_text && !payload.is_for_nobody {
            let text = "the handler's answer contains a NUL byte, which no client's answer can carry";
            return Reply::failure(Outcome::Broken, text);
        }
        let mut reply = Reply::new();
        reply.set_status(self.status);
        reply.set_outcome(if self.status == -1 { Outcome::Failed } else { Outcome::Done });
        reply.push(&self.text);
        reply
    }
}

/// Waits for the answer to one request.
#[derive(Debug)]
pub(in crate::handler) struct AnswerDecoder {
    asked: u64,
    payload: Payload,
    line: HeaderLine,
    answer: Option<ProgramAnswer>,
    read: u64,
}

impl AnswerDecoder {
    /// For the request with this id.
    pub(in crate::handler) fn new(asked: u64, payload: Payload) -> Self {
        Self { asked, payload, line: HeaderLine::default(), answer: None, read: 0 }
    }

    fn parse_header(&self) -> Result<ProgramAnswer, Nonsense> {
        let (id, status, len) = fields(self.line.bytes()).ok_or_else(|| Nonsense::BadHeader(self.line.escaped()))?;
        if id != self.asked {
            return Err(Nonsense::WrongId { answered: id, asked: self.asked });
        }
        if len > TEXT_LIMIT {
            return Err(Nonsense::HugeText(len));
        }
        Ok(ProgramAnswer { status, len, ..ProgramAnswer::default() })
    }
}

pub(super) fn fields(line: &[u8]) -> Option<(u64, i32, u64)> {
    let mut words = line.split(|byte| *byte == b' ');
    let is_answer = words.next() == Some(b"answer");
    let fields = (number(words.next()?)?, status(words.next()?)?, number(words.next()?)?);
    (is_answer && words.next().is_none()).then_some(fields)
}

impl Decoder for AnswerDecoder {
    type Frame = ProgramAnswer;

    fn feed(&mut self, bytes: &[u8]) -> Result<Option<ProgramAnswer>, Nonsense> {
        let mut text = bytes;
        if self.answer.is_none() {
            let Some(rest) = self.line.feed(bytes)? else { return Ok(None) };
            self.answer = Some(self.parse_header()?);
            text = rest;
        }
        let Some(answer) = &mut self.answer else { return Ok(None) };
        self.read += text.len() as u64;
        if self.read > answer.len {
            return Err(Nonsense::TrailingBytes);
        }
        answer.has_nul |= text.contains(&0);
        let room = self.payload.kept_len() - answer.text.len();
        answer.text.extend_from_slice(text.get(..room).unwrap_or(text));
        Ok(if self.read == answer.len { self.answer.take() } else { None })
    }

    fn has_begun(&self) -> bool {
        self.line.has_begun()
    }
}
