//! Numbers, ages and moments in words.

use super::layout::fit;
use std::fmt::Display;

const BAR_WIDTH: u64 = 20;

/// `1 response`, `2 responses`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A program's name, which its user chose, at the end of a line.
pub(crate) fn program_label(name: Option<&str>) -> String {
    fit(name.unwrap_or("-"), 20)
}

/// Milliseconds in the unit that fits.
pub(crate) fn rough_age(milliseconds: u64) -> String {
    if milliseconds < 10_000 { format!("{milliseconds} ms") } else { rough_age_s(milliseconds / 1000) }
}

fn rough_age_s(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A moment, in seconds since 1970, and how long ago that was; 0 is never.
pub(crate) fn moment_with_age(at_s: i64, now_s: i64) -> String {
    if at_s == 0 {
        return "never".to_owned();
    }
    let ago_s = u64::try_from(now_s.saturating_sub(at_s)).unwrap_or(0);
    format!("{} ({} ago)", utc(at_s), rough_age_s(ago_s))
}

/// How much of a limit is used, as a bar and in percent.
pub(crate) fn fill_bar(value: u64, limit: u64) -> String {
    let share = |of: u64| value.saturating_mul(of).checked_div(limit).unwrap_or(0);
    // What is not empty shows at least one mark.
    let filled = share(BAR_WIDTH).clamp(u64::from(value > 0), BAR_WIDTH);
    let marks: String = (0..BAR_WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    format!("[{marks}] {value} of {limit} ({} %)", share(100))
}

/// Seconds since 1970 as in `2026-11-23T04:45:45Z` (the proleptic Gregorian calendar, as in ISO 8601).
pub(crate) fn utc(seconds: i64) -> String {
    let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Counted from 1 March of year 0, so that the leap day is the last day of a year; 719468 days before 1970.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn moments_are_those_of_the_date_program() {
        for seconds in [0, 951_782_399, 951_782_400, 1_709_164_800, 1_795_409_145, 4_107_542_399, 253_402_300_799] {
            let output =
                Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ", "-d", &format!("@{seconds}")]).output();
            assert_eq!(utc(seconds), String::from_utf8(output.unwrap().stdout).unwrap().trim());
        }
    }

    #[test]
    fn a_bar_shows_the_share_and_never_overflows() {
        assert_eq!(fill_bar(0, 16384), "[....................] 0 of 16384 (0 %)");
        assert_eq!(fill_bar(1, 16384), "[#...................] 1 of 16384 (0 %)");
        assert_eq!(fill_bar(16368, 16384), "[###################.] 16368 of 16384 (99 %)");
        assert_eq!(fill_bar(20000, 10000), "[####################] 20000 of 10000 (200 %)");
        assert_eq!(fill_bar(5, 0), "[#...................] 5 of 0 (0 %)");
    }

    #[test]
    fn an_age_is_given_in_the_unit_that_fits() {
        let ages = [1, 119, 120, 7200, 172_800].map(|age| moment_with_age(1_000_000, 1_000_000 + age));
        let units = ["1 s ago", "119 s ago", "2 min ago", "2 h ago", "2 days ago"];
        for (age, unit) in ages.iter().zip(units) {
            assert!(age.ends_with(&format!("({unit})")), "{age}");
        }
        assert_eq!(moment_with_age(0, 5), "never");
    }
}
