use crate::caret::TextPlace;
use crate::escape::escape;
use std::fmt;
use std::ops::Range;

/// What is wrong with a declaration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationError {
    details: Box<ErrorDetails>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ErrorDetails {
    message: String,
    span: Range<usize>,
    place: TextPlace,
    help: Option<String>,
}

impl DeclarationError {
    pub(super) fn at(text: &str, span: Range<usize>, message: &str, help: &str) -> Self {
        let help = (!help.is_empty()).then(|| escape(help.as_bytes()));
        let place = TextPlace::find(text, span.clone());
        Self { details: Box::new(ErrorDetails { message: escape(message.as_bytes()), span, place, help }) }
    }

    /// Line of the error in the declaration, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.details.place.line
    }

    /// Column of the error in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.details.place.column
    }

    /// Where it is in the declaration, in bytes.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.details.span.clone()
    }

    /// What to write instead, where that is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.details.help.as_deref()
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.details.message
    }
}

impl fmt::Display for DeclarationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorDetails { message, place, help, .. } = &*self.details;
        writeln!(formatter, "line {}, column {}: {message}", place.line, place.column)?;
        place.write_marked(formatter, help.as_deref())
    }
}

impl std::error::Error for DeclarationError {}
