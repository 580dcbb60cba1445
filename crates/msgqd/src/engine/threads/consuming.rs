//! What a worker does with one-way requests: has each handled until it has its end, before the next. What was left in hand
//! by an earlier daemon, or by a worker that had to leave, comes before all that is received.

use crate::engine::consumption::OneWayRequest;
use crate::engine::one_way::{Next, Tries};
use crate::engine::outcome::handled_one_way;
use crate::engine::shared::Shared;
use crate::handler::Handler;
use msgq_core::table::{Metrics, SlotHeader, SlotState};
use msgq_core::time::monotonic_ns;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The part of a worker that serves one-way requests.
pub(super) struct Consuming<'a> {
    shared: &'a Shared,
    metrics: Metrics<'a>,
}

/// What became of one try.
pub(super) enum Consumed {
    /// It has its end.
    Finished,
    /// It is to be tried again after this time.
    TryAgain(Duration),
    /// It stays in hand, for the next server.
    CalledOff,
}

/// A request, and how far it is.
pub(super) struct OneWayInHand<'a> {
    request: OneWayRequest<'a>,
    body: Vec<u8>,
    tries: Tries,
    /// It was never tried, and no earlier daemon had it in hand.
    is_new: bool,
    /// It is not handled any more, for this reason.
    given_up: Option<String>,
    letter_pause: Duration,
}

/// Between two looks whether the worker has to leave.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
const FIRST_LETTER_PAUSE: Duration = Duration::from_millis(100);
const LAST_LETTER_PAUSE: Duration = Duration::from_secs(10);

impl<'a> Consuming<'a> {
    pub(super) fn new(shared: &'a Shared, worker: usize) -> Self {
        Self { shared, metrics: shared.table.metrics_of(worker) }
    }

    pub(super) fn begin(&self, index: usize, slot: &'a SlotHeader) -> OneWayInHand<'a> {
        let request = OneWayRequest { shared: self.shared, table: &self.shared.table, index, slot };
        let body = request.body();
        let given_up = self.shared.one_way.reason_not_to_try(slot);
        // What was left in hand waits without a time of its own.
        let is_new = slot.received_at_ns.load(Ordering::Relaxed) > 0;
        OneWayInHand { request, is_new, body, tries: Tries::default(), given_up, letter_pause: FIRST_LETTER_PAUSE }
    }

    /// One try of the request, or to write its letter.
    pub(super) fn try_once(&self, in_hand: &mut OneWayInHand<'a>, handler: &Arc<dyn Handler>) -> Consumed {
        let OneWayInHand { request, body, tries, is_new, given_up, letter_pause } = in_hand;
        let now_ns = monotonic_ns();
        // A try of its own for whoever asks how long the handler has it.
        request.slot.received_at_ns.store(now_ns, Ordering::Relaxed);
        if given_up.is_none() {
            match request.as_handed_on(body, now_ns, std::mem::take(is_new)) {
                Err(reason) => *given_up = Some(reason),
                Ok(handed_on) => {
                    let reply = handled_one_way(&**handler, &handed_on, &self.metrics, &self.shared.events);
                    if self.shared.lifecycle.is_aborting() {
                        return Consumed::CalledOff;
                    }
                    self.metrics.record_handler_latency(monotonic_ns().saturating_sub(now_ns));
                    match tries.after(&reply, self.shared.reloadable.attempts()) {
                        Next::Taken => {
                            request.note_taken();
                            return Consumed::Finished;
                        }
                        Next::TryAgain(pause) => {
                            request.note_retry(tries, &reply, pause);
                            return Consumed::TryAgain(pause);
                        }
                        Next::GiveUp(reason) => *given_up = Some(reason),
                    }
                }
            }
        }
        let reason = given_up.as_deref().unwrap_or_default();
        if request.give_up(body, tries, reason) {
            return Consumed::Finished;
        }
        let pause = *letter_pause;
        *letter_pause = (pause * 2).min(LAST_LETTER_PAUSE);
        Consumed::TryAgain(pause)
    }

    /// Waits before the next try; false when the worker has to leave first.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        while !self.shared.lifecycle.is_intake_closed() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK_PAUSE));
        }
        false
    }

    /// Waits until the slot of this worker is free: another worker may have what was left in it.
    pub(super) fn is_slot_free(&self, slot: &SlotHeader) -> bool {
        while slot.state() != Some(SlotState::Armed) {
            if self.shared.lifecycle.is_intake_closed() {
                return false;
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        true
    }
}
