//! Where in a text a mistake stands: line, column, and the line itself with a mark under the place.

use crate::escape::escape;
use std::fmt;
use std::ops::Range;

/// A place in a text, as a person looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextPlace {
    /// Counted from 1.
    pub(crate) line: usize,
    /// In characters, counted from 1.
    pub(crate) column: usize,
    text: String,
    indent: usize,
    width: usize,
}

impl TextPlace {
    /// The place of these bytes of the text; a range that is not in it becomes one that is.
    pub(crate) fn find(text: &str, span: Range<usize>) -> Self {
        let start = floor_char_boundary(text, span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = text.get(line_start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let lead = line.get(..start - line_start).unwrap_or(line);
        let end = floor_char_boundary(text, span.end.max(start)).min(line_start + line.len());
        let marked = text.get(start..end).unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: lead.chars().count() + 1,
            text: shown(line),
            indent: shown(lead).chars().count(),
            width: shown(marked).chars().count().max(1),
        }
    }

    /// The whole line.
    pub(crate) fn line_text(&self) -> &str {
        &self.text
    }

    /// Three lines, the mark in the last, and the help behind them; none ends with a line break.
    pub(crate) fn write_marked(&self, formatter: &mut fmt::Formatter<'_>, help: Option<&str>) -> fmt::Result {
        let margin = " ".repeat(self.line.to_string().len());
        writeln!(formatter, "{margin} |")?;
        writeln!(formatter, "{} | {}", self.line, self.text)?;
        write!(formatter, "{margin} | {}{}", " ".repeat(self.indent), "^".repeat(self.width))?;
        help.map_or(Ok(()), |help| write!(formatter, "\n{margin} = help: {help}"))
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

/// Control characters are escaped, but for tabs, which become a space.
fn shown(line: &str) -> String {
    escape(line.replace('\t', " ").as_bytes())
}
