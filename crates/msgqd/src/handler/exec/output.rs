//! What is kept of a command's output.

use msgq_core::layout::MAX_RESPONSE_TEXT_LEN;

/// A character more than an answer carries, so that a cut in the middle of one can be told; see [`super::Reply`].
const KEPT: usize = MAX_RESPONSE_TEXT_LEN + 4;

/// Counts all output and keeps its start.
#[derive(Debug, Default)]
pub(super) struct Output {
    start: Vec<u8>,
    len: u64,
    ends_with_newline: bool,
    has_nul: bool,
}

impl Output {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.start.extend(bytes.iter().take(KEPT - self.start.len()));
        self.len += bytes.len() as u64;
        self.has_nul |= bytes.contains(&0);
        if let Some(last) = bytes.last() {
            self.ends_with_newline = *last == b'\n';
        }
    }

    /// Length of the text without one trailing newline, in bytes.
    pub(super) fn text_len(&self) -> usize {
        usize::try_from(self.len - u64::from(self.ends_with_newline)).unwrap_or(usize::MAX)
    }

    /// The text without one trailing newline, or its start when it is longer than an answer.
    pub(super) fn text(&self) -> &[u8] {
        self.start.get(..self.text_len()).unwrap_or(&self.start)
    }

    pub(super) fn has_nul(&self) -> bool {
        self.has_nul
    }
}
