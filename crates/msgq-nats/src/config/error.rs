use msgq_core::config::check::Invalid;
use msgq_core::escape::escape;
use std::fmt;

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    name: String,
    message: String,
    place: Option<Place>,
    help: Option<String>,
}

/// A place in the text, as a person looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    text: String,
}

impl Place {
    fn find(text: &str, at: usize) -> Self {
        let start = (0..=at.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = text.get(line_start..start).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column, text: shown(line) }
    }
}

/// Control characters are escaped, but for tabs, which become a space.
fn shown(line: &str) -> String {
    escape(line.replace('\t', " ").as_bytes())
}

impl ConfigError {
    pub(super) fn whole(name: &str, message: &str) -> Self {
        Self { name: escape(name.as_bytes()), message: escape(message.as_bytes()), place: None, help: None }
    }

    pub(super) fn of_setting(name: &str, text: &str, invalid: &Invalid) -> Self {
        let message = invalid.message.lines().map(|line| escape(line.as_bytes())).collect::<Vec<_>>().join("\n");
        let place = Some(Place::find(text, invalid.span.start));
        let help = Some(shown(&invalid.help)).filter(|help| !help.is_empty());
        Self { message, place, help, ..Self::whole(name, "") }
    }

    /// Line of the error, counted from 1, where it has one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// Column of the error in characters, counted from 1, where it has one.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.column)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, message, place, help } = self;
        let Some(Place { line, column, text }) = place else { return write!(formatter, "{name}: {message}") };
        let margin = " ".repeat(line.to_string().len());
        writeln!(formatter, "{name}:{line}:{column}: {message}")?;
        writeln!(formatter, "{margin} |\n{line} | {text}")?;
        write!(formatter, "{margin} | {}^", " ".repeat(column - 1))?;
        help.as_ref().map_or(Ok(()), |help| write!(formatter, "\n{margin} = help: {help}"))
    }
}

impl std::error::Error for ConfigError {}
