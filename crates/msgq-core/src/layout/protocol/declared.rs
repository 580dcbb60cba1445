//! A protocol that two declarations make.

use super::parts::{OPEN_PART_LEN, TextRoom};
use super::plan::{BodyRule, PlanError, ProtocolPlan, ResponseLength};
use super::raw::{RawLengths, write_raw};
use super::role::ClientPlace;
use super::route::{ReplyAddress, ReplyRoute};
use super::side::Side;
use super::view::{Answer, ReadResponse, RequestView, ResponseForm};
use crate::layout::declaration::Declaration;
use crate::layout::field::{FieldError, FieldValue};
use crate::layout::fit::LengthRule;
use crate::layout::shape::{Abi, Shape};
use crate::layout::{Malformed, likely_cause};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredProtocol {
    plan: ProtocolPlan,
    lp64: Side,
    ilp32: Side,
    len_for_both: Option<usize>,
}

impl DeclaredProtocol {
    pub(super) fn new(plan: &ProtocolPlan) -> Result<Self, PlanError> {
        let side = |abi| Side::new(plan, abi);
        Ok(Self {
            lp64: side(Abi::Lp64)?,
            ilp32: side(Abi::Ilp32)?,
            len_for_both: len_for_both(plan),
            plan: plan.clone(),
        })
    }

    fn side(&self, abi: Abi) -> &Side {
        match abi {
            Abi::Lp64 => &self.lp64,
            Abi::Ilp32 => &self.ilp32,
        }
    }

    pub(super) fn shapes(&self, abi: Abi) -> (&Shape, &Shape) {
        (self.plan.request.shape(abi), self.plan.response.shape(abi))
    }

    pub(super) fn plan(&self) -> &ProtocolPlan {
        &self.plan
    }

    pub(super) fn declarations(&self) -> (&Declaration, &Declaration) {
        (&self.plan.request, &self.plan.response)
    }

    pub(super) fn has_text(&self) -> bool {
        let side = self.side(Abi::NATIVE);
        let is_answered = self.plan.route != ReplyRoute::Nowhere;
        side.request_text.is_some() && (!is_answered || side.response_text.is_some() || side.status.is_some())
    }

    pub(super) fn request_text_field(&self) -> Option<&str> {
        self.plan.request_text_field()
    }

    fn length_rule(&self) -> LengthRule {
        match self.plan.body {
            BodyRule::Lenient => LengthRule::Lenient,
            BodyRule::Exact => LengthRule::Exact,
        }
    }

    fn abi_of(&self, len: usize) -> Option<Abi> {
        self.plan.request.abi_of_body(len, self.length_rule())
    }

    pub(super) fn longest_request(&self, limit: usize) -> usize {
        let longest = |shape: &Shape| if shape.is_open() { limit.max(shape.whole_len) } else { shape.whole_len };
        longest(&self.plan.request.lp64).max(longest(&self.plan.request.ilp32))
    }

    pub(super) fn longest_response(&self, limit: usize) -> usize {
        let longest = |shape: &Shape| if shape.is_open() { limit.max(shape.body_len()) } else { shape.body_len() };
        let structs = longest(&self.plan.response.lp64).max(longest(&self.plan.response.ilp32));
        match self.plan.response_length {
            ResponseLength::Request => structs.max(self.longest_request(limit)),
            ResponseLength::Struct | ResponseLength::Text => structs,
        }
    }

    /// A text of a request may fill its field without a NUL.
    pub(super) fn request_text_room(&self, limit: usize) -> usize {
        let room = |side: &Side| side.request_text.as_ref().map_or(0, |text| text.room(limit) + 1);
        room(&self.lp64).max(room(&self.ilp32))
    }

    pub(super) fn response_text_room(&self, limit: usize) -> usize {
        let room = |side: &Side| side.response_text.as_ref().map_or(0, |text| text.room(limit));
        room(&self.lp64).min(room(&self.ilp32))
    }

    pub(super) fn part_of_text(&self, form: ResponseForm, limit: usize) -> Option<TextRoom> {
        let (side, shape) = (self.side(form.abi), self.plan.response.shape(form.abi));
        let text = side.response_text.as_ref()?;
        let follows_text = side.is_open || self.plan.response_length == ResponseLength::Text;
        let least_len = if self.plan.response_length == ResponseLength::Text { 0 } else { side.response_len };
        let len = text.room(limit.min(OPEN_PART_LEN.max(shape.body_len() + 2)));
        Some(TextRoom { offset: text.offset, len, behind: follows_text.then_some(1), least_len })
    }

    pub(super) fn is_as_long_as_request(&self) -> bool {
        self.plan.response_length == ResponseLength::Request
    }

    pub(super) fn has_bodies_of_any_length(&self) -> bool {
        self.plan.response_length == ResponseLength::Text
            || (self.plan.response.lp64.is_open() && self.plan.response.ilp32.is_open())
    }

    pub(super) fn is_response_len(&self, len: usize) -> bool {
        let (lp64, ilp32) = (&self.plan.response.lp64, &self.plan.response.ilp32);
        let is_open = lp64.is_open() || self.plan.response_length != ResponseLength::Struct;
        if is_open {
            return len <= self.longest_response(usize::MAX);
        }
        [lp64.body_len(), lp64.used_len(), ilp32.body_len(), ilp32.used_len()].contains(&len)
    }

    fn abi_of_response(&self, len: usize) -> Abi {
        let is_of = |abi: Abi| {
            let shape = self.plan.response.shape(abi);
            len == shape.body_len() || len == shape.used_len()
        };
        [Abi::NATIVE, Abi::Lp64, Abi::Ilp32].into_iter().find(|abi| is_of(*abi)).unwrap_or(Abi::NATIVE)
    }

    pub(super) fn response_shape(&self, len: usize) -> &Shape {
        self.plan.response.shape(self.abi_of_response(len))
    }

    pub(super) fn read_response<'a>(&self, body: &'a [u8]) -> Option<ReadResponse<'a>> {
        if !self.is_response_len(body.len()) {
            return None;
        }
        let side = self.side(self.abi_of_response(body.len()));
        let status = side.status.as_ref().and_then(|place| place.read(body)).and_then(|it| i32::try_from(it).ok());
        let text = side.response_text.as_ref().map_or(&[][..], |text| text.read(body));
        Some(ReadResponse { status, text })
    }

    pub(super) fn least_request_len(&self, len: usize) -> usize {
        (len..=self.longest_request(len)).find(|len| self.abi_of(*len).is_some()).unwrap_or(len)
    }

    pub(super) fn claimed_client(&self, mtype: i64, body: &[u8]) -> Option<i64> {
        self.side(self.abi_of(body.len()).unwrap_or(Abi::NATIVE)).client.read(mtype, body)
    }

    /// In a body of this machine's form.
    pub(super) fn write_client(&self, body: &mut Vec<u8>, client: i64) {
        self.side(Abi::NATIVE).client.write(body, client);
    }

    pub(super) fn read_request<'a>(&self, mtype: i64, body: &'a [u8]) -> Result<RequestView<'a>, Malformed> {
        let len = body.len();
        let abi = self.abi_of(len);
        let side = self.side(abi.unwrap_or(Abi::NATIVE));
        let Some(claimed_client) = side.client.read(mtype, body) else {
            return Err(Malformed::NoClient { len, cause: likely_cause(body) });
        };
        let Some(abi) = abi else {
            let expected = self.plan.request.shape(Abi::NATIVE).body_len();
            return Err(Malformed::WrongLength { len, expected, claimed_client, cause: likely_cause(body) });
        };
        let text = side.request_text.as_ref().map_or(&[][..], |text| text.read(body));
        Ok(RequestView { mtype, claimed_client, text, body, form: ResponseForm { abi, request_len: len } })
    }

    pub(super) fn client_is_address(&self) -> bool {
        matches!(self.side(Abi::NATIVE).client, ClientPlace::Address(_))
    }

    pub(super) fn reply_address(&self, body: &[u8]) -> Option<ReplyAddress> {
        self.side(self.abi_of(body.len()).unwrap_or(Abi::NATIVE)).reply_to.as_ref()?.read(body)
    }

    /// In a body of this machine's form.
    pub(super) fn write_reply_address(&self, body: &mut [u8], address: ReplyAddress) {
        if let Some(place) = &self.side(Abi::NATIVE).reply_to {
            place.write(body, address);
        }
    }

    pub(super) fn request_field<'a>(
        &self,
        request: &RequestView<'a>,
        name: &str,
    ) -> Result<FieldValue<'a>, FieldError> {
        self.plan.request.shape(request.form.abi).find_field(name)?.read(request.body)
    }

    pub(super) fn write_response(&self, request: &RequestView<'_>, answer: &Answer<'_>, room: &mut [u8]) -> usize {
        let side = self.side(request.form.abi);
        let shape = self.plan.response.shape(request.form.abi);
        if let Some(body) = answer.body {
            let len = write_raw(body, room);
            let is_as_given =
                self.plan.response_length == ResponseLength::Struct && self.raw_lengths(request.form).is_whole(len);
            return if is_as_given {
                len
            } else {
                self.response_len(side, shape, request.form.request_len, None, room)
            };
        }
        room.fill(0);
        side.write_base(request.body, room);
        if let Some(status) = &side.status {
            status.write(room, answer.status);
        }
        let mut text_end = None;
        if let Some(text) = side.response_text.as_ref().filter(|_| answer.fields.is_empty()) {
            text_end = Some(text.write(room, answer.text));
        }
        for (name, value) in answer.fields {
            if let Ok(place) = shape.find_field(name) {
                // What cannot be written was found by `check_answer`.
                let _ = place.write(room, value.as_value());
            }
        }
        self.response_len(side, shape, request.form.request_len, text_end, room)
    }

    fn response_len(
        &self,
        side: &Side,
        shape: &Shape,
        request_len: usize,
        text_end: Option<usize>,
        room: &[u8],
    ) -> usize {
        let end_of_text = || match (text_end, &side.response_text) {
            (Some(end), _) => Some(end),
            (None, Some(text)) => Some(text.end(room)),
            (None, None) => None,
        };
        let len = match self.plan.response_length {
            ResponseLength::Request if request_len > 0 => request_len,
            ResponseLength::Text => end_of_text().unwrap_or(side.response_len),
            _ if side.is_open => end_of_text().unwrap_or(side.response_len).max(side.response_len),
            // Who leaves the padding behind the struct away does so for answers too.
            _ if self.is_unpadded(shape.abi, request_len) => shape.used_len(),
            _ => self.len_for_both.filter(|_| self.fits_both_abis(request_len)).unwrap_or(side.response_len),
        };
        len.min(room.len())
    }

    fn fits_both_abis(&self, request_len: usize) -> bool {
        self.plan.request.fits_both_abis(request_len, self.length_rule())
    }

    fn is_unpadded(&self, abi: Abi, request_len: usize) -> bool {
        let request = self.plan.request.shape(abi);
        request_len != request.body_len() && request_len == request.used_len()
    }

    pub(super) fn check_answer(&self, form: ResponseForm, answer: &Answer<'_>) -> Result<(), FieldError> {
        let (shape, raw_lengths) = (self.plan.response.shape(form.abi), self.raw_lengths(form));
        if let Some(body) = answer.body.filter(|body| !raw_lengths.allow(body.len())) {
            return Err(FieldError::BodyLength { len: body.len(), allowed: raw_lengths.explained() });
        }
        let mut scratch = vec![0; self.longest_response(LONGEST_CHECKED)];
        for (name, value) in answer.fields {
            shape.find_field(name)?.write(&mut scratch, value.as_value())?;
        }
        Ok(())
    }

    fn raw_lengths(&self, form: ResponseForm) -> RawLengths {
        let (shape, side) = (self.plan.response.shape(form.abi), self.side(form.abi));
        RawLengths::new(shape, side, self.plan.response_length, form.request_len)
    }
}

/// Text of open length is no longer in an answer that is checked.
const LONGEST_CHECKED: usize = 64 << 10;

/// The plain protocol has no fields, and no handler knows its body.
pub(super) fn check_plain(answer: &Answer<'_>) -> Result<(), FieldError> {
    match answer.fields.first() {
        Some((name, _)) => Err(FieldError::Unknown(name.clone())),
        None => Ok(()),
    }
}

/// An answer of this length suits clients of both ABIs: all fields are in it at the same places, and the client with less
/// padding, whose buffer is shorter, can receive it. `None` where both have the same length anyway.
fn len_for_both(plan: &ProtocolPlan) -> Option<usize> {
    let (lp64, ilp32) = (&plan.response.lp64, &plan.response.ilp32);
    let differ_in_padding = lp64.fields == ilp32.fields && lp64.body_len() != ilp32.body_len();
    differ_in_padding.then(|| lp64.body_len().min(ilp32.body_len()))
}

#[cfg(test)]
mod tests;
