//! Failures in a row: when to try again, and from when on a handler counts as down. Time is an argument.

use msgq_core::words::counted;
use std::time::{Duration, Instant};

/// The first pause after a failure; it doubles with each more.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Failures in a row after which a handler without any link is down. The pauses between them make a third of a second:
/// clients wait through a hiccup, and no longer.
pub(super) const FAILURES_UNTIL_DOWN: u32 = 3;

/// Links that were opened after the same number of counted failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Epoch(u64);

#[derive(Debug, Default)]
pub(super) struct Health {
    epoch: Epoch,
    failures: u32,
    next_try: Option<Instant>,
    reason: String,
    is_down: bool,
}

impl Health {
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn is_troubled(&self) -> bool {
        self.failures > 0
    }

    /// When the pause is over; `None` when there is none.
    pub(super) fn next_try(&self) -> Option<Instant> {
        self.next_try.filter(|_| self.is_troubled())
    }

    /// A link could not be opened, or one broke that was opened in `epoch`. Several that break together, because the
    /// service behind them is restarted, are one failure and not as many.
    pub(super) fn fail(&mut self, epoch: Epoch, reason: &str, now: Instant) {
        reason.clone_into(&mut self.reason);
        if epoch != self.epoch {
            return;
        }
        self.epoch.0 += 1;
        let doublings = self.failures.min(16);
        self.next_try = now.checked_add(LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(doublings)));
        self.failures = self.failures.saturating_add(1);
    }

    /// A request was answered.
    pub(super) fn succeed(&mut self) {
        self.failures = 0;
    }

    /// No link is open. True when the handler is down with that, and was not before.
    pub(super) fn goes_down(&mut self) -> bool {
        self.failures >= FAILURES_UNTIL_DOWN && !std::mem::replace(&mut self.is_down, true)
    }

    /// A link is open. True when the handler was down.
    pub(super) fn comes_back(&mut self) -> bool {
        std::mem::take(&mut self.is_down)
    }

    /// The last failure, while the handler is down.
    pub(super) fn down_reason(&self) -> Option<&str> {
        self.is_down.then_some(self.reason.as_str())
    }

    pub(super) fn pause(&self, now: Instant) -> Duration {
        self.next_try().unwrap_or(now).saturating_duration_since(now)
    }

    /// Follows the name of what is behind the handler.
    pub(super) fn trouble(&self, now: Instant) -> Option<String> {
        let reason = self.down_reason()?;
        let next_try = match self.pause(now) {
            Duration::ZERO => "it is tried again now".to_owned(),
            pause => format!("the next try is in {} s", pause.as_secs_f64().ceil()),
        };
        Some(format!("is down after {} in a row: {reason}; {next_try}", counted(self.failures, "failure")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(health: &mut Health, now: Instant) {
        health.fail(health.epoch(), "no reason", now);
    }

    #[test]
    fn pauses_double_from_a_tenth_of_a_second_to_half_a_minute() {
        let now = Instant::now();
        let mut health = Health::default();
        let pauses: Vec<u128> = (0..12)
            .map(|_| {
                fail(&mut health, now);
                health.pause(now).as_millis()
            })
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000]);
    }

    #[test]
    fn a_success_makes_the_next_pause_short_again() {
        let now = Instant::now();
        let mut health = Health::default();
        (0..7).for_each(|_| fail(&mut health, now));
        health.succeed();
        assert_eq!(health.pause(now), Duration::ZERO);
        fail(&mut health, now);
        assert_eq!(health.pause(now), FIRST_PAUSE);
    }

    #[test]
    fn what_breaks_together_counts_once() {
        let now = Instant::now();
        let mut health = Health::default();
        let epoch = health.epoch();
        (0..8).for_each(|_| health.fail(epoch, "cut", now));
        assert_eq!(health.pause(now), FIRST_PAUSE);
        assert!(!health.goes_down());
    }

    #[test]
    fn down_and_back_are_told_once_each() {
        let now = Instant::now();
        let mut health = Health::default();
        let told: Vec<bool> = (0..5)
            .map(|_| {
                fail(&mut health, now);
                health.goes_down()
            })
            .collect();
        assert_eq!(told, [false, false, true, false, false]);
        assert!(health.trouble(now).is_some());
        assert!(health.comes_back());
        assert!(!health.comes_back());
        assert_eq!(health.trouble(now), None);
    }

    #[test]
    fn trouble_says_why_and_when_the_next_try_is() {
        let now = Instant::now();
        let mut health = Health::default();
        (0..5).for_each(|_| fail(&mut health, now));
        assert!(health.goes_down());
        let sentence = "is down after 5 failures in a row: no reason; the next try is in 2 s";
        assert_eq!(health.trouble(now).unwrap(), sentence);
        let sentence = "is down after 5 failures in a row: no reason; it is tried again now";
        assert_eq!(health.trouble(now + LONGEST_PAUSE).unwrap(), sentence);
    }
}
