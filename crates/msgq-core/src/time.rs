//! What time it is, by the two clocks that are written down. Knows nobody.

use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in nanoseconds of `CLOCK_MONOTONIC`: the same clock for all processes, until the machine restarts.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) else { return 0 };
    u64::try_from(Duration::from(now).as_nanos()).unwrap_or(u64::MAX)
}

/// Now, in whole seconds since 1970; 0 where the clock stands before.
#[must_use]
pub fn unix_time_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
