//! A bound on the lines that others could fill the log with.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);

/// Lets one line through in each period, and counts the others.
#[derive(Debug, Default)]
pub struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    withheld: u64,
}

impl Throttle {
    /// `None` for a line that is one too many; else what goes behind it, which may be nothing.
    pub fn admit(&self) -> Option<String> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < PERIOD) {
            state.withheld += 1;
            return None;
        }
        state.last = Some(now);
        match std::mem::take(&mut state.withheld) {
            0 => Some(String::new()),
            withheld => Some(format!(" (and {withheld} more like this before)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_goes_through_in_each_second_and_the_next_tells_of_the_others() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let at = |ms| throttle.admit_at(start + Duration::from_millis(ms));
        assert_eq!(at(0).as_deref(), Some(""));
        assert_eq!([at(1), at(999)], [None, None]);
        assert_eq!(at(1000).as_deref(), Some(" (and 2 more like this before)"));
        assert_eq!(at(2000).as_deref(), Some(""));
    }
}
