//! What a value in the configuration may be: checks that the sections share. They know neither sections nor files;
//! whoever calls them knows the name of the setting.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;
use toml::{Spanned, Value};

/// Most workers, and most requests that a handler works on at the same time.
pub(super) const MAX_WORKERS: u64 = 256;

/// A value that is not allowed.
#[derive(Debug)]
pub struct Invalid {
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// Where the settings stand that it does not go with.
    pub(super) beside: Vec<Range<usize>>,
}

impl Invalid {
    /// A value at this place, what is wrong with it, and what to write instead.
    pub fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: help.into(), beside: Vec::new() }
    }

    /// As it is, for a value that does not go with another setting.
    pub(super) fn beside(mut self, other: &Option<Spanned<Value>>) -> Self {
        self.beside.extend(other.as_ref().map(Spanned::span));
        self
    }
}

/// The value when there is one and it passes the check, else the default.
pub(super) fn or<T>(
    value: &Option<Spanned<Value>>,
    check: impl FnOnce(&Spanned<Value>) -> Result<T, Invalid>,
    default: T,
) -> Result<T, Invalid> {
    value.as_ref().map_or(Ok(default), check)
}

/// A whole number within limits.
///
/// # Errors
/// When it is something else.
pub fn number(value: &Spanned<Value>, name: &str, allowed: RangeInclusive<u64>) -> Result<u64, Invalid> {
    let (least, most) = (*allowed.start(), *allowed.end());
    let number = match value.get_ref() {
        Value::Integer(number) => u64::try_from(*number).ok().filter(|number| allowed.contains(number)),
        _ => None,
    };
    number.ok_or_else(|| {
        let what = if value.get_ref().is_integer() { "out of range" } else { "not a whole number" };
        let message = format!("{name} = {} is {what}", value.get_ref());
        Invalid::new(value.span(), message, format!("write a number from {least} to {most}, without quotes and unit"))
    })
}

/// A number of bytes, or text like `256K`, `256 KiB` or `1M`: units are powers of 1024.
pub(super) fn size(value: &Spanned<Value>, name: &str, allowed: RangeInclusive<u64>) -> Result<u64, Invalid> {
    let bytes = match value.get_ref() {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(text) => parse_size(text),
        _ => None,
    };
    bytes.filter(|bytes| allowed.contains(bytes)).ok_or_else(|| {
        let message = format!("{name} = {} is not possible", value.get_ref());
        let (least, most) = allowed.into_inner();
        let help = format!("write a number from {least} to {most} (of bytes), or text with K, M or G (KiB, MiB, GiB), for example {name} = \"256K\"");
        Invalid::new(value.span(), message, help)
    })
}

fn parse_size(text: &str) -> Option<u64> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let shift = match unit.trim_start().trim_end_matches("iB") {
        "" if !unit.ends_with("iB") => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// `true` or `false`.
///
/// # Errors
/// When it is something else.
pub fn boolean(value: &Spanned<Value>, name: &str) -> Result<bool, Invalid> {
    value.get_ref().as_bool().ok_or_else(|| {
        let message = format!("{name} = {} is neither yes nor no", value.get_ref());
        Invalid::new(value.span(), message, "write true or false, without quotes")
    })
}

/// Text in quotes.
///
/// # Errors
/// When it is something else.
pub fn text<'a>(value: &'a Spanned<Value>, name: &str) -> Result<&'a str, Invalid> {
    value.get_ref().as_str().ok_or_else(|| {
        let message = format!("{name} = {} is not text", value.get_ref());
        Invalid::new(value.span(), message, format!("write it as text, in quotes: {name} = \"...\""))
    })
}

/// The program and its arguments.
pub(super) fn words(value: &Spanned<Value>, help: &str) -> Result<Vec<String>, Invalid> {
    let invalid = |message: &str, help: &str| Invalid::new(value.span(), message, help);
    match value.get_ref() {
        Value::Array(words) => {
            let words = words.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
            words.ok_or_else(|| invalid("not every part of the command is text, in quotes", help))
        }
        Value::String(text) => {
            let words: Vec<String> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
            let help = format!("no shell takes it apart; write it as a list: command = [{}]", words.join(", "));
            Err(invalid("the command is not a list", &help))
        }
        _ => Err(invalid("the command is not a list", help)),
    }
}

/// Names with text each.
pub(super) fn texts_by_name(
    value: &Spanned<Value>,
    name: &str,
    help: &str,
) -> Result<BTreeMap<String, String>, Invalid> {
    let Value::Table(table) = value.get_ref() else {
        return Err(Invalid::new(value.span(), format!("{name} is not a table"), help));
    };
    let text = |(key, entry): (&String, &Value)| match entry {
        Value::String(text) => Ok((key.clone(), text.clone())),
        other => {
            let help = format!("write it as text, in quotes: {name} = {{ {key} = \"{other}\" }}");
            Err(Invalid::new(value.span(), format!("{key} = {other} is not text"), help))
        }
    };
    table.iter().map(text).collect()
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
    value: &Option<Spanned<Value>>,
    name: &str,
    allowed: RangeInclusive<u64>,
    default: Duration,
) -> Result<Duration, Invalid> {
    or(value, |value| number(value, name, allowed).map(Duration::from_millis), default)
}

pub(super) fn one_of<T: Copy>(value: &Spanned<Value>, words: &[(&str, T)]) -> Result<T, Invalid> {
    let found = words.iter().find(|(word, _)| value.get_ref().as_str() == Some(*word));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let help = format!("write {}", known.join(" or "));
        Invalid::new(value.span(), format!("{} is not possible here", value.get_ref()), help)
    })
}

pub(super) fn absolute(value: &Spanned<Value>, name: &str) -> Result<PathBuf, Invalid> {
    let text = text(value, name)?;
    let path = PathBuf::from(text);
    if path.is_absolute() && !text.contains('\0') {
        return Ok(path);
    }
    let message = format!("{name} = {text:?} is no absolute path");
    Err(Invalid::new(value.span(), message, "begin it with a slash: nobody knows from where a service is started"))
}
