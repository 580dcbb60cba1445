//! One-way requests: nobody waits for an answer, so a request has its end when the handler took it, or when it is given up
//! and has become a dead letter.
//!
//! At least once: the request stays in its landing slot until then, and whoever finishes a daemon's work goes on with it.
//! What an earlier daemon had in hand is put into the landing slots of the new table before that is published, and
//! workers do it before they receive anything: so the order of receipt holds over a crash, and no start waits for a handler.
//!
//! A slot says GIVEN_UP before its letter is written, so that a message with a letter is never handled after that. Its
//! generation, which is nobody's in these requests, then holds what the id of the letter is made of besides: so a letter that
//! is written again, by the next daemon, has the same id.

use crate::handler::{Outcome, Reply};
use msgq_core::config::OnCrash;
use msgq_core::dead_letters::{DeadLetter, readable_text};
use msgq_core::table::SlotHeader;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Writes a dead letter. When it returns, the letter outlives a crash. The second argument says that the letter may be
/// there already.
pub type WriteDeadLetter = Box<dyn Fn(&DeadLetter, bool) -> io::Result<()> + Send + Sync>;

/// In the place of a number of crashes: this request was given up, and its letter may be written already.
pub(super) const GIVEN_UP: u32 = u32::MAX;
/// A request that was being tried at so many crashes is not tried again. Nobody waits for it, so more of them are borne than
/// where a client does: the server may be killed for reasons that are none of this request.
pub(super) const CRASH_LIMIT: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct OneWay {
    pub(super) write_letter: Option<WriteDeadLetter>,
    /// Landing slots with what an earlier daemon, or a worker that has left, had in hand; the oldest first.
    left: Mutex<VecDeque<usize>>,
    on_crash: OnCrash,
}

impl fmt::Debug for OneWay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OneWay").field("left", &self.left).finish_non_exhaustive()
    }
}

/// How often a request failed so far.
#[derive(Debug, Default)]
pub(super) struct Tries {
    failed: u32,
    /// Tries in a row in which the handler could not be asked at all.
    unasked: u32,
}

/// What is to be done with a request after a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The handler took it.
    Taken,
    /// It is to be tried again after this time.
    TryAgain(Duration),
    /// It is given up, for this reason.
    GiveUp(String),
}

impl Tries {
    /// Judges the reply to the latest try. A handler that cannot be asked says nothing against the request, so that does not
    /// count.
    pub(super) fn after(&mut self, reply: &Reply, attempts: u32) -> Next {
        match reply.outcome() {
            Outcome::Done if reply.status() == 0 => Next::Taken,
            Outcome::Unavailable => {
                self.unasked = self.unasked.saturating_add(1);
                Next::TryAgain(pause(self.unasked))
            }
            // With a status that nobody gets.
            Outcome::Done | Outcome::Failed | Outcome::TimedOut | Outcome::Broken => {
                self.unasked = 0;
                self.failed = self.failed.saturating_add(1);
                if self.failed < attempts {
                    return Next::TryAgain(pause(self.failed));
                }
                let status = reply.status();
                let text = readable_text(reply.text());
                Next::GiveUp(if text.is_empty() { format!("the handler said status {status}") } else { text })
            }
        }
    }

    /// How often the handler was tried.
    pub(super) fn failed(&self) -> u32 {
        self.failed
    }
}

fn pause(tries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(7)).min(LAST_PAUSE)
}

impl OneWay {
    pub(super) fn new(write_letter: Option<WriteDeadLetter>, on_crash: OnCrash) -> Self {
        Self { write_letter, left: Mutex::new(VecDeque::new()), on_crash }
    }

    fn left(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in this landing slot is to be done before its worker receives; in the order of these calls.
    pub(super) fn leave(&self, index: usize) {
        self.left().push_back(index);
    }

    /// As [`OneWay::leave`], before all else that is left.
    pub(super) fn leave_first(&self, index: usize) {
        self.left().push_front(index);
    }

    /// The next slot with something that is left, for this worker: its own, or one that has no worker.
    pub(super) fn take_left(&self, worker: usize, workers: usize) -> Option<usize> {
        let mut left = self.left();
        let place = left.iter().position(|index| *index == worker || *index >= workers)?;
        left.remove(place)
    }

    /// Why the request in this slot is not to be tried at all.
    pub(super) fn reason_not_to_try(&self, slot: &SlotHeader) -> Option<String> {
        match slot.crashes.load(Ordering::SeqCst) {
            0 => None,
            GIVEN_UP => Some("it was given up when the server died".to_owned()),
            _ if self.on_crash == OnCrash::Fail => {
                Some("the server died while it worked on this request (on_crash = \"fail\")".to_owned())
            }
            crashes if crashes >= CRASH_LIMIT => {
                Some(format!("the server died {crashes} times while it worked on this request"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_given_up_after_as_many_failures_as_it_may_have() {
        let (mut tries, failed) = (Tries::default(), Reply::error("no"));
        assert_eq!(tries.after(&failed, 3), Next::TryAgain(Duration::from_millis(100)));
        assert_eq!(tries.after(&failed, 3), Next::TryAgain(Duration::from_millis(200)));
        assert_eq!(tries.after(&failed, 3), Next::GiveUp("no".to_owned()));
        assert_eq!(Tries::default().after(&Reply::new(), 1), Next::Taken);
    }

    #[test]
    fn a_handler_that_cannot_be_asked_says_nothing_against_a_request() {
        let (mut tries, down) = (Tries::default(), Reply::failure(Outcome::Unavailable, "down"));
        for _ in 0..100 {
            assert!(matches!(tries.after(&down, 1), Next::TryAgain(pause) if pause <= LAST_PAUSE));
        }
        assert_eq!(tries.failed(), 0);
    }
}
