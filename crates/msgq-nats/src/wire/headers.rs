//! The headers of a request.

use async_nats::{HeaderMap, HeaderValue};
use std::time::Duration;

const REQUEST_ID: &str = "Msgq-Request-Id";
const HOST: &str = "Msgq-Host";
const CLIENT: &str = "Msgq-Client";
const TYPE: &str = "Msgq-Type";
const DEADLINE: &str = "Msgq-Deadline-Ms";
const FIELD: &str = "Msgq-Field-";

/// What travels beside the body of a request. Who reads it believes nothing in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestHead {
    /// The number that the asking msgqd gave it.
    pub request_id: Option<u64>,
    /// Where it was asked.
    pub host: Option<String>,
    /// Who asked there.
    pub client: Option<i64>,
    /// The type of the message.
    pub mtype: Option<i64>,
    /// The time that is left for it.
    pub deadline: Option<Duration>,
    /// Fields, by name.
    pub fields: Vec<(String, String)>,
}

impl RequestHead {
    /// As headers.
    #[must_use]
    pub fn to_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut insert = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                headers.insert(name, one_line(&value));
            }
        };
        insert(REQUEST_ID, self.request_id.map(|id| id.to_string()));
        insert(HOST, self.host.clone());
        insert(CLIENT, self.client.map(|client| client.to_string()));
        insert(TYPE, self.mtype.map(|mtype| mtype.to_string()));
        insert(DEADLINE, self.deadline.map(|deadline| deadline.as_millis().to_string()));
        for (name, value) in &self.fields {
            insert(&field_header(name), Some(value.clone()));
        }
        headers
    }

    /// Reads headers; what is no number is as if it were not there.
    #[must_use]
    pub fn read(headers: Option<&HeaderMap>) -> Self {
        let Some(headers) = headers else { return Self::default() };
        let text = |name: &str| headers.get(name).map(HeaderValue::as_str);
        let field = |name: &str, value: &str| {
            let name =
                name.get(..FIELD.len()).filter(|start| start.eq_ignore_ascii_case(FIELD)).and(name.get(FIELD.len()..));
            name.map(|name| (name.to_owned(), value.to_owned()))
        };
        let all = headers.iter().filter_map(|(name, values)| Some((name.to_string(), values.first()?.as_str())));
        Self {
            request_id: text(REQUEST_ID).and_then(|text| text.parse().ok()),
            host: text(HOST).map(str::to_owned),
            client: text(CLIENT).and_then(|text| text.parse().ok()),
            mtype: text(TYPE).and_then(|text| text.parse().ok()).filter(|mtype| *mtype > 0),
            deadline: text(DEADLINE).and_then(|text| text.parse().ok()).map(Duration::from_millis),
            fields: all.filter_map(|(name, value)| field(&name, value)).collect(),
        }
    }
}

/// The paths of fields have brackets and dots; a name of a header has neither colons nor spaces.
fn field_header(name: &str) -> String {
    let is_safe = |char: char| char.is_ascii_graphic() && char != ':';
    FIELD.chars().chain(name.chars().map(|char| if is_safe(char) { char } else { '_' })).collect()
}

/// A header is one line of text; controls become spaces.
fn one_line(text: &str) -> HeaderValue {
    let line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    line.trim().parse().unwrap_or_else(|_| HeaderValue::new())
}

/// How many bytes a message with these headers is for a server, which counts them all.
#[must_use]
pub fn wire_len(headers: &HeaderMap, payload_len: usize) -> usize {
    const BEGIN: usize = "NATS/1.0\r\n".len();
    const END: usize = "\r\n".len();
    let line = |name: &str, value: &HeaderValue| name.len() + ": ".len() + value.as_str().len() + END;
    let lines = headers.iter().flat_map(|(name, values)| {
        let name: &str = name.as_ref();
        values.iter().map(move |value| line(name, value))
    });
    BEGIN + lines.sum::<usize>() + END + payload_len
}
