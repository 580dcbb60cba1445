//! What the values of all sections are checked with.

use msgq_core::config::check::{self, Invalid};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Spanned, Value};

/// At least a millisecond, at most a day.
const TIME_MS: RangeInclusive<u64> = 1..=86_400_000;

pub(super) fn absolute(setting: &Spanned<String>, name: &str) -> Result<PathBuf, Invalid> {
    let path = Path::new(setting.get_ref());
    if path.is_absolute() && !setting.get_ref().contains('\0') {
        return Ok(path.to_owned());
    }
    let message = format!("{name} is no absolute path");
    Err(Invalid::new(setting.span(), message, "write a path that begins with /"))
}

/// A whole number within limits, or the default.
pub(super) fn number(
    setting: Option<&Spanned<Value>>,
    name: &str,
    limits: RangeInclusive<u64>,
    default: u64,
) -> Result<u64, Invalid> {
    setting.map_or(Ok(default), |setting| check::number(setting, name, limits))
}

pub(super) fn milliseconds(setting: Option<&Spanned<Value>>, name: &str, default: u64) -> Result<Duration, Invalid> {
    number(setting, name, TIME_MS, default).map(Duration::from_millis)
}
