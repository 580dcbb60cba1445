//! The handler protocol (docs/handler-protocol.md), from the side of the service. Whatever msgqd says, an error is the worst
//! that comes of it.

mod error;
mod header;

pub use error::FramingError;

use header::{Fields, read_line};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncReadExt};

/// Bytes of a request's body that are read; more cannot be meant.
pub const REQUEST_LIMIT: u64 = 1 << 20;
/// Bytes of an answer that msgqd reads.
pub const ANSWER_LIMIT: usize = 1 << 20;
/// Of version 1: those of the plain protocol.
const SHORT_REQUEST_LIMIT: u64 = 256;

/// Which version is spoken: the one that msgqd says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Short texts.
    One,
    /// Bodies, and the type of each request.
    Two,
}

/// A request as msgqd gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub id: u64,
    /// The number of its client.
    pub client: i64,
    /// The time that is left for it.
    pub deadline: Duration,
    /// Its type; version 1 has none.
    pub mtype: Option<i64>,
    /// Text, JSON or body.
    pub payload: Vec<u8>,
}

impl Version {
    /// What both sides say first.
    #[must_use]
    pub fn hello(self) -> &'static [u8] {
        match self {
            Self::One => b"msgqd-handler 1\n",
            Self::Two => b"msgqd-handler 2\n",
        }
    }
}

/// Reads what msgqd says first; `None` where it ends instead.
///
/// # Errors
/// [`FramingError`]
pub async fn read_hello(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Version>, FramingError> {
    let Some(line) = read_line(reader).await? else { return Ok(None) };
    match line.bytes() {
        b"msgqd-handler 1" => Ok(Some(Version::One)),
        b"msgqd-handler 2" => Ok(Some(Version::Two)),
        _ => Err(FramingError::NoHello(line.escaped())),
    }
}

/// Reads the next request; `None` where msgqd ends instead.
///
/// # Errors
/// [`FramingError`]
pub async fn read_request(
    reader: &mut (impl AsyncBufRead + Unpin),
    version: Version,
) -> Result<Option<Request>, FramingError> {
    let Some(line) = read_line(reader).await? else { return Ok(None) };
    let bad = || FramingError::BadHeader(line.escaped());
    let (mut request, len) = parse_header(line.bytes(), version).ok_or_else(bad)?;
    let limit = if version == Version::One { SHORT_REQUEST_LIMIT } else { REQUEST_LIMIT };
    if len > limit {
        return Err(FramingError::HugeRequest { len, limit });
    }
    let read = reader.take(len).read_to_end(&mut request.payload).await?;
    if u64::try_from(read).is_ok_and(|read| read == len) { Ok(Some(request)) } else { Err(FramingError::ClosedWithin) }
}

fn parse_header(line: &[u8], version: Version) -> Option<(Request, u64)> {
    let mut fields = Fields::new(line);
    fields.word(b"request")?;
    let id = fields.number(1)?;
    let client = i64::try_from(fields.number(1)?).ok()?;
    let deadline = Duration::from_millis(fields.number(1)?);
    let mtype = match version {
        Version::One => None,
        Version::Two => Some(i64::try_from(fields.number(1)?).ok()?),
    };
    let len = fields.number(0)?;
    fields.end()?;
    Some((Request { id, client, deadline, mtype, payload: Vec::new() }, len))
}

/// An answer as msgqd reads it. One that is too long for it becomes an error that says so.
#[must_use]
pub fn encode_answer(id: u64, status: i32, payload: &[u8]) -> Vec<u8> {
    if payload.len() > ANSWER_LIMIT {
        let text = format!("the reply has {} bytes, and msgqd takes {ANSWER_LIMIT}", payload.len());
        return encode_answer(id, -1, text.as_bytes());
    }
    let mut frame = format!("answer {id} {status} {}\n", payload.len()).into_bytes();
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests;
