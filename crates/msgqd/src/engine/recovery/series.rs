//! Answers in parts that an earlier daemon left: each goes on where it stopped.
//!
//! A part that was being sent may have reached its client or not. What decides over whole answers does not do here: sent once
//! more, a part would be handed over to a client that waits for the next one. So it counts as sent, unless the queue has no
//! room for it now: then the daemon most likely died between two vain tries.

use super::answers::{LeftAnswer, LeftPlace};
use super::in_doubt::{QueueView, VIEW_LIMITS};
use super::left::Recovery;
use crate::engine::outbox::{Origin, PendingAnswer};
use msgq_core::process::ClientNumber;
use msgq_core::queue::{Browse, MTYPE_LEN, MessageBuffer, Queue, framed};
use msgq_core::table::{Counters, Series, SlotHeader, SlotState};
use std::sync::atomic::Ordering;

impl Recovery<'_> {
    /// Leaves to each series one state that says where it stopped, and frees the long slots that nobody names.
    pub(super) fn settle_series(&self) {
        for (_, slot) in self.landings() {
            // Its request is done again, and the answer made anew; or its answer stands in a response slot already.
            if slot.state() != Some(SlotState::Ready) || self.is_stored(slot) {
                slot.set_series(Series::NONE);
            }
        }
        for (_, slot) in self.responses().filter(|(_, slot)| slot.series().is_some()) {
            match slot.state() {
                Some(SlotState::Offered) if slot.series().is_begun() => {
                    // It is in the queue or with its client.
                    slot.set_series(slot.series().next());
                    slot.set_state(self.state_behind(slot));
                }
                Some(SlotState::Offered | SlotState::Sending) if !slot.series().is_begun() => {
                    slot.set_state(self.state_behind(slot));
                }
                Some(SlotState::Armed) | None => slot.set_series(Series::NONE),
                _ => {}
            }
        }
        self.left.free_forgotten_long_slots();
    }

    fn is_stored(&self, landing: &SlotHeader) -> bool {
        let sequence = landing.sequence.load(Ordering::Relaxed);
        let is_same = |slot: &SlotHeader| {
            slot.state() != Some(SlotState::Armed)
                && slot.client() == landing.client()
                && slot.sequence.load(Ordering::Relaxed) == sequence
        };
        self.responses().any(|(_, slot)| is_same(slot))
    }

    /// READY for the part that the slot is at, or ARMED behind the last one.
    fn state_behind(&self, slot: &SlotHeader) -> SlotState {
        if self.has_parts_left(slot.series()) { SlotState::Ready } else { SlotState::Armed }
    }

    fn has_parts_left(&self, series: Series) -> bool {
        series.part() < self.left.messages_of(series, self.shared.protocol.part_types())
    }

    /// Where the answer in this place is, if it is one in parts.
    pub(super) fn series_at(&self, place: LeftPlace) -> Series {
        match place {
            LeftPlace::Landing(index) => self.left.landing(index).map_or(Series::NONE, SlotHeader::series),
            LeftPlace::Response(index) => self.left.response(index).map_or(Series::NONE, SlotHeader::series),
            LeftPlace::Recall => Series::NONE,
        }
    }

    /// Puts the rest of a series into the outbox. Its client lives.
    pub(super) fn continue_series(&self, item: &LeftAnswer, view: &QueueView, client: ClientNumber, queue: Queue) {
        let counters = self.shared.counters();
        let mut series = self.series_at(item.place);
        let mut message = self.left.response_room();
        let template_len = self.message_at(item.place, &mut message);
        if item.in_doubt && series.is_begun() {
            let mut part = message.clone();
            let len = self.left.make_part(series, self.shared.protocol.part_types(), &mut part, template_len);
            if self.counts_as_sent(view, client, &queue, part.get(..len).unwrap_or_default()) {
                series = series.next();
                self.note_next(item.place, series);
            }
        }
        if !self.has_parts_left(series) {
            Counters::add(&counters.recovered_delivered);
            return self.free_place(item.place);
        }
        let Some(generation) = self.shared.clients.find(client) else {
            Counters::add(&counters.recovered_gone);
            return self.free_place(item.place);
        };
        let Some(series) = self.shared.table.copy_long(self.left, series) else {
            log::error!("no room for the rest of a long answer of client {client}, which waits for it in vain");
            Counters::add(&counters.recovered_gone);
            return self.free_place(item.place);
        };
        Counters::add(&counters.recovered);
        self.shared.outbox.post(&PendingAnswer {
            client,
            generation,
            sequence: item.sequence,
            received_at_ns: item.received_at_ns,
            queue,
            message: message.get(..template_len).unwrap_or_default(),
            origin: Origin::EarlierSeries(series),
        });
    }

    /// Another daemon may have to finish this: it must not find the part in doubt again.
    fn note_next(&self, place: LeftPlace, series: Series) {
        if let LeftPlace::Response(index) = place
            && let Some(slot) = self.left.response(index)
        {
            slot.set_series(series);
            slot.set_state(self.state_behind(slot));
        }
    }

    fn counts_as_sent(&self, view: &QueueView, client: ClientNumber, queue: &Queue, part: &[u8]) -> bool {
        let (rests, something_rests) = if self.shared.outbox.is_private() {
            look_for(part, queue)
        } else {
            (view.holds(part), view.not_read(self.shared.mtype_of(client)))
        };
        let len = u64::try_from(part.len().saturating_sub(MTYPE_LEN)).unwrap_or(u64::MAX);
        let has_room = || queue.stat().map_or(true, |stat| stat.bytes.saturating_add(len) <= stat.max_bytes);
        if rests {
            return true;
        }
        // Who reads, reads in order; and what there is no room for was refused.
        if something_rests || !has_room() {
            return false;
        }
        Counters::add(&self.shared.counters().recovered_ambiguous);
        true
    }
}

/// Whether this message rests in a queue of a client's own, and whether anything does. What cannot be looked at is empty.
fn look_for(message: &[u8], queue: &Queue) -> (bool, bool) {
    let mut buffer = MessageBuffer::new();
    let mut browse = Browse::new(*queue, VIEW_LIMITS, &mut buffer);
    let (mut rests, mut something_rests) = (false, false);
    while let Some((_, other)) = browse.next_message() {
        something_rests = true;
        rests |= framed(other.mtype(), other.body()) == message;
    }
    (rests, something_rests)
}
