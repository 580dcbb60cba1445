//! Answers in parts: the slot of one stays the head of its line until its last part has reached its client.

use super::lines::LinePhase;
use super::pending::Origin;
use super::{LockedOutbox, Outbox, OutboxParts};
use crate::engine::kill_points::kill_point;
use msgq_core::process::ClientNumber;
use msgq_core::table::{Counters, Series, SlotHeader, SlotState};
use msgq_core::time::monotonic_ns;
use std::sync::atomic::{AtomicU64, Ordering};

impl OutboxParts {
    /// The series that an answer begins which comes from there.
    pub(super) fn series_of(&self, origin: Origin) -> Series {
        match origin {
            Origin::Landing(index) => self.table.landing(index).map_or(Series::NONE, SlotHeader::series),
            Origin::EarlierSeries(series) => series,
            Origin::Recall | Origin::Earlier { .. } => Series::NONE,
        }
    }

    /// Copies the message of a response slot, or of the part that it is at, and returns its length, mtype included.
    pub(super) fn read_answer(&self, slot: u32, message: &mut [u8]) -> usize {
        let len = self.table.read_response(slot, message);
        match self.table.response(slot).map(SlotHeader::series) {
            Some(series) if series.is_some() => self.table.make_part(series, self.protocol.part_types(), message, len),
            _ => len,
        }
    }
}

/// The part that the slot is at is about to be sent: its state is about this part from now on.
pub(super) fn begin_part(header: &SlotHeader) {
    let series = header.series();
    if series.is_some() {
        header.set_series(series.begun());
    }
}

impl Outbox {
    /// The part of this client's answer that rests in the queue is not read within `response_ttl`.
    pub(in crate::engine) fn drop_rest_of_offered(&self, client: ClientNumber) {
        let mut locked = self.lock();
        if let Some(LinePhase::Offered { slot, .. }) = locked.lines.phase(client)
            && locked.has_next_part(slot)
        {
            locked.drop_rest_of_line(client, &self.counters().expired);
        }
    }
}

impl LockedOutbox<'_> {
    /// True when the answer in this slot has another part behind the one that it is at.
    pub(super) fn has_next_part(&self, slot: u32) -> bool {
        let Some(series) = self.slot(slot).map(SlotHeader::series).filter(|series| series.is_some()) else {
            return false;
        };
        let parts = self.parts();
        series.part() + 1 < parts.table.messages_of(series, parts.protocol.part_types())
    }

    /// True when parts of the answer in this slot have gone out, and others have not.
    pub(super) fn is_in_the_middle(&self, slot: u32) -> bool {
        self.slot(slot).is_some_and(|header| header.series().has_started())
    }

    /// The part that the slot is at has reached its client. False when it was the last one.
    ///
    /// The number of the next part is stored first: until the state is READY it says that it is not about that part, and a
    /// server that is killed in between leaves no doubt.
    pub(super) fn go_on_with_next_part(&mut self, client: ClientNumber, slot: u32) -> bool {
        let Some(header) = self.slot(slot).filter(|_| self.has_next_part(slot)) else { return false };
        let series = header.series();
        let now_ns = monotonic_ns();
        if series.part() == 0 {
            let waited_ns = now_ns.saturating_sub(header.received_at_ns.load(Ordering::Relaxed));
            self.parts().table.metrics().record_latency(waited_ns);
        }
        // Who reads part after part has its time for each.
        header.received_at_ns.store(now_ns, Ordering::Relaxed);
        kill_point("part-read");
        header.set_series(series.next());
        kill_point("part-counted");
        header.set_state(SlotState::Ready);
        self.lines.part_delivered(client, slot, header.sequence.load(Ordering::Relaxed));
        true
    }

    /// The kernel refused the answer in this slot; what is left of one in parts as well.
    pub(super) fn end_failed(&mut self, client: ClientNumber, slot: u32) {
        let is_cut_short = self.is_in_the_middle(slot) && self.has_next_part(slot);
        self.end_answer(client, slot);
        if is_cut_short {
            self.drop_rest_of_line(client, &self.outbox.counters().send_failed);
        }
    }

    /// The rest of an answer in the middle of its parts goes nowhere, nor does anything behind it: its client would take that
    /// for the next part.
    pub(super) fn drop_rest_of_line(&mut self, client: ClientNumber, fate: &AtomicU64) {
        for slot in self.lines.drop_line(client) {
            self.arm(slot);
            Counters::add(fate);
        }
        self.parts().clients.release(client);
    }
}
