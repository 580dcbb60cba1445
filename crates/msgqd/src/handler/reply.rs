//! What a handler answers.

use super::request::HandlerRequest;
use msgq_core::layout::protocol::{Answer, OPEN_TEXT_LIMIT, OwnedFieldValue};
use std::cell::Cell;

/// What became of a request, for the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// The handler did its work and says so.
    #[default]
    Done,
    /// The operator's program answered that it failed.
    Failed,
    /// The deadline passed first.
    TimedOut,
    /// The operator's program broke while it worked: it died, closed its output, or answered nonsense.
    Broken,
    /// The operator's program could not be asked at all: it cannot be started or reached.
    Unavailable,
}

/// The answer. One with status and text is built without an allocation once a thread has built one before.
#[derive(Debug, Clone)]
pub struct Reply {
    status: i32,
    outcome: Outcome,
    /// Of its own memory, so that an answer is cheap to hand on; that memory goes from one answer to the next.
    text: Vec<u8>,
    /// What no answer of the plain protocol has.
    more: Option<Box<ReplyExtras>>,
}

#[derive(Debug, Clone, Default)]
struct ReplyExtras {
    body: Option<Vec<u8>>,
    /// A body that is longer than a message goes out in several.
    goes_in_parts: bool,
    fields: Vec<(String, OwnedFieldValue)>,
}

/// More text than any message can carry.
const MOST_TEXT: usize = 1 << 20;
/// Bytes of memory that a thread keeps for its next answer.
const KEPT_TEXT_ROOM: usize = 64 << 10;

thread_local! {
    /// The memory of this thread's last answer.
    static TEXT_ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Reply {
    /// An empty answer with status 0.
    #[must_use]
    #[inline]
    pub fn new() -> Self {
        let text = TEXT_ROOM.try_with(Cell::take).unwrap_or_default();
        Self { status: 0, outcome: Outcome::Done, text, more: None }
    }

    /// An error (-1) with a text that says what happened.
    #[must_use]
    pub fn error(text: &str) -> Self {
        Self::failure(Outcome::Failed, text)
    }

    /// An error (-1) with a text that says what happened, counted as `outcome`.
    #[must_use]
    pub fn failure(outcome: Outcome, text: &str) -> Self {
        let mut reply = Self::new();
        reply.set_status(-1);
        reply.outcome = outcome;
        reply.push(text.as_bytes());
        reply
    }

    /// Sets how the request is counted.
    pub fn set_outcome(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// How the request is counted.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Sets the status: 0 is success, -1 an error; other numbers are the handler's own.
    pub fn set_status(&mut self, status: i32) {
        self.status = status;
    }

    /// Adds text. What is beyond the room of an answer (255 bytes in the plain protocol) is dropped when it is sent.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        let room = MOST_TEXT.saturating_sub(self.text.len());
        self.text.extend_from_slice(text.get(..room).unwrap_or(text));
    }

    /// Sets the body of the answer, instead of its text and fields: the whole one, or up to somewhere in the text that ends
    /// it.
    pub fn set_body(&mut self, body: Vec<u8>) {
        self.more.get_or_insert_default().body = Some(body);
    }

    /// As [`Reply::set_body`], where a body that is longer than a message goes out in several.
    pub(crate) fn set_body_in_parts(&mut self, body: Vec<u8>) {
        let more = self.more.get_or_insert_default();
        (more.body, more.goes_in_parts) = (Some(body), true);
    }

    /// Sets a field of the answer by its name, over what is copied from the request.
    pub fn set(&mut self, name: &str, value: impl Into<OwnedFieldValue>) {
        self.more.get_or_insert_default().fields.push((name.to_owned(), value.into()));
    }

    /// The same with another text.
    pub(crate) fn with_text(&self, text: &[u8]) -> Self {
        let mut reply = Self::new();
        (reply.status, reply.outcome, reply.more) = (self.status, self.outcome, self.more.clone());
        reply.push(text);
        reply
    }

    /// The whole body, where the handler made one.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        self.more.as_ref()?.body.as_deref()
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.status
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// As the protocol takes it.
    #[must_use]
    #[inline]
    pub fn as_answer(&self) -> Answer<'_> {
        let (body, fields) = match &self.more {
            None => (None, &[][..]),
            Some(more) => (more.body.as_deref(), more.fields.as_slice()),
        };
        Answer { status: self.status, text: &self.text, body, fields }
    }

    /// Why the protocol cannot carry it, in a sentence.
    #[inline]
    pub(crate) fn fault(&self, request: &HandlerRequest<'_>) -> Option<String> {
        // Status and text can always be sent.
        if self.more.is_some() { self.fault_of_extras(request) } else { None }
    }

    #[cold]
    fn fault_of_extras(&self, request: &HandlerRequest<'_>) -> Option<String> {
        let form = request.view().form;
        let part_len = || request.protocol().part_of_body(form, OPEN_TEXT_LIMIT);
        if self.more.as_ref().is_some_and(|more| more.goes_in_parts)
            && self.body().is_some_and(|it| it.len() > part_len())
        {
            return None;
        }
        let checked = request.protocol().check_answer(request.view().form, &self.as_answer());
        checked.err().map(|error| format!("the handler's answer cannot be sent: {error}"))
    }
}

impl Default for Reply {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Reply {
    #[inline]
    fn drop(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        if text.capacity() <= KEPT_TEXT_ROOM {
            text.clear();
            // A thread that ends keeps nothing.
            let _ = TEXT_ROOM.try_with(|room| room.set(text));
        }
    }
}
