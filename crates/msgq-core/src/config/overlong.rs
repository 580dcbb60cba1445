//! `handler.overlong`.

use super::check::{Invalid, one_of, or};
use super::raw;

/// What becomes of an answer that is longer than a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlong {
    /// Its client gets an error that says so.
    #[default]
    Error,
    /// Its client gets the beginning; no UTF-8 character of a text is cut in two.
    Truncate,
    /// Its client gets all of it in several messages, up to [`crate::table::LONGEST_ANSWER`].
    Parts,
}

const OVERLONG: [(&str, Overlong); 3] =
    [("error", Overlong::Error), ("truncate", Overlong::Truncate), ("parts", Overlong::Parts)];

pub(super) fn overlong(raw: &raw::Handler) -> Result<Overlong, Invalid> {
    or(&raw.overlong, |value| one_of(value, &OVERLONG), Overlong::Error)
}
