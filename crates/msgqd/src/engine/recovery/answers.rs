//! The answers in the table of an earlier daemon: which there are, and where each stands.

use super::left::Recovery;
use msgq_core::queue::MTYPE_LEN;
use msgq_core::table::{Counters, Series, SlotHeader, SlotState};
use msgq_core::time::monotonic_ns;
use std::collections::HashSet;
use std::sync::atomic::Ordering;

/// Where an answer stands in the earlier table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftPlace {
    Landing(usize),
    Response(u32),
    Recall,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct LeftAnswer {
    pub(super) place: LeftPlace,
    pub(super) client: i64,
    pub(super) sequence: u64,
    pub(super) received_at_ns: u64,
    pub(super) msqid: i32,
    /// Its daemon died while it sent it.
    pub(super) in_doubt: bool,
}

impl Recovery<'_> {
    /// An answer that was taken out of the queue and stands in the recall slot is owed still, unless it was withdrawn.
    pub(super) fn settle_recall(&self) {
        let recall = self.left.recall();
        let Some(announced) = self.left.landing(recall).filter(|_| self.left.landed_mtype(recall) != 0) else { return };
        let meant_for = announced.sequence.load(Ordering::Relaxed).checked_sub(1);
        let Some(slot) = meant_for.and_then(|slot| u32::try_from(slot).ok()) else { return };
        let Some(header) = self.left.response(slot).filter(|_| self.is_recalled(slot)) else { return };
        let is_withdrawn = announced.in_doubt.load(Ordering::Relaxed) != 0;
        match header.state() {
            // Sent in doubt, and its client did not wait: it has the answer, as far as can be told.
            Some(SlotState::Sending) if is_withdrawn => {
                Counters::add(&self.shared.counters().recovered_ambiguous);
                header.set_state(SlotState::Armed);
            }
            Some(SlotState::Armed) if is_withdrawn => {}
            Some(SlotState::Offered) if !is_withdrawn => header.set_state(SlotState::Ready),
            Some(SlotState::Ready) if !is_withdrawn => {}
            _ => return,
        }
        self.left.finish_landing(recall);
    }

    pub(super) fn is_recalled(&self, slot: u32) -> bool {
        let (mut stored, mut recalled) = (self.left.response_room(), self.left.response_room());
        let template_len = self.left.read_response(slot, &mut stored);
        let series = self.left.response(slot).map_or(Series::NONE, SlotHeader::series);
        let stored_len = match series.is_some() {
            true => self.left.make_part(series, self.shared.protocol.part_types(), &mut stored, template_len),
            false => template_len,
        };
        let recalled_len = self.recalled_message(&mut recalled);
        stored.get(..stored_len).is_some_and(|stored| recalled.get(..recalled_len) == Some(stored))
    }

    pub(super) fn recalled_message(&self, message: &mut [u8]) -> usize {
        let recall = self.left.recall();
        let len = self.left.landed_len(recall);
        let Some((mtype, body)) = message.split_first_chunk_mut::<MTYPE_LEN>() else { return 0 };
        *mtype = self.left.landed_mtype(recall).to_ne_bytes();
        let is_there = body.get_mut(..len).is_some_and(|body| self.left.read_landed(recall, body));
        if is_there { MTYPE_LEN + len } else { 0 }
    }

    /// All answers that are not known to be in the queue or with their client.
    pub(super) fn left_answers(&self) -> Vec<LeftAnswer> {
        let mut items: Vec<LeftAnswer> =
            self.responses().filter_map(|(index, slot)| left_answer(LeftPlace::Response(index), slot)).collect();
        let stored: HashSet<(i64, u64)> = items.iter().map(|item| (item.client, item.sequence)).collect();
        let landed = self.landings().filter_map(|(index, slot)| left_answer(LeftPlace::Landing(index), slot));
        items.extend(landed.filter(|item| !stored.contains(&(item.client, item.sequence))));
        let mtype = self.left.landed_mtype(self.left.recall());
        if let Some(client) = self.shared.protocol.client_of_response(mtype) {
            let msqid = self.left.header().answers_msqid();
            // Behind all else that was adopted, and before what was received.
            items.push(LeftAnswer {
                place: LeftPlace::Recall,
                client,
                sequence: 0,
                received_at_ns: monotonic_ns(),
                msqid,
                in_doubt: false,
            });
        }
        items
    }

    pub(super) fn message_at(&self, place: LeftPlace, message: &mut [u8]) -> usize {
        match place {
            LeftPlace::Landing(index) => self.left.read_landing_response(index, message),
            LeftPlace::Response(index) => self.left.read_response(index, message),
            LeftPlace::Recall => self.recalled_message(message),
        }
    }

    pub(super) fn free_place(&self, place: LeftPlace) {
        match place {
            LeftPlace::Landing(index) => self.left.finish_landing(index),
            LeftPlace::Response(index) => {
                if let Some(slot) = self.left.response(index) {
                    slot.set_state(SlotState::Armed);
                }
            }
            LeftPlace::Recall => self.left.finish_landing(self.left.recall()),
        }
    }
}

fn left_answer(place: LeftPlace, slot: &SlotHeader) -> Option<LeftAnswer> {
    let in_doubt = match slot.state() {
        Some(SlotState::Ready) => slot.in_doubt.load(Ordering::Relaxed) != 0 && matches!(place, LeftPlace::Response(_)),
        Some(SlotState::Sending) => true,
        _ => return None,
    };
    Some(LeftAnswer {
        place,
        client: slot.client(),
        sequence: slot.sequence.load(Ordering::Relaxed),
        received_at_ns: slot.received_at_ns.load(Ordering::Relaxed),
        msqid: slot.msqid.load(Ordering::Relaxed),
        in_doubt,
    })
}
