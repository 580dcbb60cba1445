use crate::escape::escape;
use std::fmt;
use std::ops::Range;

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    details: Box<ErrorDetails>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ErrorDetails {
    name: String,
    message: String,
    place: Option<ErrorPlace>,
    help: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ErrorPlace {
    line: usize,
    column: usize,
    text: String,
    indent: usize,
    width: usize,
}

impl ConfigError {
    pub(super) fn unreadable(name: &str, reason: &str) -> Self {
        let message = format!("cannot read this configuration: {reason}");
        Self::new(ErrorDetails { name: escape(name.as_bytes()), message, place: None, help: None })
    }

    pub(super) fn at(name: &str, text: &str, span: Range<usize>, message: &str, help: Option<&str>) -> Self {
        Self::new(ErrorDetails {
            name: escape(name.as_bytes()),
            message: message.lines().map(|line| escape(line.as_bytes())).collect::<Vec<_>>().join("; "),
            place: Some(ErrorPlace::find(text, span)),
            help: help.map(|help| escape(help.as_bytes())),
        })
    }

    fn new(details: ErrorDetails) -> Self {
        Self { details: Box::new(details) }
    }

    /// Line of the error, counted from 1, where it has one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.details.place.as_ref().map(|place| place.line)
    }

    /// Column of the error in characters, counted from 1, where it has one.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.details.place.as_ref().map(|place| place.column)
    }
}

impl ErrorPlace {
    fn find(text: &str, span: Range<usize>) -> Self {
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
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

/// Control characters are escaped, but for tabs, which become a space.
fn shown(line: &str) -> String {
    escape(line.replace('\t', " ").as_bytes())
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorDetails { name, message, place, help } = &*self.details;
        let Some(place) = place else { return write!(formatter, "{name}: {message}") };
        let margin = " ".repeat(place.line.to_string().len());
        writeln!(formatter, "{name}:{}:{}: {message}", place.line, place.column)?;
        writeln!(formatter, "{margin} |")?;
        writeln!(formatter, "{} | {}", place.line, place.text)?;
        write!(formatter, "{margin} | {}{}", " ".repeat(place.indent), "^".repeat(place.width))?;
        if let Some(help) = help {
            write!(formatter, "\n{margin} = help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
