use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails; far above what a machine needs on which twenty
/// others work for each processor.
pub const LIMIT: Duration = Duration::from_secs(180);

/// How long a client waits for an answer that must come: nearly as long as the test, so that the client is the one who tells.
pub const PATIENCE_MS: usize = 170_000;

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

/// What threads look at that go on until they are told. They are told also when the test fails: a scope waits for its threads,
/// and a failure would never be seen.
#[derive(Debug, Default)]
pub struct Until(AtomicBool);

impl Until {
    /// Tells the threads to end when it is dropped.
    #[must_use]
    pub fn guard(&self) -> UntilGuard<'_> {
        UntilGuard(&self.0)
    }

    /// True once they are told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// See [`Until::guard`].
#[derive(Debug)]
pub struct UntilGuard<'a>(&'a AtomicBool);

impl Drop for UntilGuard<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
