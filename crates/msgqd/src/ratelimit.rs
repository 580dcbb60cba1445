//! A bound for log lines that a client or a program could cause as often as it likes, and the words for what was left
//! out. Knows neither the lines nor the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines that are let through at once after a quiet time.
pub const BURST: u32 = 5;
/// Time in which one more line is let through after the burst, and the length of a quiet time.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// The bound for one kind of event. Time is an argument, so that tests need not sleep.
#[derive(Debug)]
pub struct RateLimit {
    name: &'static str,
    state: Mutex<LimitState>,
}

#[derive(Debug)]
struct LimitState {
    burst_left: u32,
    last_line: Option<Instant>,
    suppressed: u64,
}

impl RateLimit {
    /// A bound for events called `name` in the log.
    pub const fn new(name: &'static str) -> Self {
        Self { name, state: Mutex::new(LimitState { burst_left: BURST, last_line: None, suppressed: 0 }) }
    }

    /// What the events are called in the log.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `Some` when a line may be written now, with the number of events that were suppressed before it.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last_line.is_some_and(|last| now.duration_since(last) >= INTERVAL) {
            // After a quiet time the burst is there again; in a flood only one more line.
            state.burst_left = if state.suppressed == 0 { BURST } else { 1 };
        }
        if state.burst_left == 0 {
            state.suppressed += 1;
            return None;
        }
        state.burst_left -= 1;
        state.last_line = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }

    /// As [`RateLimit::admit`], at this moment; the number is a note for the end of the line, `" (3 WORDS)"`, or nothing
    /// when no event was suppressed.
    pub fn admit_with_note(&self, words: &str) -> Option<String> {
        let note = |suppressed| if suppressed > 0 { format!(" ({suppressed} {words})") } else { String::new() };
        self.admit(Instant::now()).map(note)
    }

    /// `Some` with the number of suppressed events when an interval has passed since the last line.
    pub fn flush(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_quiet = state.last_line.is_some_and(|last| now.duration_since(last) >= INTERVAL);
        (is_quiet && state.suppressed > 0).then(|| {
            state.last_line = Some(now);
            std::mem::take(&mut state.suppressed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_a_burst_and_then_one_line_each_interval_with_the_number_left_out() {
        let limit = RateLimit::new("test");
        let start = Instant::now();
        let admitted = (0..1000).filter(|_| limit.admit(start).is_some()).count();
        assert_eq!(admitted, 5);
        assert_eq!(limit.admit(start + INTERVAL), Some(995));
        assert_eq!(limit.admit(start + INTERVAL), None);
    }

    #[test]
    fn after_a_quiet_time_the_burst_is_there_again() {
        let limit = RateLimit::new("test");
        let start = Instant::now();
        assert!((0..5).all(|_| limit.admit(start) == Some(0)));
        assert!((0..5).all(|_| limit.admit(start + INTERVAL) == Some(0)));
    }

    #[test]
    fn a_note_is_there_only_where_something_was_left_out() {
        let limit = RateLimit::new("test");
        for _ in 0..5 {
            assert_eq!(limit.admit_with_note("more").as_deref(), Some(""));
        }
        assert_eq!(limit.admit_with_note("more"), None);
        assert_eq!(limit.admit_with_note("more"), None);
        // As if the last line was written an interval ago.
        limit.state.lock().unwrap().last_line = Instant::now().checked_sub(INTERVAL);
        assert_eq!(limit.admit_with_note("more").as_deref(), Some(" (2 more)"));
    }

    #[test]
    fn what_was_left_out_is_told_when_things_calm_down() {
        let limit = RateLimit::new("test");
        let start = Instant::now();
        for _ in 0..8 {
            limit.admit(start);
        }
        assert_eq!(limit.flush(start), None);
        assert_eq!(limit.flush(start + INTERVAL), Some(3));
        assert_eq!(limit.flush(start + INTERVAL * 2), None);
    }
}
