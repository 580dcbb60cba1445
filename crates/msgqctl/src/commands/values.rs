//! What the values of options may be, where several commands take them: clients, and spans of time as people write them.

use crate::complete;
use crate::failure::{Failure, Status};
use clap_complete::ArgValueCandidates;
use msgq_core::client::MAX_REQUEST_TEXT_LEN;
use msgq_core::limits::PID_MAX_LIMIT;
use std::time::Duration;

/// A number that a client can have.
pub(super) fn client_pid() -> clap::builder::RangedI64ValueParser<i32> {
    clap::value_parser!(i32).range(2..i64::from(PID_MAX_LIMIT))
}

/// Whether a request can carry this text.
pub(super) fn check_request_text(text: &[u8]) -> Result<(), Failure> {
    if text.len() <= MAX_REQUEST_TEXT_LEN {
        return Ok(());
    }
    let message = format!("the text is longer than {MAX_REQUEST_TEXT_LEN} bytes, which is all a request carries");
    Err(Failure::new(Status::Usage, message))
}

/// The clients that a shell offers for it.
pub(super) fn clients() -> ArgValueCandidates {
    ArgValueCandidates::new(complete::clients)
}

pub(super) fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected 0.1 to 3600 seconds".into())
}

/// Units of time and their seconds; `ms` before `s`, which it ends in.
const UNITS: [(&str, f64); 5] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    parse_time(text, UNITS.get(..3).unwrap_or_default()).ok_or_else(|| {
        "expected a positive number of seconds, or one with ms, s or m, for example 0.5 or 500ms".to_owned()
    })
}

pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_secs(3600);
    parse_timeout(text).and_then(|time| if time <= longest { Ok(time) } else { Err("at most an hour".to_owned()) })
}

pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    parse_time(text, &UNITS).ok_or_else(|| {
        "expected a positive number of seconds, or one with ms, s, m, h or d, for example 90 or 10m".to_owned()
    })
}

fn parse_time(text: &str, units: &[(&str, f64)]) -> Option<Duration> {
    let with_unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds_per_unit) = with_unit.unwrap_or((text, 1.0));
    let number = number.parse::<f64>().ok().filter(|number| *number > 0.0)?;
    Duration::try_from_secs_f64(number * seconds_per_unit).ok().filter(|time| !time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_seconds_unless_a_unit_is_given() {
        for (text, milliseconds) in [("5", 5000), ("0.5", 500), ("20ms", 20), ("2s", 2000), ("1m", 60_000)] {
            assert_eq!(parse_timeout(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "0", "-1", "ms", "NaN", "inf", "5h", "1e400"] {
            assert!(parse_timeout(bad).is_err(), "{bad}");
        }
        assert_eq!((parse_age("2h"), parse_age("1d")), (parse_timeout("120m"), parse_timeout("86400")));
    }
}
