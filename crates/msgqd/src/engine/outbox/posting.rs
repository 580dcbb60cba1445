//! Putting answers into the outbox, and who pays when it is full.

use super::lines::{Asker, SlotGrant};
use super::pending::{Origin, PendingAnswer};
use super::{LockedOutbox, Outbox};
use crate::engine::events::asker;
use crate::engine::kill_points::kill_point;
use msgq_core::process::{ClientNumber, ClientOwner};
use msgq_core::queue::MTYPE_LEN;
use msgq_core::table::{Counters, SlotState};
use msgq_core::words::counted;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// One that was read makes a difference among so few answers of a client: it may hold none in truth.
const FEW: u32 = 2;

impl Outbox {
    /// Stores an answer, gives up the place where it stood before, and lets courier and janitor know.
    pub(in crate::engine) fn post(&self, answer: &PendingAnswer<'_>) {
        let owner = self.parts.clients.owner(answer.client);
        let mut locked = self.lock();
        locked.settle_offers_for(answer.client, owner);
        let loser = locked.store(answer, owner);
        if let Origin::Landing(index) = answer.origin {
            kill_point("posting");
            self.parts.table.finish_landing(index);
        }
        self.parts.congestion.note_backlog(locked.lines.len(), locked.lines.client_count());
        let is_due = !self.is_private() || locked.lines.has_ready();
        if is_due {
            locked.unlock_and_wake_courier();
        } else {
            drop(locked);
        }
        if self.is_private() {
            // Nobody else is delayed by a queue of a client's own: there is nothing to tend, and no reason to slow down.
            return;
        }
        self.parts.alarm.sound();
        if loser.is_some_and(|client| self.parts.clients.has_read(client)) {
            self.parts.congestion.pause_after_a_drop();
        }
        if matches!(answer.origin, Origin::Landing(_)) {
            self.parts.congestion.contest.wait_for_a_try();
        }
    }
}

impl LockedOutbox<'_> {
    /// Looks whether the offers were read that matter for one more answer of this client: each look walks over the queue,
    /// and all who want to put answers in wait meanwhile. Whoever holds many pays, or waits, whatever it read; but one that begins
    /// to read just now is not to be taken for one that never reads.
    fn settle_offers_for(&mut self, client: ClientNumber, owner: ClientOwner) {
        if self.lines.held(client) <= FEW {
            self.settle_offer_of(client);
        }
        let asker = self.asker(client, owner);
        if self.lines.is_full()
            && let Some(payer) = self.lines.payer(&asker, Instant::now())
            && (self.lines.held(payer) <= FEW || !self.parts().clients.has_read(payer))
        {
            self.settle_offer_of(payer);
        }
    }

    fn asker(&self, client: ClientNumber, owner: ClientOwner) -> Asker {
        Asker { client, owner, has_read: self.parts().clients.has_read(client) }
    }

    /// The caller has looked whether the offer of the one who pays was read if the outbox is full. Returns whose answer was
    /// dropped for it, if any.
    pub(super) fn store(&mut self, answer: &PendingAnswer<'_>, owner: ClientOwner) -> Option<ClientNumber> {
        let parts = self.parts();
        let client = answer.client;
        let series = parts.series_of(answer.origin);
        // Under the lock: a death is noted before the dead client's line is dropped, so an answer for a dead client is
        // either refused here or dropped there.
        if parts.clients.generation(client) != answer.generation {
            Counters::add(&self.outbox.counters().client_gone);
            parts.table.free_long(series);
            return None;
        }
        let asker = self.asker(client, owner);
        let (slot, loser) = match self.lines.admit(&asker, Instant::now()) {
            SlotGrant::Slot(slot) => (slot, None),
            SlotGrant::Instead { slot, victim, held } => {
                self.count_shed(victim, held + 1);
                (slot, Some(victim))
            }
            SlotGrant::Refused { held } => {
                self.count_shed(client, held + 1);
                parts.table.free_long(series);
                return Some(client);
            }
        };
        let Some(header) = self.slot(slot) else { return loser };
        let is_taken_over = header.state() == Some(SlotState::Ready);
        // One that is taken over says READY still, and would be an answer of neither client if the server died now.
        self.arm(slot);
        header.set_series(series);
        header.set_client(client.get());
        header.sequence.store(answer.sequence, Ordering::Relaxed);
        header.received_at_ns.store(answer.received_at_ns, Ordering::Relaxed);
        header.generation.store(answer.generation.number(), Ordering::Relaxed);
        header.msqid.store(answer.queue.id(), Ordering::Relaxed);
        header.in_doubt.store(u32::from(answer.origin == Origin::Earlier { in_doubt: true }), Ordering::Relaxed);
        header.set_body_len(answer.message.len().saturating_sub(MTYPE_LEN));
        kill_point(if is_taken_over { "storing-instead" } else { "storing" });
        parts.table.write_response(slot, answer.message);
        if answer.origin == Origin::Recall {
            self.outbox.announce_recall(Some(slot));
        }
        header.set_state(SlotState::Ready);
        parts.clients.hold(client);
        self.lines.insert(&asker, slot, answer.sequence);
        loser
    }

    fn count_shed(&self, victim: ClientNumber, held: u32) {
        let outbox = self.outbox;
        Counters::add(&outbox.counters().shed);
        outbox.parts.clients.judge_no_more(victim);
        outbox.parts.events.shed.of(victim).warn(|| {
            format!(
                "dropped the newest answer of {}: the outbox is full (outbox_capacity = {}), and its process reads nothing, \
                 or that or its user holds the most; {} of this client waited there; see whether it reads{}, or raise \
                 outbox_capacity",
                asker(&outbox.parts.protocol, victim),
                outbox.capacity,
                counted(held, "answer"),
                if outbox.is_private() { String::new() } else { format!(" (msgqctl explain {victim})") }
            )
        });
    }
}
