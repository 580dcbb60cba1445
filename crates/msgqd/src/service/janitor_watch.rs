//! Whether the janitor still does its rounds. What else stands still is said by the janitor itself.

use crate::alerts;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct JanitorWatch {
    limit: Duration,
    last: Option<(u64, Instant)>,
    looked_at: Option<Instant>,
    is_reported: bool,
}

/// So long there is no round before it is said, where no watchdog ends the process before: longer than any round takes.
const LIMIT: Duration = Duration::from_secs(10);
/// Looks come once a second. After a longer time without one the whole process stood still, the janitor with it.
const LONGEST_TICK: Duration = Duration::from_secs(3);

impl JanitorWatch {
    pub(super) fn new(watchdog: Option<Duration>) -> Self {
        let limit = watchdog.map_or(LIMIT, |watchdog| LIMIT.min(watchdog / 2));
        Self { limit, last: None, looked_at: None, is_reported: false }
    }

    /// Says once that there was no round for long, and once that they go on.
    pub(super) fn look(&mut self, rounds: u64, now: Instant) {
        let still_for = self.still_for(rounds, now);
        match still_for {
            Some(time) if time >= self.limit && !self.is_reported => {
                log::error!(
                    message_id = alerts::STALLED;
                    "the janitor stands still (for {} s or more): the watchdog is not fed until it goes on; under systemd the \
                     service is restarted then, and no request is lost",
                    self.limit.as_secs()
                );
                self.is_reported = true;
            }
            None if self.is_reported => {
                log::warn!(message_id = alerts::STALL_OVER; "the janitor goes on again");
                self.is_reported = false;
            }
            _ => {}
        }
    }

    /// How long the number has been the same; `None` when it was not.
    fn still_for(&mut self, rounds: u64, now: Instant) -> Option<Duration> {
        let is_regular = self.looked_at.replace(now).is_some_and(|before| now.duration_since(before) < LONGEST_TICK);
        match self.last {
            Some((before, since)) if before == rounds && is_regular => Some(now.duration_since(since)),
            Some((before, _)) if before == rounds => {
                self.last = Some((rounds, now));
                Some(Duration::ZERO)
            }
            _ => {
                self.last = Some((rounds, now));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_stands_is_told_from_a_process_that_stood() {
        let (mut watch, start) = (JanitorWatch::new(None), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watch.still_for(1, at(0)), None);
        assert_eq!(watch.still_for(1, at(1)), Some(Duration::from_secs(1)));
        assert_eq!(watch.still_for(1, at(60)), Some(Duration::ZERO), "nobody looked meanwhile");
        assert_eq!(watch.still_for(1, at(62)), Some(Duration::from_secs(2)));
        assert_eq!(watch.still_for(2, at(63)), None);
    }
}
