//! What a value in the configuration may be: checks that the sections share. They know neither sections nor files;
//! whoever calls them knows the name of the setting.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;
use toml::{Spanned, Value};

/// Most workers, and most requests that a handler works on at the same time.
pub(super) const MAX_WORKERS: u64 = 256;

/// A value that is not allowed.
#[derive(Debug)]
pub(super) struct Invalid {
    /// Where it stands in the text, in bytes.
    pub(super) span: Range<usize>,
    /// What is wrong, and what to write instead.
    pub(super) message: String,
    pub(super) help: String,
}

impl Invalid {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: help.into() }
    }
}

/// The value when there is one and it passes the check, else the default.
pub(super) fn or<T, V>(
    value: &Option<Spanned<V>>,
    check: impl FnOnce(&Spanned<V>) -> Result<T, Invalid>,
    default: T,
) -> Result<T, Invalid> {
    value.as_ref().map_or(Ok(default), check)
}

pub(super) fn number(value: &Spanned<i64>, name: &str, allowed: RangeInclusive<u64>) -> Result<u64, Invalid> {
    let (least, most) = (*allowed.start(), *allowed.end());
    u64::try_from(*value.get_ref()).ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
        let message = format!("{name} = {} is out of range", value.get_ref());
        Invalid::new(value.span(), message, format!("write a number from {least} to {most}"))
    })
}

/// `None` for "auto".
pub(super) fn auto_or_number(
    value: &Spanned<Value>,
    name: &str,
    allowed: RangeInclusive<u64>,
) -> Result<Option<u64>, Invalid> {
    let number = match value.get_ref() {
        Value::String(text) if text == "auto" => return Ok(None),
        Value::Integer(number) => u64::try_from(*number).ok().filter(|number| allowed.contains(number)),
        _ => None,
    };
    number.map(Some).ok_or_else(|| {
        let message = format!("{name} = {} is not possible", value.get_ref());
        let (least, most) = allowed.into_inner();
        Invalid::new(value.span(), message, format!("write \"auto\" or a number from {least} to {most}"))
    })
}

pub(super) fn milliseconds(
    value: &Option<Spanned<i64>>,
    name: &str,
    allowed: RangeInclusive<u64>,
    default: Duration,
) -> Result<Duration, Invalid> {
    or(value, |value| number(value, name, allowed).map(Duration::from_millis), default)
}

pub(super) fn one_of<T: Copy>(value: &Spanned<String>, words: &[(&str, T)]) -> Result<T, Invalid> {
    let found = words.iter().find(|(word, _)| word == value.get_ref());
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let help = format!("write {}", known.join(" or "));
        Invalid::new(value.span(), format!("{:?} is not possible here", value.get_ref()), help)
    })
}

pub(super) fn absolute(value: &Spanned<String>, name: &str) -> Result<PathBuf, Invalid> {
    let path = PathBuf::from(value.get_ref());
    if path.is_absolute() && !value.get_ref().contains('\0') {
        return Ok(path);
    }
    let message = format!("{name} = {:?} is no absolute path", value.get_ref());
    Err(Invalid::new(value.span(), message, "begin it with a slash: nobody knows from where a service is started"))
}
