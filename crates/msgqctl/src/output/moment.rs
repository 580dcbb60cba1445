//! Moments, in the time zone that was asked for.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::OnceLock;

/// Chosen once, before anything is shown; UTC until then.
static SHOWN_ZONE: OnceLock<TimeZone> = OnceLock::new();

/// From now on moments are shown in UTC, or in the zone of `$TZ`, else of /etc/localtime. Where neither tells one, that is UTC
/// too.
pub(crate) fn show_moments_in(is_utc: bool) {
    let _ = SHOWN_ZONE.set(if is_utc { TimeZone::UTC } else { TimeZone::system() });
}

/// Seconds since 1970 as in `2026-11-23T05:45:45+01:00`, and with a `Z` where the zone is UTC or has its time (RFC 3339).
pub(crate) fn moment(seconds: i64) -> String {
    moment_in(seconds, SHOWN_ZONE.get().unwrap_or(&TimeZone::UTC))
}

fn moment_in(seconds: i64, zone: &TimeZone) -> String {
    let Ok(timestamp) = Timestamp::from_second(seconds) else {
        return format!("{seconds} s after 1970");
    };
    let shown = timestamp.to_zoned(zone.clone());
    let format = if shown.offset().is_zero() { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    shown.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn moments_are_those_of_the_date_program() {
        for (name, format) in
            [("UTC0", "+%Y-%m-%dT%H:%M:%SZ"), ("TST3:30TSD,M3.5.0,M10.5.0/3", "+%Y-%m-%dT%H:%M:%S%:z")]
        {
            let zone = TimeZone::posix(name).unwrap();
            for seconds in [0, 951_782_399, 951_782_400, 1_709_164_800, 1_795_409_145, 4_107_542_399] {
                let mut date = Command::new("date");
                let output = date.env("TZ", name).args([format, "-d", &format!("@{seconds}")]).output().unwrap();
                assert_eq!(moment_in(seconds, &zone), String::from_utf8(output.stdout).unwrap().trim(), "{name}");
            }
        }
    }

    #[test]
    fn what_no_calendar_has_is_shown_all_the_same() {
        assert_eq!(moment_in(i64::MAX, &TimeZone::UTC), "9223372036854775807 s after 1970");
    }
}
