//! Answers that a handler gives as raw bytes: a whole body, or one that ends in its last text.

use super::plan::ResponseLength;
use super::side::Side;
use crate::layout::fit::last_field;
use crate::layout::shape::Shape;

/// The lengths that a raw answer to one request may have, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawLengths {
    whole: usize,
    without_padding: usize,
    /// The whole has no end: it may be longer.
    is_open: bool,
    /// From here on to its end an answer may be cut: in the text behind all other fields.
    cut_from: Option<usize>,
    /// As long as its request.
    of_request: Option<usize>,
}

impl RawLengths {
    pub(super) fn new(shape: &Shape, side: &Side, rule: ResponseLength, request_len: usize) -> Self {
        let last_text = last_field(&shape.fields, 0).filter(|(_, field_type)| field_type.is_text());
        // An answer that ends with a text has no more behind it.
        let ending_text = side.response_text.as_ref().filter(|_| rule == ResponseLength::Text);
        Self {
            whole: side.response_len,
            without_padding: shape.used_len(),
            is_open: side.is_open,
            cut_from: ending_text.map(|text| text.offset).or(last_text.map(|(start, _)| start)),
            of_request: (rule == ResponseLength::Request && request_len > 0).then_some(request_len),
        }
    }

    /// True for a body with all its fields, which needs nothing more.
    pub(super) fn is_whole(self, len: usize) -> bool {
        let is_longer = self.is_open && len > self.whole;
        len > 0 && (len == self.whole || len == self.without_padding || is_longer)
    }

    pub(super) fn allow(self, len: usize) -> bool {
        let is_cut = self.cut_from.is_some_and(|start| (start..=self.whole).contains(&len));
        self.is_whole(len) || is_cut || self.of_request == Some(len)
    }

    /// For the person who wrote the handler.
    pub(super) fn explained(self) -> String {
        let lengths = match self.cut_from {
            Some(start) if self.is_open => format!("{start} or more"),
            Some(start) if start < self.whole => format!("{start} to {}", self.whole),
            _ if self.without_padding < self.whole => format!("{} or {}", self.without_padding, self.whole),
            _ => self.whole.to_string(),
        };
        let of_request = self.of_request.map(|len| format!(", or {len} as its request")).unwrap_or_default();
        format!("{lengths}{of_request}")
    }
}

/// Zeros are behind it. Returns its length in bytes.
pub(super) fn write_raw(body: &[u8], room: &mut [u8]) -> usize {
    let len = body.len().min(room.len());
    if let (Some((to, behind)), Some(from)) = (room.split_at_mut_checked(len), body.get(..len)) {
        to.copy_from_slice(from);
        behind.fill(0);
    }
    len
}
