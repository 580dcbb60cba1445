//! What the values of options may be, where several commands take them: clients, and spans of time as people write them.

use crate::completion::candidates::client_candidates;
use crate::completion::queues::queue_candidates;
use crate::failure::{Failure, Status};
use crate::target::NO_CLIENT;
use clap_complete::ArgValueCandidates;
use msgq_core::client::MAX_REQUEST_TEXT_LEN;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A number that a client of some queue can have; which queue it is, and what its clients are, is known later:
/// `QueueOptions::client`.
pub(super) fn client_number() -> impl NumberParser<i64> {
    |text: &str| text.parse().ok().filter(|number| *number > 0).ok_or_else(|| NO_CLIENT.to_owned())
}

/// What reads the value of an option that is a number.
pub(super) trait NumberParser<T>: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {}

impl<T, F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static> NumberParser<T> for F {}

/// A whole number within these bounds; `what` stands before them where the value is refused.
pub(super) fn whole_number<T: TryFrom<i64>>(what: &'static str, allowed: RangeInclusive<i64>) -> impl NumberParser<T> {
    move |text: &str| {
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let least = allowed.start();
            match *allowed.end() {
                i64::MAX => format!("expected {what}a whole number from {least}"),
                most => format!("expected {what}a whole number from {least} to {most}"),
            }
        })
    }
}

/// Whether a request can carry this text.
pub(super) fn check_request_text(text: &[u8]) -> Result<(), Failure> {
    if text.len() <= MAX_REQUEST_TEXT_LEN {
        return Ok(());
    }
    let message = format!("the text is longer than {MAX_REQUEST_TEXT_LEN} bytes, which is all a request carries");
    Err(Failure::new(Status::Usage, message))
}

/// The clients of the queue, which a shell offers where a PID is wanted.
pub(super) fn clients() -> ArgValueCandidates {
    ArgValueCandidates::new(client_candidates)
}

/// The queues of the machine, by msqid, which a shell offers where one is to be chosen.
pub(super) fn queues() -> ArgValueCandidates {
    ArgValueCandidates::new(queue_candidates)
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
