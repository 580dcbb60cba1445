//! Header lines: collecting one, and its fields.

use super::{Decoder, HEADER_LIMIT, HandlerProtocol, Nonsense};
use msgq_core::escape::escape;

/// A header line that is still coming in.
#[derive(Debug, Default)]
pub(super) struct HeaderLine {
    bytes: Vec<u8>,
}

impl HeaderLine {
    /// Takes bytes up to the newline; `Some` with what follows it.
    pub(super) fn feed<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Nonsense> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let piece = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = HEADER_LIMIT - 1 - self.bytes.len();
        self.bytes.extend(piece.iter().take(room));
        if piece.len() > room {
            return Err(Nonsense::LongHeader(self.escaped()));
        }
        Ok(end.map(|end| bytes.get(end + 1..).unwrap_or_default()))
    }

    pub(super) fn has_begun(&self) -> bool {
        !self.bytes.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn escaped(&self) -> String {
        escape(&self.bytes)
    }
}

/// A decimal number as the protocol writes it: digits, no sign, no leading zero.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    let is_canonical = field.iter().all(u8::is_ascii_digit) && (field.len() == 1 || field.first() != Some(&b'0'));
    std::str::from_utf8(field).ok().filter(|_| is_canonical)?.parse().ok()
}

/// A decimal number that may be negative.
pub(super) fn status(field: &[u8]) -> Option<i32> {
    let digits = field.strip_prefix(b"-");
    let magnitude = i64::try_from(number(digits.unwrap_or(field))?).ok()?;
    match digits {
        Some(_) if magnitude == 0 => None,
        Some(_) => i32::try_from(-magnitude).ok(),
        None => i32::try_from(magnitude).ok(),
    }
}

/// What a handler program says first.
#[derive(Debug, Default)]
pub(in crate::handler) struct HelloDecoder {
    line: HeaderLine,
    expected: HandlerProtocol,
}

impl HelloDecoder {
    pub(in crate::handler) fn new(expected: HandlerProtocol) -> Self {
        Self { line: HeaderLine::default(), expected }
    }
}

impl Decoder for HelloDecoder {
    type Frame = ();

    fn feed(&mut self, bytes: &[u8]) -> Result<Option<()>, Nonsense> {
        let Some(rest) = self.line.feed(bytes)? else { return Ok(None) };
        let version = self.line.bytes().strip_prefix(b"msgqd-handler ").and_then(number);
        let expected = self.expected.version();
        match version {
            Some(said) if said == expected && rest.is_empty() => Ok(Some(())),
            Some(said) if said == expected => Err(Nonsense::Unasked(beginning(rest))),
            Some(said) => Err(Nonsense::OtherVersion { said, expected }),
            None => Err(Nonsense::NoHello { said: self.line.escaped(), expected }),
        }
    }

    fn has_begun(&self) -> bool {
        self.line.has_begun()
    }
}

/// As much of unexpected bytes as a sentence has room for, escaped.
pub(in crate::handler) fn beginning(bytes: &[u8]) -> String {
    escape(bytes.get(..HEADER_LIMIT).unwrap_or(bytes))
}
