//! Requests of a declared protocol, made of fields by name.

use crate::failure::{Failure, Status};
use msgq_core::client::{Answer, Received};
use msgq_core::layout::field::{FieldError, FieldPlace, FieldValue};
use msgq_core::layout::protocol::{Protocol, RequestTypes};
use msgq_core::layout::shape::{FieldType, Scalar, ScalarKind, Shape};

const NOT_DECLARED: &str = "no struct is declared for this queue, so its requests have no fields and one type; --config FILE names \
                            the configuration with its [protocol]";

/// A request without the number of its client.
#[derive(Debug)]
pub(in crate::commands) struct DeclaredRequest {
    pub(in crate::commands) mtype: i64,
    pub(in crate::commands) body: Vec<u8>,
}

impl DeclaredRequest {
    /// `None` where no struct is declared.
    pub(in crate::commands) fn new(
        protocol: &Protocol,
        mtype: Option<i64>,
        text: Option<&[u8]>,
        settings: &[(String, String)],
    ) -> Result<Option<Self>, Failure> {
        let Some((shape, _)) = protocol.shapes_of_machine() else {
            let is_plain = settings.is_empty() && mtype.is_none();
            return if is_plain { Ok(None) } else { Err(Failure::new(Status::Usage, NOT_DECLARED)) };
        };
        let usage = |error: FieldError| Failure::new(Status::Usage, format!("{error}; {}", names_of(shape)));
        let mtype = request_type(protocol.request_types(), mtype)?;
        let mut body = vec![0; shape.body_len().max(shape.used_len())];
        if let Some(text) = text {
            let name = protocol.request_text_field().ok_or_else(|| {
                let message =
                    format!("requests have no text of their own: name fields with --set; {}", names_of(shape));
                Failure::new(Status::Usage, message)
            })?;
            set_field(shape, &mut body, name, text).map_err(usage)?;
        }
        for (name, value) in settings {
            set_field(shape, &mut body, name, value.as_bytes()).map_err(usage)?;
        }
        Ok(Some(Self { mtype, body }))
    }
}

/// How `--set` is written.
pub(in crate::commands) fn parse_setting(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.to_owned()));
    split.ok_or_else(|| "expected FIELD=VALUE, as in op=3".to_owned())
}

fn request_type(types: &RequestTypes, wanted: Option<i64>) -> Result<i64, Failure> {
    match wanted {
        Some(mtype) if types.contains(mtype) => Ok(mtype),
        Some(mtype) => {
            Err(Failure::new(Status::Usage, format!("type {mtype} is none of the `request_types` of this queue")))
        }
        None => Ok(types.after(0)),
    }
}

fn set_field(shape: &Shape, body: &mut Vec<u8>, name: &str, value: &[u8]) -> Result<(), FieldError> {
    let place = shape.find_field(name)?;
    if *place.field_type == FieldType::OpenText {
        body.resize(body.len().max(place.offset + value.len() + 1), 0);
    }
    place.write(body, field_value(&place, value)?)
}

/// What was written on the command line, as the field takes it.
fn field_value<'a>(place: &FieldPlace<'_>, value: &'a [u8]) -> Result<FieldValue<'a>, FieldError> {
    if place.field_type.is_text() {
        return Ok(FieldValue::Text(value));
    }
    let written = std::str::from_utf8(value).map_err(|_| place.wrong_kind())?;
    let number = match place.field_type {
        FieldType::Scalar(Scalar { kind: ScalarKind::Float, .. }) => written.parse().ok().map(FieldValue::Float),
        FieldType::Scalar(Scalar { kind: ScalarKind::Bool, .. }) if written == "true" => Some(FieldValue::Integer(1)),
        FieldType::Scalar(Scalar { kind: ScalarKind::Bool, .. }) if written == "false" => Some(FieldValue::Integer(0)),
        FieldType::Scalar(_) => whole_number(written).map(FieldValue::Integer),
        _ => None,
    };
    number.ok_or_else(|| place.wrong_kind())
}

/// Decimal, or hexadecimal with 0x.
fn whole_number(written: &str) -> Option<i128> {
    match written.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => written.parse().ok(),
    }
}

fn names_of(shape: &Shape) -> String {
    let names: Vec<&str> = shape.fields.iter().filter_map(|field| field.name.as_deref()).collect();
    format!("its fields are {}", names.join(", "))
}

/// An answer as the summary of many counts it: only a negative status is an error, since what others mean the program knows.
pub(in crate::commands) fn counted_answer(protocol: &Protocol, received: &Received) -> Answer {
    let view = protocol.read_response(&received.body);
    let status = view.and_then(|view| view.status).unwrap_or(0).min(if received.is_error { -1 } else { 0 });
    Answer { status, text: view.map(|view| view.text.to_vec()).unwrap_or_default(), latency: received.latency }
}
