//! Bodies: as they are, or as JSON objects that need no struct.

use super::Reply;
use crate::config::{Format, LocalSide};
use msgq_core::config::Pass;
use msgq_core::layout::declaration::Declaration;
use msgq_core::layout::field::FieldValue;
use msgq_core::layout::protocol::Protocol;
use msgq_core::layout::shape::Shape;
use msgq_core::layout::{MAX_RESPONSE_TEXT_LEN, encode_request};
use msgq_core::words::counted;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Turns what the local side has into what is on the wire, and back.
#[derive(Debug, Clone)]
pub struct Codec {
    protocol: Arc<Protocol>,
    kind: Kind,
    /// Of a text alone: what makes the object `{"text": ...}`.
    text: Arc<Declaration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A text, as it is.
    Text,
    /// A text, as `{"text": ...}`.
    TextAsJson,
    /// A body, as it is.
    Body,
    /// A body, as an object with its fields.
    BodyAsJson,
    /// What msgqd made of a body is JSON already.
    Json,
}

/// Why a body cannot be sent on; a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PayloadError(String);

/// As `{"text": ...}` has it.
const TEXT: &str = "struct { long mtype; char text[]; }";

impl Codec {
    /// For a route out: msgqd gives and takes what `handler.pass` says.
    ///
    /// # Errors
    /// Never for settings that were checked.
    pub fn outward(local: &LocalSide, format: Format) -> Result<Self, PayloadError> {
        let kind = match (local.pass, format) {
            (Pass::Text, Format::Raw) => Kind::Text,
            (Pass::Text, Format::Json) => Kind::TextAsJson,
            (Pass::Body, Format::Raw) => Kind::Body,
            (Pass::Body, Format::Json) => Kind::BodyAsJson,
            (Pass::Json, _) => Kind::Json,
        };
        Self::new(local, kind)
    }

    /// For a route in: the queue takes and gives whole bodies, and of the plain protocol the text is what counts.
    ///
    /// # Errors
    /// Never for settings that were checked.
    pub fn inward(local: &LocalSide, format: Format) -> Result<Self, PayloadError> {
        let is_plain = local.protocol.begins_with_pid();
        let kind = match (is_plain, format) {
            (true, Format::Raw) => Kind::Text,
            (true, Format::Json) => Kind::TextAsJson,
            (false, Format::Raw) => Kind::Body,
            (false, Format::Json) => Kind::BodyAsJson,
        };
        Self::new(local, kind)
    }

    fn new(local: &LocalSide, kind: Kind) -> Result<Self, PayloadError> {
        let text = Declaration::parse(TEXT, &BTreeMap::new()).map_err(|error| fault(error.message()))?;
        Ok(Self { protocol: Arc::clone(&local.protocol), kind, text: Arc::new(text) })
    }

    /// What is on the wire for a request that msgqd gave.
    ///
    /// # Errors
    /// [`PayloadError`] where it fits no declared request.
    pub fn request_to_wire(&self, mtype: i64, given: Vec<u8>) -> Result<Vec<u8>, PayloadError> {
        match self.kind {
            Kind::Text | Kind::Body | Kind::Json => Ok(given),
            Kind::TextAsJson => json_of(self.text_shape(), &given),
            Kind::BodyAsJson => {
                let view = self.protocol.read_request(mtype, &given).map_err(|error| fault(&error))?;
                let shapes = self.protocol.shapes(view.form);
                let (request, _) = shapes.ok_or_else(|| fault("the plain protocol has no fields"))?;
                json_of(request, &given)
            }
        }
    }

    /// What msgqd gets for a reply to `request`, which is what it gave: status, and text or body.
    ///
    /// # Errors
    /// [`PayloadError`] where the reply is not what the route's format says.
    pub fn reply_to_local(&self, mtype: i64, request: &[u8], reply: Reply) -> Result<(i32, Vec<u8>), PayloadError> {
        if reply.status != 0 && !reply.is_whole {
            return Ok((reply.status, reply.payload));
        }
        match self.kind {
            Kind::Text => Ok((reply.status, reply.payload)),
            // The status stands in the body.
            Kind::Body | Kind::Json => Ok((0, reply.payload)),
            Kind::TextAsJson => Ok((reply.status, self.text_of_json(&reply.payload)?)),
            Kind::BodyAsJson => {
                let view = self.protocol.read_request(mtype, request).map_err(|error| fault(&error))?;
                let body = self.protocol.response_from_json(&view, &reply.payload);
                body.map(|body| (0, body)).map_err(|error| fault(&format!("the reply cannot be made a body: {error}")))
            }
        }
    }

    /// The body that a client puts into the queue for what came over the wire; its own number is yet to be written into it.
    ///
    /// # Errors
    /// [`PayloadError`] where it is no text of the plain protocol, or no JSON of the declared request.
    pub fn request_to_queue(&self, payload: &[u8]) -> Result<Vec<u8>, PayloadError> {
        match self.kind {
            Kind::Body | Kind::Json => Ok(payload.to_vec()),
            Kind::Text => self.body_of_text(payload),
            Kind::TextAsJson => self.body_of_text(&self.text_of_json(payload)?),
            Kind::BodyAsJson => {
                let shapes = self.protocol.shapes_of_machine();
                let (request, _) = shapes.ok_or_else(|| fault("the plain protocol has no fields"))?;
                request.body_from_json(&object(payload)?).map_err(|error| fault(&error))
            }
        }
    }

    /// The reply for a body that came out of the queue.
    ///
    /// # Errors
    /// [`PayloadError`] where it is no answer of the protocol.
    pub fn reply_from_queue(&self, body: Vec<u8>) -> Result<Reply, PayloadError> {
        let not_one = || fault(&format!("an answer of {} is none of this protocol", counted(body.len(), "byte")));
        let read = self.protocol.read_response(&body).ok_or_else(not_one)?;
        let status = read.status.unwrap_or(0);
        let payload = match self.kind {
            Kind::Text => read.text.to_vec(),
            Kind::TextAsJson if status != 0 => read.text.to_vec(),
            Kind::TextAsJson => json_of(self.text_shape(), read.text)?,
            Kind::BodyAsJson => {
                let shape = self.protocol.response_shape(body.len());
                json_of(shape.ok_or_else(|| fault("the plain protocol has no fields"))?, &body)?
            }
            Kind::Body | Kind::Json => return Ok(Reply { status, payload: body, is_whole: true, failure: None }),
        };
        Ok(Reply { status, payload, is_whole: self.kind == Kind::BodyAsJson, failure: None })
    }

    /// A field of a request that msgqd gave, as text; empty where it has none.
    #[must_use]
    pub fn field(&self, mtype: i64, given: &[u8], name: &str) -> String {
        if self.kind == Kind::Json {
            return field_of_json(given, name);
        }
        let Ok(view) = self.protocol.read_request(mtype, given) else { return String::new() };
        match self.protocol.request_field(&view, name) {
            Ok(FieldValue::Integer(number)) => number.to_string(),
            Ok(FieldValue::Float(number)) => number.to_string(),
            Ok(FieldValue::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            Err(_) => String::new(),
        }
    }

    /// Of a text that says what failed, what every client can get.
    #[must_use]
    pub fn failure_room(&self) -> usize {
        match self.protocol.response_text_room(MAX_RESPONSE_TEXT_LEN) {
            0 => MAX_RESPONSE_TEXT_LEN,
            room => room.min(MAX_RESPONSE_TEXT_LEN),
        }
    }

    fn text_shape(&self) -> &Shape {
        self.text.shape(msgq_core::layout::shape::Abi::NATIVE)
    }

    fn body_of_text(&self, text: &[u8]) -> Result<Vec<u8>, PayloadError> {
        let room = self.protocol.request_text_room(0);
        if text.len() > room {
            return Err(fault(&format!("the text has {} bytes, and a request has room for {room}", text.len())));
        }
        if let Some(at) = text.iter().position(|byte| *byte == 0) {
            return Err(fault(&format!("the text has a NUL (byte {at}), where it would end")));
        }
        // The client that sends it writes its own number.
        Ok(encode_request(0, text).to_vec())
    }

    fn text_of_json(&self, payload: &[u8]) -> Result<Vec<u8>, PayloadError> {
        let mut text = self.text_shape().body_from_json(&object(payload)?).map_err(|error| fault(&error))?;
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        text.truncate(end);
        Ok(text)
    }
}

fn fault(reason: &(impl ToString + ?Sized)) -> PayloadError {
    PayloadError(reason.to_string())
}

fn json_of(shape: &Shape, body: &[u8]) -> Result<Vec<u8>, PayloadError> {
    serde_json::to_vec(&shape.body_as_json(body)).map_err(|error| fault(&error))
}

fn object(payload: &[u8]) -> Result<Map<String, Value>, PayloadError> {
    serde_json::from_slice(payload).map_err(|error| fault(&format!("it is no JSON object: {error}")))
}

/// By a path as in `op`, `at.x` or `item[2].amount`.
fn field_of_json(given: &[u8], path: &str) -> String {
    let Ok(mut value) = serde_json::from_slice::<Value>(given) else { return String::new() };
    for step in path.split(['.', '[']) {
        let found = match step.strip_suffix(']') {
            Some(index) => index.parse::<usize>().ok().and_then(|index| value.get_mut(index)),
            None => value.get_mut(step),
        };
        let Some(found) = found else { return String::new() };
        value = found.take();
    }
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
