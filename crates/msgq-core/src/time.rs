//! The two clocks: the one that only ever goes on, and the one on the wall.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in nanoseconds of `CLOCK_MONOTONIC`, which all processes of a time namespace share; 0 where it cannot be read.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let Ok(now) = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC) else { return 0 };
    u64::try_from(Duration::from(now).as_nanos()).unwrap_or(u64::MAX)
}

/// Now, in seconds since 1970; 0 on a clock that is set to before.
#[must_use]
pub fn unix_time_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
