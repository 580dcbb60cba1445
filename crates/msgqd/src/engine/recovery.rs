//! Finishing what an earlier daemon had in hand when it died, from the table that it left.
//!
//! Runs once, before any thread of the engine, by whoever knows that the earlier daemon is dead. Every slot of the
//! earlier table is finished according to its state:
//!
//! ```text
//! ARMED     empty; a message in a landing slot was just received: as RECEIVED
//! RECEIVED  handled again, or answered with an error if `on_crash` says so or it was in hand at three crashes: READY
//! READY     taken over into the outbox
//! SENDING   judged by what the kernel still shows, see `doubt`
//! OFFERED   in the queue or read: nothing to do; taken back into the recall slot: READY
//! ```
//!
//! Progress is written into the earlier table as it is made, and the new table replaces it at the very end. So a daemon
//! that is killed here leaves either the earlier table with what is still to do, or the new one with all of it.

mod doubt;
mod rerun;

pub(super) use doubt::request_waits;

use super::post::{self, Letter, Origin};
use super::shared::Shared;
use doubt::QueueView;
use msgq_core::config::OnCrash;
use msgq_core::identity::{ClientHandle, ClientPid};
use msgq_core::inflight::{Counters, Phase, RESPONSE_MESSAGE_LEN, SlotHeader, SlotState, Table};
use msgq_core::queue::Queue;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

/// What recovery works with.
struct Recovery<'a> {
    shared: &'a Shared,
    left: &'a Table,
    on_crash: OnCrash,
    /// Who the clients were that the earlier daemon watched.
    identities: HashMap<i32, u64>,
    queue: Queue,
}

/// Where an answer stands in the earlier table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Landing(usize),
    Response(u32),
    Recall,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    place: Place,
    client: i32,
    sequence: u64,
    received_at_ns: u64,
    msqid: i32,
    /// Its daemon died while it sent it.
    doubtful: bool,
}

/// Finishes what is in `left`.
pub(super) fn recover(shared: &Shared, left: &Table, on_crash: OnCrash) {
    let clients = (0..left.geometry().clients).filter_map(|index| left.client(index)?.get());
    let recovery = Recovery { shared, left, on_crash, identities: clients.collect(), queue: shared.queue() };
    recovery.run();
    let in_order = left.header().phase() == Some(Phase::Ended);
    report(shared, if in_order { log::Level::Info } else { log::Level::Warn });
}

fn report(shared: &Shared, level: log::Level) {
    let books = shared.table.counted();
    let numbers = [
        (books.recovered_rerun, "run again"),
        (books.recovered_refused, "answered with an error"),
        (books.recovered, "answers to send"),
        (books.recovered_delivered, "judged as sent"),
        (books.recovered_gone, "of dead clients"),
        (books.recovered_ambiguous, "ambiguous"),
    ];
    if numbers.iter().any(|(number, _)| *number > 0) {
        let words: Vec<String> = numbers.iter().map(|(number, word)| format!("{number} {word}")).collect();
        log::log!(level, "recovered what an earlier server had in hand: {}", words.join(", "));
    }
}

impl Recovery<'_> {
    fn run(&self) {
        self.settle_recall();
        self.shared.continue_after(self.newest_sequence());
        rerun::requests(self);
        let mut items = self.items();
        // In the order of receipt; what was adopted carries no number of its own, and is in the order of adoption.
        items.sort_by_key(|item| (item.sequence, item.received_at_ns));
        let view = QueueView::look(&self.queue);
        let mut asking = HashSet::new();
        let later: Vec<bool> = items.iter().rev().map(|item| !asking.insert(item.client)).collect();
        for (item, asked_again) in items.iter().zip(later.into_iter().rev()) {
            self.finish(item, &view, asked_again);
        }
    }

    fn landings(&self) -> impl Iterator<Item = (usize, &SlotHeader)> {
        (0..self.left.geometry().workers).filter_map(|index| Some((index, self.left.landing(index)?)))
    }

    fn responses(&self) -> impl Iterator<Item = (u32, &SlotHeader)> {
        (0..self.left.geometry().capacity).filter_map(|index| Some((index, self.left.response(index)?)))
    }

    fn newest_sequence(&self) -> u64 {
        let landings = self.landings().map(|(_, slot)| slot);
        let sequences = landings.chain(self.responses().map(|(_, slot)| slot)).map(|slot| &slot.sequence);
        // The highest of all is that of an answer that was adopted behind an offer.
        sequences
            .map(|sequence| sequence.load(Ordering::Relaxed))
            .filter(|sequence| *sequence != u64::MAX)
            .max()
            .unwrap_or(0)
    }

    /// An offer that stands in the recall slot was taken out of the queue.
    fn settle_recall(&self) {
        let recall = self.left.recall();
        if self.left.landed_mtype(recall) == 0 {
            return;
        }
        let meant_for = self.left.landing(recall).map_or(0, |slot| slot.sequence.load(Ordering::Relaxed));
        let Some(slot) = meant_for.checked_sub(1).and_then(|slot| u32::try_from(slot).ok()) else { return };
        let Some(header) = self.left.response(slot) else { return };
        if header.state() == Some(SlotState::Offered) && self.is_recalled(slot) {
            header.set_state(SlotState::Ready);
        }
        if header.state() == Some(SlotState::Ready) && self.is_recalled(slot) {
            self.left.finish_landing(recall);
        }
    }

    fn is_recalled(&self, slot: u32) -> bool {
        let (mut stored, mut recalled) = ([0; RESPONSE_MESSAGE_LEN], [0; RESPONSE_MESSAGE_LEN]);
        let stored_len = self.left.read_response(slot, &mut stored);
        let recalled_len = self.recalled_message(&mut recalled);
        stored.get(..stored_len).is_some_and(|stored| recalled.get(..recalled_len) == Some(stored))
    }

    fn recalled_message(&self, message: &mut [u8; RESPONSE_MESSAGE_LEN]) -> usize {
        let recall = self.left.recall();
        let len = self.left.landed_len(recall);
        let Some((mtype, body)) = message.split_first_chunk_mut::<8>() else { return 0 };
        *mtype = self.left.landed_mtype(recall).to_ne_bytes();
        let is_there = body.get_mut(..len).is_some_and(|body| self.left.read_landed(recall, body));
        if is_there { 8 + len } else { 0 }
    }

    /// All answers that are not known to be in the queue or with their client.
    fn items(&self) -> Vec<Item> {
        let mut items: Vec<Item> =
            self.responses().filter_map(|(index, slot)| item(Place::Response(index), slot)).collect();
        let stored: HashSet<(i32, u64)> = items.iter().map(|item| (item.client, item.sequence)).collect();
        let landed = self.landings().filter_map(|(index, slot)| item(Place::Landing(index), slot));
        items.extend(landed.filter(|item| !stored.contains(&(item.client, item.sequence))));
        let mtype = self.left.landed_mtype(self.left.recall());
        if let Ok(client @ 2..) = i32::try_from(mtype) {
            let msqid = self.left.header().msqid();
            // Behind all else that was adopted, and before what was received.
            items.push(Item {
                place: Place::Recall,
                client,
                sequence: 0,
                received_at_ns: super::shared::now_ns(),
                msqid,
                doubtful: false,
            });
        }
        items
    }

    fn finish(&self, item: &Item, view: &QueueView, asked_again: bool) {
        let counters = self.shared.counters();
        if item.msqid != self.queue.id() {
            // Its queue was removed, so its client got EIDRM.
            return self.free(item.place);
        }
        let Some(client) = ClientPid::new(item.client).filter(|client| self.is_same(*client)) else {
            Counters::add(&counters.recovered_gone);
            return self.free(item.place);
        };
        let mut message = [0; RESPONSE_MESSAGE_LEN];
        let len = self.message(item.place, &mut message);
        let message = message.get(..len).unwrap_or_default();
        let doubtful = item.doubtful
            && match doubt::settle(self, view, client, message, asked_again) {
                doubt::Verdict::Delivered => return self.free(item.place),
                doubt::Verdict::Open => true,
            };
        let Some(generation) = self.shared.clients.find(client) else {
            Counters::add(&counters.recovered_gone);
            return self.free(item.place);
        };
        Counters::add(&counters.recovered);
        let letter = Letter {
            client,
            generation,
            sequence: item.sequence,
            received_at_ns: item.received_at_ns,
            queue: self.queue,
            message,
            origin: Origin::Earlier { doubtful },
        };
        post::post(self.shared, &letter);
    }

    fn message(&self, place: Place, message: &mut [u8; RESPONSE_MESSAGE_LEN]) -> usize {
        match place {
            Place::Landing(index) => self.left.read_landing_response(index, message),
            Place::Response(index) => self.left.read_response(index, message),
            Place::Recall => self.recalled_message(message),
        }
    }

    fn free(&self, place: Place) {
        match place {
            Place::Landing(index) => self.left.finish_landing(index),
            Place::Response(index) => {
                if let Some(slot) = self.left.response(index) {
                    slot.set_state(SlotState::Armed);
                }
            }
            Place::Recall => self.left.finish_landing(self.left.recall()),
        }
    }

    /// True when the client that asked lives. One that the earlier daemon had not yet taken hold of is known by its
    /// number alone: it asked within the last moments before the crash.
    fn is_same(&self, client: ClientPid) -> bool {
        let Ok(Some(handle)) = ClientHandle::open(client) else { return false };
        match (self.identities.get(&client.get()), handle.identity()) {
            (Some(before @ 1..), Some(now)) => *before == now,
            _ => true,
        }
    }
}

fn item(place: Place, slot: &SlotHeader) -> Option<Item> {
    let doubtful = match slot.state() {
        Some(SlotState::Ready) => slot.doubtful.load(Ordering::Relaxed) != 0 && matches!(place, Place::Response(_)),
        Some(SlotState::Sending) => true,
        _ => return None,
    };
    Some(Item {
        place,
        client: slot.client(),
        sequence: slot.sequence.load(Ordering::Relaxed),
        received_at_ns: slot.received_at_ns.load(Ordering::Relaxed),
        msqid: slot.msqid.load(Ordering::Relaxed),
        doubtful,
    })
}
