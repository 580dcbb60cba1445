//! What time it is, by the two clocks that are written down. Knows nobody.

use nix::time::{ClockId, clock_gettime};
use std::fs;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in nanoseconds of the machine's `CLOCK_MONOTONIC`: the same clock for all processes, whatever time namespace they
/// are in, until the machine restarts.
#[must_use]
pub fn monotonic_ns() -> u64 {
    static OFFSET_NS: OnceLock<i64> = OnceLock::new();
    let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) else { return 0 };
    let own_ns = now.tv_sec().wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec()).cast_unsigned();
    own_ns.saturating_add_signed(OFFSET_NS.get_or_init(time_namespace_offset_ns).saturating_neg())
}

/// By how much the clock of this process's time namespace is ahead of the machine's: fixed as soon as somebody is in it. 0
/// where /proc does not show it, and where only children are to be in another one.
fn time_namespace_offset_ns() -> i64 {
    let namespace = |name| fs::read_link(format!("/proc/self/ns/{name}")).ok();
    if namespace("time") != namespace("time_for_children") {
        return 0;
    }
    fs::read_to_string("/proc/self/timens_offsets").ok().and_then(|offsets| monotonic_offset_ns(&offsets)).unwrap_or(0)
}

/// From lines like `monotonic  -86400  500`, in seconds and nanoseconds.
fn monotonic_offset_ns(offsets: &str) -> Option<i64> {
    let mut words = offsets.lines().find_map(|line| line.strip_prefix("monotonic"))?.split_whitespace();
    let mut number = || words.next()?.parse::<i64>().ok();
    let (seconds, nanoseconds) = (number()?, number()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

/// Now, in whole seconds since 1970; 0 where the clock stands before.
#[must_use]
pub fn unix_time_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Now, in whole microseconds since 1970; 0 where the clock stands before.
#[must_use]
pub fn unix_time_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::monotonic_offset_ns;

    #[test]
    fn offsets_of_a_time_namespace_are_read_in_both_directions() {
        let shown = |seconds: &str, nanoseconds: &str| {
            monotonic_offset_ns(&format!("monotonic  {seconds:>10} {nanoseconds:>9}\nboottime           7         8\n"))
        };
        assert_eq!(shown("0", "0"), Some(0));
        assert_eq!(shown("86400", "5"), Some(86_400_000_000_005));
        assert_eq!(shown("-2", "500000000"), Some(-1_500_000_000));
        assert_eq!(shown("99999999999999", "0"), None);
        assert_eq!(monotonic_offset_ns(""), None);
    }
}
