//! How much of a text or body goes into one part of an answer of a protocol.

use super::parts::{OPEN_PART_LEN, PartTypes, TextRoom};
use super::view::ResponseForm;
use super::{BodyKind, OPEN_TEXT_LIMIT, Protocol};
use crate::layout::MAX_RESPONSE_TEXT_LEN;

impl Protocol {
    /// The types of parts; `None`: each has the type of its client's answers.
    #[must_use]
    #[inline]
    pub fn part_types(&self) -> Option<PartTypes> {
        self.part_types
    }

    /// As it is, with these types of parts.
    #[must_use]
    pub fn with_part_types(self, part_types: Option<PartTypes>) -> Self {
        Self { part_types, ..self }
    }

    /// Room for text in one part of an answer in this form; `None` where answers have no text. `limit`: of a body.
    #[must_use]
    pub fn part_of_text(&self, form: ResponseForm, limit: usize) -> Option<TextRoom> {
        match &self.body {
            BodyKind::Plain { .. } => {
                let offset = size_of::<i32>();
                Some(TextRoom { offset, len: MAX_RESPONSE_TEXT_LEN, behind: None, least_len: 0 })
            }
            BodyKind::Declared(declared) => declared.part_of_text(form, limit),
        }
    }

    /// The longest body of one part where a handler makes whole bodies, in bytes.
    #[must_use]
    pub fn part_of_body(&self, form: ResponseForm, limit: usize) -> usize {
        match self.shapes(form) {
            None => self.longest_response(limit),
            Some((_, response)) if response.is_open() => limit.min(OPEN_PART_LEN.max(response.body_len() + 1)),
            Some((_, response)) => response.body_len(),
        }
    }

    /// Why an answer cannot go out in parts, in words, and what to write instead.
    ///
    /// # Errors
    /// The two sentences.
    pub fn check_parts(&self, are_bodies: bool) -> Result<(), (&'static str, &'static str)> {
        let BodyKind::Declared(declared) = &self.body else { return Ok(()) };
        if declared.is_as_long_as_request() {
            return Err((
                "an answer that is as long as its request has no room of its own for a part",
                "write response_length = \"struct\" or \"text\" in [protocol], or another overlong",
            ));
        }
        if are_bodies && self.part_types.is_none() && !declared.has_bodies_of_any_length() {
            return Err((
                "the last part of a body is shorter than the struct, and would be taken for no answer",
                "write response_length = \"text\" in [protocol], or another overlong",
            ));
        }
        if !are_bodies && self.response_text_room(OPEN_TEXT_LIMIT) == 0 {
            return Err((
                "an answer has no text that could go out in parts",
                "name it with response_text in [protocol], or write pass = \"body\"",
            ));
        }
        Ok(())
    }
}
