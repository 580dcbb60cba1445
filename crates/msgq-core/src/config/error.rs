use crate::caret::TextPlace;
use crate::escape::escape;
use std::fmt;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    details: Box<ErrorDetails>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ErrorDetails {
    name: String,
    message: String,
    place: Option<TextPlace>,
    help: Option<String>,
    /// Places in other files.
    beside: Vec<Place>,
    is_permission: bool,
}

/// A place in one of the files of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    name: String,
    place: TextPlace,
}

impl Place {
    /// The place of these bytes of the text of the file with this name.
    pub(super) fn find(name: &str, text: &str, span: Range<usize>) -> Self {
        Self { name: escape(name.as_bytes()), place: TextPlace::find(text, span) }
    }
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let mut unreadable = Self::unusable(path, &error.to_string());
        unreadable.details.is_permission = error.kind() == io::ErrorKind::PermissionDenied;
        unreadable
    }

    pub(super) fn unusable(path: &Path, reason: &str) -> Self {
        let name = escape(path.as_os_str().as_bytes());
        Self::new(name, format!("cannot read this configuration: {reason}"), None)
    }

    pub(super) fn at(name: &str, text: &str, span: Range<usize>, message: &str, help: Option<&str>) -> Self {
        let mut error = Self::of_place(Place::find(name, text, span), message);
        error.details.help = help.map(|help| escape(help.as_bytes()));
        error
    }

    pub(super) fn of_setting(place: Place, message: &str, help: &str, beside: Vec<Place>) -> Self {
        let mut error = Self::of_place(place, message);
        error.details.help = Some(escape(help.as_bytes()));
        error.details.beside = beside;
        error
    }

    fn of_place(place: Place, message: &str) -> Self {
        let message = message.lines().map(|line| escape(line.as_bytes())).collect::<Vec<_>>().join("; ");
        Self::new(place.name, message, Some(place.place))
    }

    fn new(name: String, message: String, place: Option<TextPlace>) -> Self {
        let details = ErrorDetails { name, message, place, help: None, beside: Vec::new(), is_permission: false };
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

    /// The name of the file that it is in.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.details.name
    }

    /// True where this user may not read one of the files.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        self.details.is_permission
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorDetails { name, message, place, help, beside, .. } = &*self.details;
        let Some(place) = place else { return write!(formatter, "{name}: {message}") };
        writeln!(formatter, "{name}:{}:{}: {message}", place.line, place.column)?;
        place.write_marked(formatter, help.as_deref())?;
        let margin = " ".repeat(place.line.to_string().len());
        beside.iter().try_for_each(|Place { name, place }| {
            write!(formatter, "\n{margin} = with {name}:{}:{}: {}", place.line, place.column, place.line_text())
        })
    }
}

impl std::error::Error for ConfigError {}
