//! What becomes of offers, the answers that the courier sent and that rest in the queue: read, left there for good, or
//! taken back while others wait for room.

use super::lines::LinePhase;
use super::{LockedOutbox, Outbox};
use msgq_core::process::ClientNumber;
use msgq_core::queue::Queue;
use msgq_core::table::Counters;
use msgq_core::time::monotonic_ns;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long an offer may rest while others wait for room.
const REST_LIMIT: Duration = Duration::from_millis(20);
/// The same while the queue is full, for a client that was never seen to read.
const FULL_REST_LIMIT: Duration = Duration::from_millis(5);
/// Offers that are looked at between two looks at the clock.
const LOOKS: usize = 16;
/// How long the janitor and the courier look at offers at a time.
const ALL_OFFERS_TIME: Duration = Duration::from_millis(1);
pub(super) const SOME_OFFERS_TIME: Duration = Duration::from_micros(50);
/// How long an offer must rest, while nobody waits, until it is left in the queue for good.
const SETTLE_TIME: Duration = Duration::from_millis(200);

impl Outbox {
    /// Looks after offers and lines that were set aside; false when nothing waits.
    pub(in crate::engine) fn tend(&self) -> bool {
        let mut locked = self.lock();
        if locked.lines.is_empty() {
            return false;
        }
        locked.check_offers(ALL_OFFERS_TIME);
        locked.lines.wake_parked(Instant::now());
        if locked.lines.has_ready() {
            locked.unlock_and_wake_courier();
        }
        true
    }

    /// How many answers of this client rest in the queue by the courier's doing.
    pub(in crate::engine) fn offers_of(&self, client: ClientNumber) -> usize {
        match self.lock().lines.phase(client) {
            Some(LinePhase::Offered { .. } | LinePhase::Sending(_)) => 1,
            _ => 0,
        }
    }
}

impl LockedOutbox<'_> {
    /// Looks what became of offers, the next ones each time, for as long as `time` lets it: each look walks over the
    /// queue, and all who want to put answers in wait meanwhile.
    pub(super) fn check_offers(&mut self, time: Duration) {
        let (started, count) = (Instant::now(), self.lines.offer_count());
        for _ in (0..count).step_by(LOOKS) {
            self.check_next_offers();
            if started.elapsed() >= time {
                return;
            }
        }
    }

    fn check_next_offers(&mut self) {
        let others_wait = self.others_wait();
        let is_full = self.parts().congestion.is_full();
        for (client, slot, since) in self.lines.next_offers(LOOKS) {
            let Some(queue) = self.queue_of(slot) else { continue };
            let rest_limit =
                if is_full && !self.parts().clients.has_read(client) { FULL_REST_LIMIT } else { REST_LIMIT };
            match queue.has_message(self.outbox.mtype_of(client)) {
                Ok(false) => self.count_read(client, slot),
                Ok(true) if others_wait && since.elapsed() >= rest_limit => self.take_back(client, slot, &queue),
                Ok(true)
                    if !others_wait
                        && since.elapsed() >= SETTLE_TIME
                        && !self.has_next_part(slot)
                        && self.lines.let_rest(client, slot) =>
                {
                    Counters::add(&self.outbox.counters().answered_late);
                    self.arm(slot);
                    self.parts().clients.release(client);
                }
                // Gone with its queue: whoever makes the queue anew empties the outbox.
                _ => {}
            }
        }
    }

    /// Frees the slot of the client's offer if that was read meanwhile. Before anybody pays at the limit: a client in a
    /// closed loop may have read its offer without anybody noticing, and would be taken for one with two answers.
    pub(super) fn settle_offer_of(&mut self, client: ClientNumber) {
        let Some(LinePhase::Offered { slot, .. }) = self.lines.phase(client) else { return };
        let Some(queue) = self.queue_of(slot) else { return };
        if matches!(queue.has_message(self.outbox.mtype_of(client)), Ok(false)) {
            self.count_read(client, slot);
        }
    }

    /// The answer in `slot` was sent, and a look shows that nothing rests for its client.
    pub(super) fn count_read(&mut self, client: ClientNumber, slot: u32) {
        self.lines.note_nothing_rests(client);
        self.count_delivered(client, slot);
    }

    /// The answer in `slot` has reached its client.
    pub(super) fn count_delivered(&mut self, client: ClientNumber, slot: u32) {
        self.parts().clients.note_read(client);
        if self.go_on_with_next_part(client, slot) {
            return;
        }
        Counters::add(&self.outbox.counters().answered_late);
        if let Some(header) = self.slot(slot) {
            let received_at_ns = header.received_at_ns.load(Ordering::Relaxed);
            self.parts().table.metrics().record_latency(monotonic_ns().saturating_sub(received_at_ns));
        }
        self.end_answer(client, slot);
    }

    /// True when room in the queue is wanted by somebody.
    fn others_wait(&self) -> bool {
        self.lines.has_ready() || self.outbox.send_call.is_busy() || self.parts().congestion.is_crowded()
    }

    /// The queue that the answer in `slot` belongs to.
    pub(super) fn queue_of(&self, slot: u32) -> Option<Queue> {
        Some(self.parts().answers.with_id(self.slot(slot)?.msqid.load(Ordering::Relaxed)))
    }
}
