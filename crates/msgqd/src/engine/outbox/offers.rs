//! What becomes of offers, the answers that the courier sent and that rest in the queue: read, left there for good, or
//! taken back while others wait for room.

use super::lines::LinePhase;
use super::{LockedOutbox, Outbox};
use msgq_core::process::ClientPid;
use msgq_core::queue::Queue;
use msgq_core::table::Counters;
use msgq_core::time::monotonic_ns;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long an offer may rest while others wait for room.
const REST_LIMIT: Duration = Duration::from_millis(20);
/// How long an offer must rest, while nobody waits, until it is left in the queue for good.
const SETTLE_TIME: Duration = Duration::from_millis(200);

impl Outbox {
    /// Looks after offers and lines that were set aside; false when nothing waits.
    pub(in crate::engine) fn tend(&self) -> bool {
        let mut locked = self.lock();
        if locked.lines.is_empty() {
            return false;
        }
        locked.check_offers();
        locked.lines.wake_parked(Instant::now());
        let ready = locked.lines.has_ready();
        drop(locked);
        if ready {
            self.wake_courier();
        }
        true
    }

    /// How many answers of this client rest in the queue by the courier's doing.
    pub(in crate::engine) fn offers_of(&self, client: ClientPid) -> usize {
        match self.lock().lines.phase(client) {
            Some(LinePhase::Offered { .. } | LinePhase::Sending(_)) => 1,
            _ => 0,
        }
    }
}

impl LockedOutbox<'_> {
    /// Looks what became of every offer.
    pub(super) fn check_offers(&mut self) {
        let others_wait = self.others_wait();
        for (client, slot, since) in self.lines.offers() {
            let Some(queue) = self.queue_of(slot) else { continue };
            match queue.has_message(client.as_mtype()) {
                Ok(false) => self.count_delivered(client, slot),
                Ok(true) if others_wait && since.elapsed() >= REST_LIMIT => self.take_back(client, slot, &queue),
                Ok(true) if !others_wait && since.elapsed() >= SETTLE_TIME && self.lines.let_rest(client, slot) => {
                    Counters::add(&self.outbox.counters().answered_late);
                    self.arm(slot);
                    self.parts().clients.release(client);
                }
                // Gone with its queue: whoever makes the queue anew empties the outbox.
                _ => {}
            }
        }
    }

    /// Frees the slots of offers that were read meanwhile. Before anybody pays at the limit: a client in a closed loop may
    /// have read its offer without anybody noticing, and would be taken for one with two answers.
    pub(super) fn settle_offers_that_were_read(&mut self) {
        for (client, slot, _) in self.lines.offers() {
            let Some(queue) = self.queue_of(slot) else { continue };
            if matches!(queue.has_message(client.as_mtype()), Ok(false)) {
                self.count_delivered(client, slot);
            }
        }
    }

    /// The answer in `slot` has reached its client.
    pub(super) fn count_delivered(&mut self, client: ClientPid, slot: u32) {
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
        Some(self.parts().served.with_id(self.slot(slot)?.msqid.load(Ordering::Relaxed)))
    }
}
