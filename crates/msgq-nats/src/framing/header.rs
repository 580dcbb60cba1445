//! Header lines, and the fields in them.

use super::error::FramingError;
use msgq_core::escape::escape;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Of a line from msgqd, with its newline.
pub(super) const HEADER_LIMIT: usize = 96;

/// A line without its newline.
#[derive(Debug)]
pub(super) struct HeaderLine(Vec<u8>);

impl HeaderLine {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn escaped(&self) -> String {
        escape(&self.0)
    }
}

/// Reads a line of at most [`HEADER_LIMIT`] bytes; `None` at an end before its first byte.
pub(super) async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<HeaderLine>, FramingError> {
    let mut line = Vec::new();
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return if line.is_empty() { Ok(None) } else { Err(FramingError::ClosedWithin) };
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = HEADER_LIMIT - 1 - line.len();
        line.extend(piece.iter().take(room));
        if piece.len() > room {
            return Err(FramingError::LongHeader { limit: HEADER_LIMIT, said: escape(&line) });
        }
        let used = piece.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(HeaderLine(line)));
        }
    }
}

/// The words of a line, with one space between.
pub(super) struct Fields<'a> {
    words: std::slice::Split<'a, u8, fn(&u8) -> bool>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self { words: line.split(|byte| *byte == b' ') }
    }

    pub(super) fn word(&mut self, expected: &[u8]) -> Option<()> {
        (self.words.next()? == expected).then_some(())
    }

    /// Decimal digits as the protocol has them: no sign, no leading zero.
    pub(super) fn number(&mut self, least: u64) -> Option<u64> {
        let field = self.words.next()?;
        let is_canonical = field.iter().all(u8::is_ascii_digit) && (field.len() == 1 || field.first() != Some(&b'0'));
        let number = std::str::from_utf8(field).ok().filter(|_| is_canonical)?.parse().ok()?;
        (number >= least).then_some(number)
    }

    pub(super) fn end(&mut self) -> Option<()> {
        self.words.next().is_none().then_some(())
    }
}
