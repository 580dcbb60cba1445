//! Places where a test may have the daemon killed or held up, and ways of working that are known to lose requests. Without the
//! feature `test-switches` there are none.

#[cfg(feature = "test-switches")]
pub(super) use switched::{kill_point, receives_through_stack};

/// Does nothing.
#[cfg(not(feature = "test-switches"))]
pub(super) fn kill_point(_place: &str) {}

/// Never.
#[cfg(not(feature = "test-switches"))]
pub(super) fn receives_through_stack() -> bool {
    false
}

#[cfg(feature = "test-switches")]
mod switched {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    /// Ends the process as SIGKILL does if `MSGQD_TEST_KILL_AT` names this place, as `PLACE` or `PLACE:COUNT`. Sleeps
    /// before that if `MSGQD_TEST_PAUSE_AT` names it, as `PLACE:MILLISECONDS`, or several with commas between.
    pub(in crate::engine) fn kill_point(place: &str) {
        pause(place);
        static CHOSEN: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
            let text = std::env::var("MSGQD_TEST_KILL_AT").ok()?;
            let (place, count) = text.split_once(':').unwrap_or((&text, "1"));
            Some((place.to_owned(), count.parse().ok()?))
        });
        static VISITS: AtomicU32 = AtomicU32::new(0);
        let Some((chosen, count)) = CHOSEN.as_ref() else { return };
        if chosen == place && VISITS.fetch_add(1, Ordering::SeqCst) + 1 == *count {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
            std::thread::sleep(Duration::from_secs(60));
        }
    }

    fn pause(place: &str) {
        static CHOSEN: LazyLock<Vec<(String, u64)>> = LazyLock::new(|| {
            let text = std::env::var("MSGQD_TEST_PAUSE_AT").unwrap_or_default();
            let pause = |text: &str| {
                let (place, milliseconds) = text.split_once(':')?;
                Some((place.to_owned(), milliseconds.parse().ok()?))
            };
            text.split(',').filter_map(pause).collect()
        });
        if let Some((_, milliseconds)) = CHOSEN.iter().find(|(chosen, _)| chosen == place) {
            // In one piece, since the log's thread writes there too.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("pausing at {place}\n").as_bytes());
            std::thread::sleep(Duration::from_millis(*milliseconds));
        }
    }

    /// True when requests take the way through the stack that `MSGQD_TEST_STACK_RECEIVE` asks for.
    pub(in crate::engine) fn receives_through_stack() -> bool {
        static CHOSEN: LazyLock<bool> = LazyLock::new(|| std::env::var_os("MSGQD_TEST_STACK_RECEIVE").is_some());
        *CHOSEN
    }
}
