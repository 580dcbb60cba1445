//! Taking answers back out of the queue, through the recall slot of the table: after a kill in between it shows whether
//! the client or this daemon has the answer. Whoever holds the outbox's lock is the only user of that slot; during
//! recovery it is the one thread that there is.

use super::{LockedOutbox, Outbox};
use crate::engine::kill_points::kill_point;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{MTYPE_LEN, Queue};
use msgq_core::table::{Counters, SlotState};
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Outbox {
    /// Takes one answer of this client back that was sent in doubt a moment ago and rests; true when it was there. `slot`
    /// is where it stands: a kill in between leaves it in both places, and the next server must not deliver both; so the copy stays
    /// until [`Outbox::finish_withdrawal`].
    pub(in crate::engine) fn withdraw(&self, client: ClientNumber, slot: Option<u32>, queue: &Queue) -> bool {
        let table = &self.parts.table;
        let recall = table.recall();
        self.announce(slot, true);
        let taken = matches!(table.try_receive(recall, queue, self.mtype_of(client)), Ok(Some(_)));
        kill_point("withdrawing");
        taken
    }

    /// What was withdrawn is settled where it stands.
    pub(in crate::engine) fn finish_withdrawal(&self) {
        let table = &self.parts.table;
        table.finish_landing(table.recall());
    }

    /// Notes in the recall slot for which response slot its message is meant.
    pub(super) fn announce_recall(&self, slot: Option<u32>) {
        self.announce(slot, false);
    }

    /// A message that `is_withdrawn` goes to nobody, any other to the client of the response slot. The slot's state does not
    /// tell them apart: both slots may be ARMED, one since its answer has ended, the other since it is just being stored.
    fn announce(&self, slot: Option<u32>, is_withdrawn: bool) {
        let table = &self.parts.table;
        if let Some(recall) = table.landing(table.recall()) {
            recall.in_doubt.store(u32::from(is_withdrawn), Ordering::SeqCst);
            recall.sequence.store(slot.map_or(0, |slot| u64::from(slot) + 1), Ordering::SeqCst);
        }
    }

    /// The body in the recall slot.
    pub(super) fn recalled_body(&self, length: usize) -> Option<Vec<u8>> {
        let table = &self.parts.table;
        let mut body = vec![0; length];
        table.read_landed(table.recall(), &mut body).then_some(body)
    }

    /// True when the recall slot holds the answer that was offered out of `slot`.
    pub(super) fn is_recalled_body_of(&self, slot: u32, length: usize) -> bool {
        let mut message = self.parts.table.response_room();
        let len = self.parts.read_answer(slot, &mut message);
        message.get(MTYPE_LEN..len).is_some_and(|stored| self.recalled_body(length).as_deref() == Some(stored))
    }
}

impl LockedOutbox<'_> {
    /// Takes the offer in `slot` out of the queue.
    pub(super) fn take_back(&mut self, client: ClientNumber, slot: u32, queue: &Queue) {
        let table = &self.parts().table;
        let recall = table.recall();
        self.outbox.announce_recall(Some(slot));
        match table.try_receive(recall, queue, self.outbox.mtype_of(client)) {
            Ok(Some(length)) if self.outbox.is_recalled_body_of(slot, length) => {
                kill_point("taking-back");
                self.note_taken_back(client, slot);
            }
            Ok(Some(_)) => Counters::add(&self.outbox.counters().orphans_junk),
            Ok(None) => self.count_read(client, slot),
            Err(_) => {}
        }
        table.finish_landing(recall);
    }

    /// The offer in `slot` is the head of its line again.
    pub(super) fn note_taken_back(&mut self, client: ClientNumber, slot: u32) {
        let Some(header) = self.slot(slot) else { return };
        Counters::add(&self.outbox.counters().recalled);
        header.set_state(SlotState::Ready);
        self.lines.taken_back(client, slot, header.sequence.load(Ordering::Relaxed), Instant::now());
    }
}
