//! The answer of a declared protocol, with its fields by name.

use crate::commands::CommandOutcome;
use crate::commands::latency::nanoseconds;
use crate::failure::Status;
use crate::messages::NamedFields;
use crate::output::{StyledText, Text};
use msgq_core::client::Received;
use msgq_core::escape::escape;
use msgq_core::layout::protocol::Protocol;
use serde::Serialize;

/// Result of `send` for a declared protocol; names with `_ns` are nanoseconds.
#[derive(Debug, Serialize)]
struct FieldsReport {
    /// Of the answer.
    fields: Option<NamedFields>,
    bytes: usize,
    /// How many messages it was.
    parts: usize,
    /// `null` where the protocol has no field for it.
    status: Option<i32>,
    /// As the server sent it, or escaped where it is no UTF-8; empty where the protocol has none.
    text: String,
    text_escaped: String,
    latency_ns: u64,
}

impl Text for FieldsReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        if let Some(fields) = &self.fields {
            text.line(fields.text());
        }
        if self.parts > 1 {
            text.line(format!("the text of all {} parts: {}", self.parts, self.text_escaped));
        }
        text
    }
}

pub(super) fn single_answer_of_fields(protocol: &Protocol, received: &Received) -> CommandOutcome {
    let body = &received.body;
    let fields = protocol.response_shape(body.len()).map(|shape| NamedFields::of_body(shape, body));
    let view = protocol.read_response(body);
    let status = view.and_then(|view| view.status);
    let of_part = |part: &Vec<u8>| protocol.read_response(part).map(|view| view.text.to_vec()).unwrap_or_default();
    let text: Vec<u8> = std::iter::once(body).chain(&received.more_parts).flat_map(of_part).collect();
    let text_escaped = escape(&text);
    let report = FieldsReport {
        fields,
        bytes: body.len(),
        parts: 1 + received.more_parts.len(),
        status,
        text: String::from_utf8(text).unwrap_or_else(|_| text_escaped.clone()),
        text_escaped,
        latency_ns: nanoseconds(received.latency),
    };
    let error_text = report.text_escaped.clone();
    let mut outcome = CommandOutcome::done(report);
    if received.is_error {
        outcome.diagnostics.push(format!("the server answered an error: {error_text}"));
        outcome.status = Status::ServerError;
        return outcome;
    }
    if let Some(status) = status.filter(|status| *status < 0) {
        outcome.diagnostics.push(format!("the server answered an error (status {status})"));
        outcome.status = Status::ServerError;
    }
    outcome
}
