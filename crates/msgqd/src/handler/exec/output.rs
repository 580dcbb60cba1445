//! What is kept of a command's output.

use crate::handler::payload::Payload;

/// Counts all output and keeps its start.
#[derive(Debug)]
pub(super) struct Output {
    payload: Payload,
    start: Vec<u8>,
    len: u64,
    ends_with_newline: bool,
    has_nul: bool,
}

impl Output {
    pub(super) fn new(payload: Payload) -> Self {
        Self { payload, start: Vec::new(), len: 0, ends_with_newline: false, has_nul: false }
    }

    pub(super) fn add_bytes(&mut self, bytes: &[u8]) {
        let room = self.payload.kept_len() - self.start.len();
        self.start.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.len += bytes.len() as u64;
        self.has_nul |= bytes.contains(&0);
        if let Some(last) = bytes.last() {
            self.ends_with_newline = *last == b'\n';
        }
    }

    /// Length in bytes; of text without one trailing newline.
    pub(super) fn answer_len(&self) -> usize {
        let newline = self.payload.is_text && self.ends_with_newline;
        usize::try_from(self.len - u64::from(newline)).unwrap_or(usize::MAX)
    }

    /// All of it, text without one trailing newline; or its start when it is longer than an answer.
    pub(super) fn answer(&self) -> &[u8] {
        self.start.get(..self.answer_len()).unwrap_or(&self.start)
    }

    pub(super) fn has_nul(&self) -> bool {
        self.has_nul
    }
}
