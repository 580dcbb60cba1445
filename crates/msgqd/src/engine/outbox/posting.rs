//! Putting answers into the outbox, and who pays when it is full.

use super::lines::SlotGrant;
use super::pending::{Origin, PendingAnswer};
use super::{LockedOutbox, Outbox};
use crate::engine::kill_points::kill_point;
use msgq_core::process::ClientPid;
use msgq_core::queue::MTYPE_LEN;
use msgq_core::table::{Counters, SlotState};
use std::sync::atomic::Ordering;

impl Outbox {
    /// Stores an answer, gives up the place where it stood before, and lets courier and janitor know.
    pub(in crate::engine) fn post(&self, answer: &PendingAnswer<'_>) {
        let mut locked = self.lock();
        if locked.lines.is_full() {
            locked.settle_offers_that_were_read();
        }
        locked.store(answer);
        if let Origin::Landing(index) = answer.origin {
            kill_point("posting");
            self.parts.table.finish_landing(index);
        }
        self.parts.congestion.note_backlog(locked.lines.len());
        drop(locked);
        self.wake_courier();
        self.parts.alarm.sound();
    }
}

impl LockedOutbox<'_> {
    /// The caller has looked at the offers if the outbox is full.
    pub(super) fn store(&mut self, answer: &PendingAnswer<'_>) {
        let parts = self.parts();
        let client = answer.client;
        // Under the lock: a death is noted before the dead client's line is dropped, so an answer for a dead client is
        // either refused here or dropped there.
        if parts.clients.generation(client) != answer.generation {
            Counters::add(&self.outbox.counters().client_gone);
            return;
        }
        let slot = match self.lines.admit(client) {
            SlotGrant::Slot(slot) => slot,
            SlotGrant::Instead { slot, victim, held } => {
                self.count_shed(victim, held + 1);
                slot
            }
            SlotGrant::Refused { held } => {
                self.count_shed(client, held + 1);
                return;
            }
        };
        let Some(header) = self.slot(slot) else { return };
        // One that is taken over says READY still, and would be an answer of neither client if the server died now.
        header.set_state(SlotState::Armed);
        header.set_client(client.get());
        header.sequence.store(answer.sequence, Ordering::Relaxed);
        header.received_at_ns.store(answer.received_at_ns, Ordering::Relaxed);
        header.generation.store(answer.generation.number(), Ordering::Relaxed);
        header.msqid.store(answer.queue.id(), Ordering::Relaxed);
        header.in_doubt.store(u32::from(answer.origin == Origin::Earlier { in_doubt: true }), Ordering::Relaxed);
        header.set_body_len(answer.message.len().saturating_sub(MTYPE_LEN));
        parts.table.write_response(slot, answer.message);
        if answer.origin == Origin::Recall {
            self.outbox.announce_recall(Some(slot));
        }
        header.set_state(SlotState::Ready);
        parts.clients.hold(client);
        self.lines.insert(client, slot, answer.sequence);
    }

    fn count_shed(&self, victim: ClientPid, held: u32) {
        let outbox = self.outbox;
        Counters::add(&outbox.counters().shed);
        outbox.parts.events.shed.warn(|| {
            format!(
                "dropped the newest answer of client {victim}: the outbox is full (outbox_capacity = {}) and this \
                 client holds the most, {held} answers that it does not read; see whether it hangs, or raise \
                 outbox_capacity",
                outbox.capacity
            )
        });
    }
}
