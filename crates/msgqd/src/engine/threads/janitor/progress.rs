//! Whether the engine gets on, beyond the janitor's own rounds. While it does not, the janitor gives no sign of life, and
//! the watchdog of the service manager restarts the daemon, which loses nothing.

use crate::alerts;
use crate::engine::shared::Shared;
use msgq_core::table::SlotState;
use msgq_core::time::monotonic_ns;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Something that ought to go on and does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stall {
    /// Requests wait and a worker has none, but none is taken.
    Intake,
    /// Answers wait for clients that are not known to leave them unread, and none goes.
    Courier,
    /// A handler outlasts the limit that it says it keeps.
    Handler,
    /// A worker has an answer for longer than any answer takes.
    Answer,
}

impl fmt::Display for Stall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Intake => "requests wait and no worker takes them",
            Self::Courier => "answers wait that could be sent, and none is",
            Self::Handler => "a request is with the handler for longer than the handler's own time limit",
            Self::Answer => "a worker has an answer and does not give it out",
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Progress {
    intake: StandStill,
    courier: StandStill,
    overdue_since: Option<Instant>,
    answers: HeldAnswers,
    /// The longest limit that a handler had so far: a request may still be with one that was replaced.
    longest_limit: Duration,
    looked_at: Option<Instant>,
    is_reported: bool,
}

/// How long a counter has stood although it ought to grow.
#[derive(Debug, Default)]
struct StandStill(Option<(Instant, u64)>);

impl StandStill {
    /// `count` is the counter at `now`; `is_due` says whether it ought to grow.
    fn lasts(&mut self, count: u64, now: Instant, is_due: impl FnOnce() -> bool) -> bool {
        match self.0 {
            Some((since, before)) if before == count => {
                if now.duration_since(since) < LIMIT {
                    return false;
                }
                // Asked only now, since it costs a system call.
                if is_due() {
                    return true;
                }
                self.0 = Some((now, count));
                false
            }
            _ => {
                self.0 = Some((now, count));
                false
            }
        }
    }
}

/// The answers that workers have and have not given out yet, which takes a worker microseconds.
#[derive(Debug, Default)]
struct HeldAnswers(HashMap<u64, Instant>);

impl HeldAnswers {
    /// `held` are the numbers of their requests at `now`.
    fn is_one_held(&mut self, held: impl Iterator<Item = u64>, now: Instant) -> bool {
        let before = std::mem::take(&mut self.0);
        self.0.extend(held.map(|sequence| (sequence, before.get(&sequence).copied().unwrap_or(now))));
        self.0.values().any(|since| now.duration_since(*since) >= LIMIT)
    }
}

fn with_their_workers(shared: &Shared) -> impl Iterator<Item = u64> {
    let landings = shared.table.landings();
    let held = landings.filter(|slot| matches!(slot.state(), Some(SlotState::Ready | SlotState::Sending)));
    held.map(|slot| slot.sequence.load(Ordering::Relaxed))
}

/// So long nothing of a kind moves before it is a stall: longer than any pause of the engine's own, on a machine under load.
const LIMIT: Duration = Duration::from_secs(10);
/// Looks come twice a second. After a longer time without one the whole process stood still (SIGSTOP, a frozen cgroup), and
/// what it did meanwhile says nothing.
const LONGEST_ROUND: Duration = Duration::from_secs(3);

impl Progress {
    /// What stands still, if anything does; said once in the log.
    pub(super) fn look(&mut self, shared: &Shared) -> Option<Stall> {
        let stall = self.find(shared, Instant::now());
        match stall {
            Some(stall) if !self.is_reported => {
                log::error!(
                    message_id = alerts::STALLED;
                    "{stall} (for {} s or more): the watchdog is not fed until it goes on; under systemd the service is \
                     restarted then, and no request is lost",
                    LIMIT.as_secs()
                );
            }
            None if self.is_reported => log::warn!(message_id = alerts::STALL_OVER; "requests and answers go on again"),
            _ => {}
        }
        self.is_reported = stall.is_some();
        stall
    }

    fn find(&mut self, shared: &Shared, now: Instant) -> Option<Stall> {
        let is_regular = self.looked_at.replace(now).is_some_and(|before| now.duration_since(before) < LONGEST_ROUND);
        if !is_regular {
            (self.intake, self.courier, self.overdue_since) = (StandStill::default(), StandStill::default(), None);
            self.answers = HeldAnswers::default();
        }
        let received = shared.congestion.received();
        if self.intake.lasts(received, now, || is_intake_due(shared)) {
            return Some(Stall::Intake);
        }
        if self.courier.lasts(shared.outbox.sent_count(), now, || shared.outbox.has_ready_reader()) {
            return Some(Stall::Courier);
        }
        if self.answers.is_one_held(with_their_workers(shared), now) {
            return Some(Stall::Answer);
        }
        if !self.is_handler_overdue(shared) {
            self.overdue_since = None;
            return None;
        }
        let overdue_since = *self.overdue_since.get_or_insert(now);
        (now.duration_since(overdue_since) >= LIMIT).then_some(Stall::Handler)
    }

    fn is_handler_overdue(&mut self, shared: &Shared) -> bool {
        let in_hand = || shared.table.landings().filter(|slot| slot.state() == Some(SlotState::Received));
        if in_hand().next().is_none() {
            return false;
        }
        let Some(limit) = shared.reloadable.handler().time_limit() else { return false };
        self.longest_limit = self.longest_limit.max(limit);
        let limit_ns = u64::try_from(self.longest_limit.as_nanos()).unwrap_or(u64::MAX);
        let now_ns = monotonic_ns();
        let overdue = |since_ns| since_ns > 0 && now_ns.saturating_sub(since_ns) > limit_ns;
        in_hand().any(|slot| overdue(slot.received_at_ns.load(Ordering::Relaxed)))
    }
}

fn is_intake_due(shared: &Shared) -> bool {
    // The table has room for more workers than there are.
    let mut landings = shared.table.landings().take(shared.reloadable.workers());
    let has_idle_worker = landings.any(|slot| slot.state() == Some(SlotState::Armed));
    has_idle_worker
        && !shared.lifecycle.is_ending()
        && shared.served.current().has_message(shared.protocol.request_types().msgtyp()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outbox::SentAnswers;

    #[test]
    fn a_counter_that_stands_is_a_stall_only_while_it_ought_to_grow() {
        let (mut still, start) = (StandStill::default(), Instant::now());
        let later = start + LIMIT;
        assert!(!still.lasts(1, start, || true));
        assert!(!still.lasts(1, later - Duration::from_millis(1), || panic!("asked too early")));
        assert!(still.lasts(1, later, || true));
        assert!(!still.lasts(1, later, || false), "nothing is due");
        assert!(!still.lasts(1, later + Duration::from_secs(1), || true), "it became due only now");
        assert!(!still.lasts(2, later + LIMIT * 3, || true), "it moved");
    }

    #[test]
    fn answers_to_clients_that_leave_them_unread_are_no_progress_of_the_courier() {
        let (mut courier, sent, start) = (StandStill::default(), SentAnswers::default(), Instant::now());
        assert!(!courier.lasts(sent.count(), start, || true));
        for _ in 0..100 {
            sent.note(true);
        }
        assert!(courier.lasts(sent.count(), start + LIMIT, || true), "readers starve beside them");
        sent.note(false);
        assert!(!courier.lasts(sent.count(), start + LIMIT * 2, || true), "a reader got one");
    }

    #[test]
    fn an_answer_is_held_too_long_only_while_it_is_the_same() {
        let (mut held, start) = (HeldAnswers::default(), Instant::now());
        assert!(!held.is_one_held([1, 2].into_iter(), start));
        assert!(!held.is_one_held([2, 3].into_iter(), start + LIMIT / 2));
        assert!(!held.is_one_held([3].into_iter(), start + LIMIT), "the second was given out");
        assert!(held.is_one_held([3].into_iter(), start + LIMIT / 2 + LIMIT));
    }
}
