//! Numbers, ages and moments in words.

use super::layout::fit;
use super::moment::moment;
use msgq_core::escape::escape;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const BAR_WIDTH: u64 = 20;

pub(crate) use msgq_core::words::counted;

/// A program's name, which its user chose, at the end of a line.
pub(crate) fn program_label(name: Option<&str>) -> String {
    fit(name.unwrap_or("-"), 20)
}

/// A path, or a name that somebody chose, in a sentence.
pub(crate) fn shown_path(path: &Path) -> String {
    escape(path.as_os_str().as_bytes())
}

/// A path as a word of a shell's command line.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-./:@%+=,".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    let safe: String = text.chars().filter(|character| !character.is_control()).collect();
    format!("'{}'", safe.replace('\'', r"'\''"))
}

/// A span of time, in milliseconds, in the unit that fits: `7 ms`, `35 s`, `2 min`.
pub(crate) fn rough_age(milliseconds: u64) -> String {
    if milliseconds < 10_000 { format!("{milliseconds} ms") } else { rough_age_s(milliseconds / 1000) }
}

/// A short span of time, in nanoseconds, with about three digits: `6.2 µs`, `218 ms`, `13.0 s`.
pub(crate) fn short_span(nanoseconds: u64) -> String {
    let (unit_ns, unit) = match nanoseconds {
        0..1_000_000 => (1000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let tenths = nanoseconds.saturating_add(unit_ns / 20) / (unit_ns / 10);
    match tenths {
        0..1000 => format!("{}.{} {unit}", tenths / 10, tenths % 10),
        _ => format!("{} {unit}", tenths / 10),
    }
}

/// As [`rough_age`], of whole seconds.
pub(crate) fn rough_age_s(seconds: u64) -> String {
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
    format!("{} ({} ago)", moment(at_s), rough_age_s(ago_s))
}

/// How much of a limit is used, as a bar and in percent.
pub(crate) fn fill_bar(value: u64, limit: u64) -> String {
    let share = |of: u64| value.saturating_mul(of).checked_div(limit).unwrap_or(0);
    // What is not empty shows at least one mark.
    let filled = share(BAR_WIDTH).clamp(u64::from(value > 0), BAR_WIDTH);
    let marks: String = (0..BAR_WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    format!("[{marks}] {value} of {limit} ({} %)", share(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_span_has_the_unit_that_fits() {
        let spans = [0, 949, 6249, 99_949, 100_000, 999_400, 1_000_000, 218_104_000, 13_019_119_600, u64::MAX];
        let words = ["0.0 µs", "0.9 µs", "6.2 µs", "99.9 µs", "100 µs", "999 µs", "1.0 ms", "218 ms", "13.0 s"];
        for (span, word) in spans.iter().zip(words) {
            assert_eq!(short_span(*span), word);
        }
        assert!(short_span(u64::MAX).ends_with(" s"));
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
