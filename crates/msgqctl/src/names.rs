//! Numbers of users, groups and moments in words.

use msgq_core::identity::{ClientPid, Liveness, liveness};
use nix::unistd::{Gid, Group, Uid, User};
use serde::Serialize;

/// A user or group with its name, where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Named {
    pub(crate) id: u32,
    pub(crate) name: Option<String>,
}

impl Named {
    pub(crate) fn user(id: u32) -> Self {
        let name = User::from_uid(Uid::from_raw(id)).ok().flatten().map(|user| user.name);
        Self { id, name }
    }

    pub(crate) fn group(id: u32) -> Self {
        let name = Group::from_gid(Gid::from_raw(id)).ok().flatten().map(|group| group.name);
        Self { id, name }
    }

    /// The name, or the number where there is none.
    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.to_string())
    }
}

/// Whether the process or thread behind a number lives, in a word.
pub(crate) fn process_state(pid: i32) -> &'static str {
    match ClientPid::new(pid).map(liveness) {
        None => "impossible",
        Some(Ok(Liveness::Alive)) => "alive",
        Some(Ok(Liveness::Zombie)) => "zombie",
        Some(Ok(Liveness::Dead)) => "dead",
        Some(Err(_)) => "unknown",
    }
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
    fn a_number_without_a_name_is_its_own_label() {
        assert_eq!(Named::user(0).label(), "root");
        assert_eq!(Named { id: 4_000_000_000, name: None }.label(), "4000000000");
    }
}
