use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails; far above what a busy machine needs.
pub const LIMIT: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// Tells whether `condition` became true within `limit`.
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    while !condition() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    true
}

/// Waits for `condition`; the test fails when it is still false after [`LIMIT`].
#[track_caller]
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    assert!(eventually(LIMIT, condition), "waited {} s in vain until {what}", LIMIT.as_secs());
}
