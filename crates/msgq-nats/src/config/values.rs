//! What the values of all sections are checked with.

use super::error::Invalid;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// At least a millisecond, at most a day.
const TIME_MS: RangeInclusive<i64> = 1..=86_400_000;

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
    setting: Option<&Spanned<i64>>,
    name: &str,
    limits: RangeInclusive<i64>,
    default: i64,
) -> Result<u64, Invalid> {
    let Some(setting) = setting else { return Ok(default.unsigned_abs()) };
    let number = *setting.get_ref();
    if limits.contains(&number) {
        return Ok(number.unsigned_abs());
    }
    let help = format!("write a number from {} to {}", limits.start(), limits.end());
    Err(Invalid::new(setting.span(), format!("{name} = {number} is out of range"), help))
}

pub(super) fn milliseconds(setting: Option<&Spanned<i64>>, name: &str, default: i64) -> Result<Duration, Invalid> {
    number(setting, name, TIME_MS, default).map(Duration::from_millis)
}
