//! The v1 frame: what stands in the body of a request and of a response. Pure: no queue, no process, no clock.
//!
//! ```text
//! request   { pid_t clientPid;  char requestData[256];  }   mtype 1
//! response  { int   statusCode; char responseData[256]; }   mtype = the client's PID
//! ```
//!
//! Numbers are in native byte order. The C programs pass `sizeof(struct) - sizeof(long)` as the length, which is 264
//! bytes on 64-bit machines (4 of them padding behind the text) and 260 on 32-bit ones. Text ends at the first NUL or
//! after 256 bytes, and every byte behind it is garbage that is never looked at.

use crate::escape::escape;
use crate::words::counted;

pub mod declaration;
pub mod field;
pub mod fit;
pub mod json;
pub mod protocol;
pub mod shape;

/// The mtype of every request.
pub const REQUEST_MTYPE: i64 = 1;
/// Room for text in either direction, in bytes.
pub const TEXT_LEN: usize = 256;
/// The longest text of a request, in bytes. It leaves no room for a NUL in its field; behind that, [`encode_request`]
/// writes zeros, so that a C server that looks for one finds it in the body.
pub const MAX_REQUEST_TEXT_LEN: usize = TEXT_LEN;
/// The most text that a response carries, in bytes: the last byte is always a NUL.
pub const MAX_RESPONSE_TEXT_LEN: usize = TEXT_LEN - 1;
/// Body of a program compiled for 32 bits, in bytes.
pub const BODY_LEN_ILP32: usize = NUMBER_LEN + TEXT_LEN;
/// Body of a program compiled for 64 bits, in bytes; the longest body that the protocol knows.
pub const BODY_LEN_LP64: usize = BODY_LEN_ILP32 + 4;

const NUMBER_LEN: usize = 4;

/// A request as it was received. Nothing in it is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who the sender says it is; any number.
    pub claimed_pid: i32,
    /// The text, 0 to 256 bytes, without a NUL.
    pub text: &'a [u8],
    /// How long the body of the response must be for this sender: 260 or 264 bytes.
    pub response_len: usize,
}

/// A body that is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Too short to name its sender, so nobody can be answered.
    #[error("the body has {}, which is too short to hold the client's PID (at least {NUMBER_LEN})", counted(*.len, "byte"))]
    TooShort {
        /// Length of the body, in bytes.
        len: usize,
    },
    /// Longer than any request of the protocol.
    #[error(
        "the body has {len} bytes; the limit is {BODY_LEN_LP64}: 4 for the PID, {TEXT_LEN} for the text, 4 of padding"
    )]
    TooLong {
        /// Length of the body, in bytes.
        len: usize,
        /// Who the sender says it is; any number.
        claimed_pid: i32,
    },
    /// Of no length that a declared request has.
    #[error(
        "the body has {}, and the declared request has {expected}{}",
        counted(*.len, "byte"), cause.as_deref().unwrap_or_default()
    )]
    WrongLength {
        /// Length of the body, in bytes.
        len: usize,
        /// What `sizeof` of the declared struct is without its type, in bytes, for this machine's own programs.
        expected: usize,
        /// Who the sender says it is; any number.
        claimed_client: i64,
        /// What may have caused it, as the end of a sentence.
        cause: Option<String>,
    },
    /// A declared request that does not name its sender, so nobody can be answered.
    #[error("the body of {} does not name its client{}", counted(*.len, "byte"), cause.as_deref().unwrap_or_default())]
    NoClient {
        /// Length of the body, in bytes.
        len: usize,
        /// What may have caused it, as the end of a sentence.
        cause: Option<String>,
    },
}

impl Malformed {
    /// The same of a body of this length.
    #[must_use]
    pub fn with_len(mut self, whole_len: usize) -> Self {
        match &mut self {
            Self::TooShort { len }
            | Self::TooLong { len, .. }
            | Self::WrongLength { len, .. }
            | Self::NoClient { len, .. } => *len = whole_len,
        }
        self
    }

    /// Who the sender says it is; `None` where the body is too short or does not tell.
    #[must_use]
    pub fn claimed_client(&self) -> Option<i64> {
        match self {
            Self::TooLong { claimed_pid, .. } => Some((*claimed_pid).into()),
            Self::WrongLength { claimed_client, .. } => Some(*claimed_client),
            Self::TooShort { .. } | Self::NoClient { .. } => None,
        }
    }
}

/// What a body that does not fit looks like, as the end of a sentence; `None` where nothing is known.
#[must_use]
pub fn likely_cause(body: &[u8]) -> Option<String> {
    // PHP's serialize() begins with the kind of the value and its length or number, as in `s:32:"..."`.
    let [b's' | b'i' | b'a' | b'd' | b'O', b':', rest @ ..] = body else { return None };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let shown = body.get(..digits + 3).filter(|_| digits > 0)?;
    matches!(shown.last(), Some(b':' | b';')).then(|| {
        let shown = escape(shown);
        format!("; it begins with `{shown}`, as PHP serializes: pass false for `serialize` to msg_send()")
    })
}

/// The body of a response, ready to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    body: [u8; BODY_LEN_LP64],
    len: usize,
}

impl Response {
    /// Makes a response of `len` bytes (260 or 264; anything else becomes 260).
    ///
    /// Text beyond 255 bytes is cut, and never in the middle of a UTF-8 character; it ends at its first NUL, since no
    /// client could see more of it. All bytes behind the text are 0.
    #[must_use]
    pub fn new(status: i32, text: &[u8], len: usize) -> Self {
        let mut body = [0; BODY_LEN_LP64];
        let len = Self::write(&mut body, status, text, len);
        Self { body, len }
    }

    /// As [`Response::new`], over whatever stands in `body`; returns the response's length, 260 or 264.
    pub fn write(body: &mut [u8; BODY_LEN_LP64], status: i32, text: &[u8], len: usize) -> usize {
        let text = cut(until_nul(text), MAX_RESPONSE_TEXT_LEN);
        let (number, rest) = body.split_at_mut(NUMBER_LEN);
        number.copy_from_slice(&status.to_ne_bytes());
        if let Some((field, behind)) = rest.split_at_mut_checked(text.len()) {
            field.copy_from_slice(text);
            behind.fill(0);
        }
        response_len(len)
    }

    /// The body, 260 or 264 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.body.get(..self.len).unwrap_or(&self.body)
    }
}

/// A response as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseView<'a> {
    /// 0: done. -1: an error that the text explains.
    pub status: i32,
    /// The text, without a NUL.
    pub text: &'a [u8],
}

/// Reads the body of a request.
///
/// # Errors
/// [`Malformed`] when it cannot be one.
pub fn decode_request(body: &[u8]) -> Result<Request<'_>, Malformed> {
    let len = body.len();
    let (number, rest) = body.split_first_chunk().ok_or(Malformed::TooShort { len })?;
    let claimed_pid = i32::from_ne_bytes(*number);
    if len > BODY_LEN_LP64 {
        return Err(Malformed::TooLong { len, claimed_pid });
    }
    Ok(Request { claimed_pid, text: text_field(rest), response_len: response_len(len) })
}

/// Makes the body of a request as a 64-bit client does; text beyond 256 bytes is cut.
#[must_use]
pub fn encode_request(pid: i32, text: &[u8]) -> [u8; BODY_LEN_LP64] {
    let mut body = [0; BODY_LEN_LP64];
    let (number, rest) = body.split_at_mut(NUMBER_LEN);
    number.copy_from_slice(&pid.to_ne_bytes());
    let text = text.get(..TEXT_LEN).unwrap_or(text);
    if let Some(field) = rest.get_mut(..text.len()) {
        field.copy_from_slice(text);
    }
    body
}

/// Reads the body of a response; `None` when it is too short to hold a status.
#[must_use]
pub fn decode_response(body: &[u8]) -> Option<ResponseView<'_>> {
    let (number, rest) = body.split_first_chunk()?;
    Some(ResponseView { status: i32::from_ne_bytes(*number), text: text_field(rest) })
}

/// True when a body of this length can be a response of the protocol.
#[must_use]
pub fn is_response_len(len: usize) -> bool {
    matches!(len, BODY_LEN_ILP32 | BODY_LEN_LP64)
}

fn response_len(request_len: usize) -> usize {
    if request_len == BODY_LEN_LP64 { BODY_LEN_LP64 } else { BODY_LEN_ILP32 }
}

fn text_field(field: &[u8]) -> &[u8] {
    until_nul(field.get(..TEXT_LEN).unwrap_or(field))
}

fn until_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The longest start of `text` of at most `limit` bytes that ends between two characters. Bytes that are no UTF-8 are
/// cut at the limit.
fn cut(text: &[u8], limit: usize) -> &[u8] {
    let Some(kept) = text.get(..limit).filter(|_| text.len() > limit) else { return text };
    match std::str::from_utf8(last_character(kept)) {
        Err(error) if error.error_len().is_none() => {
            kept.get(..kept.len() - last_character(kept).len()).unwrap_or(kept)
        }
        _ => kept,
    }
}

/// The last bytes from the last one that may start a UTF-8 character; a character has at most 4.
fn last_character(text: &[u8]) -> &[u8] {
    let tail = text.len().saturating_sub(4);
    let start = (tail..text.len()).rev().find(|&index| text.get(index).is_some_and(|byte| byte & 0xc0 != 0x80));
    text.get(start.unwrap_or(text.len())..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
