//! Answers longer than one message: when one goes out in parts, and what its first part is.
//!
//! A part is a whole answer of the protocol with the next piece of the text, or the next piece of a body. Where parts have no
//! types of their own a client reads until one is not full, so the last one is not, and is empty if need be; an error is
//! one message that is not full.

use crate::handler::{Outcome, Reply};
use msgq_core::layout::protocol::{Protocol, RequestView};
use msgq_core::process::ClientNumber;
use msgq_core::queue::MTYPE_LEN;
use msgq_core::table::{Counters, PartForm, Series, Table};
use std::borrow::Cow;

/// How answers are made that may be longer than a message; there is none where they are cut or refused instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartsMaker<'a> {
    pub(super) protocol: &'a Protocol,
    /// Where long texts are kept.
    pub(super) table: &'a Table,
    pub(super) counters: &'a Counters,
}

/// What a text or body has to be cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    form: PartForm,
    is_body: bool,
}

impl PartsMaker<'_> {
    /// Makes the first message of an answer over whatever stands in `message`; its length, and the series that it begins.
    pub(super) fn first_message(
        &self,
        message: &mut [u8],
        client: ClientNumber,
        request: &RequestView<'_>,
        reply: &Reply,
    ) -> (usize, Series) {
        let Some(cut) = self.cut(request, reply) else {
            let reply = self.of_one_message(request, reply);
            return (self.write(message, client, request, &reply), self.without_text(&reply));
        };
        let text = if cut.is_body { reply.body().unwrap_or_default() } else { until_nul(reply.text()) };
        let Some(series) = self.table.store_long(text, cut.form) else {
            Counters::add(&self.counters.in_parts_refused);
            let text = "too many long answers are on their way to other clients; ask again later";
            let refusal = Reply::failure(Outcome::Unavailable, text);
            let refusal = self.of_one_message(request, &refusal);
            return (self.write(message, client, request, &refusal), Series::NONE);
        };
        Counters::add(&self.counters.in_parts);
        let template_len = match message.get_mut(MTYPE_LEN..) {
            Some(body) if cut.is_body => {
                let len = cut.form.part_len.min(text.len()).min(body.len());
                if let (Some(to), Some(from)) = (body.get_mut(..len), text.get(..len)) {
                    to.copy_from_slice(from);
                }
                self.write_mtype(message, client, request);
                MTYPE_LEN + len
            }
            _ => {
                let first = reply.with_text(text.get(..cut.form.part_len.min(text.len())).unwrap_or(text));
                self.write(message, client, request, &first)
            }
        };
        let types = self.protocol.part_types();
        (self.table.make_part(series, types, message, template_len), series)
    }

    /// How the answer has to be cut; `None` where it is one message.
    fn cut(&self, request: &RequestView<'_>, reply: &Reply) -> Option<Cut> {
        if self.is_error(reply) {
            return None;
        }
        let (types, limit) = (self.protocol.part_types(), self.table.geometry().response_len);
        if let Some(body) = reply.body() {
            let part_len = self.protocol.part_of_body(request.form, limit);
            let form = PartForm {
                offset: 0,
                part_len,
                parts: body.len().div_ceil(part_len.max(1)),
                behind_text: Some(0),
                least_len: 0,
            };
            return (body.len() > part_len).then_some(Cut { form, is_body: true });
        }
        let room = self.protocol.part_of_text(request.form, limit).filter(|room| room.len > 0)?;
        let len = reply.text().len();
        if len < room.len {
            return None;
        }
        let len = until_nul(reply.text()).len();
        // Without types of their own the last part is told by its being not full.
        let parts = if types.is_some() { len.div_ceil(room.len).max(1) } else { len / room.len + 1 };
        let form = PartForm {
            offset: room.offset,
            part_len: room.len,
            parts,
            behind_text: room.behind,
            least_len: room.least_len,
        };
        (parts > 1).then_some(Cut { form, is_body: false })
    }

    /// As it goes out as one message: not full, where a full one means that more follows.
    fn of_one_message<'r>(&self, request: &RequestView<'_>, reply: &'r Reply) -> Cow<'r, Reply> {
        if self.protocol.part_types().is_some() || reply.body().is_some() {
            return Cow::Borrowed(reply);
        }
        let limit = self.table.geometry().response_len;
        match self.protocol.part_of_text(request.form, limit) {
            Some(room) if reply.text().len() >= room.len => {
                Cow::Owned(reply.with_text(whole_characters(reply.text(), room.len.saturating_sub(1))))
            }
            _ => Cow::Borrowed(reply),
        }
    }

    /// It says what failed, and is one message.
    fn is_error(&self, reply: &Reply) -> bool {
        reply.outcome() != Outcome::Done || (self.protocol.part_types().is_some() && reply.status() != 0)
    }

    fn without_text(&self, reply: &Reply) -> Series {
        let ends_apart = self.protocol.part_types().is_some_and(|types| types.end.is_some());
        if ends_apart && !self.is_error(reply) { Series::WITHOUT_TEXT } else { Series::NONE }
    }

    fn write(&self, message: &mut [u8], client: ClientNumber, request: &RequestView<'_>, reply: &Reply) -> usize {
        self.write_mtype(message, client, request);
        if let (Some(types), Some(mtype)) = (self.protocol.part_types(), message.first_chunk_mut::<MTYPE_LEN>()) {
            let of_done = if types.end.is_some() { types.data } else { types.of_part(0, 1) };
            *mtype = (if self.is_error(reply) { types.error } else { of_done }).to_ne_bytes();
        }
        let body = message.get_mut(MTYPE_LEN..).unwrap_or_default();
        MTYPE_LEN + self.protocol.write_response(request, &reply.as_answer(), body)
    }

    fn write_mtype(&self, message: &mut [u8], client: ClientNumber, request: &RequestView<'_>) {
        if let Some(mtype) = message.first_chunk_mut::<MTYPE_LEN>() {
            *mtype = self.protocol.answer_mtype(client.get(), request.mtype).to_ne_bytes();
        }
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// At most `len` bytes, without a UTF-8 character that is cut in two.
fn whole_characters(text: &[u8], len: usize) -> &[u8] {
    let mut end = len.min(text.len());
    while end > 0 && len.saturating_sub(end) < 4 && text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
