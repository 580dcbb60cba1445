//! Putting answers into the outbox, and the fate of those that the courier offered. All under the outbox's lock.

use super::clients::{Generation, wait_for_direct_sends};
use super::outbox::{Admission, Outbox, Phase};
use super::shared::{Shared, now_ns};
use super::test_switches::kill_point;
use crate::handler::Reply;
use msgq_core::frame::{BODY_LEN_LP64, Response, is_response_len};
use msgq_core::identity::ClientPid;
use msgq_core::inflight::{Counters, RESPONSE_MESSAGE_LEN, SlotHeader, SlotState};
use msgq_core::queue::Queue;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An answer on its way into the outbox.
pub(super) struct Letter<'a> {
    pub(super) client: ClientPid,
    pub(super) generation: Generation,
    pub(super) sequence: u64,
    pub(super) received_at_ns: u64,
    pub(super) queue: Queue,
    /// mtype and body.
    pub(super) message: &'a [u8],
    pub(super) origin: Origin,
}

/// Where an answer stands in the table until it stands in a response slot.
///
/// A daemon that is killed in between leaves it in both, and must leave it in one at least. So its first place is given
/// up last, but still under the outbox's lock: the courier cannot have sent the answer by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A worker's landing slot. The two are recognised as one by the number of the request.
    Landing(usize),
    /// The recall slot. It names the response slot.
    Recall,
    /// The table of an earlier daemon.
    Earlier {
        /// Its daemon died while it sent it.
        doubtful: bool,
    },
}

/// Puts mtype and body together.
pub(super) fn framed<'a>(message: &'a mut [u8; RESPONSE_MESSAGE_LEN], client: ClientPid, body: &[u8]) -> &'a [u8] {
    let mtype = client.as_mtype().to_ne_bytes();
    let len = mtype.len() + body.len();
    let Some((first, rest)) = message.split_first_chunk_mut() else { return &[] };
    *first = mtype;
    if let Some(rest) = rest.get_mut(..body.len()) {
        rest.copy_from_slice(body);
    }
    message.get(..len).unwrap_or_default()
}

/// Makes the message that carries a reply, over whatever stands in `message`.
pub(super) fn response_message<'a>(
    message: &'a mut [u8; RESPONSE_MESSAGE_LEN],
    client: ClientPid,
    reply: &Reply,
    response_len: usize,
) -> &'a [u8] {
    let Some((first, body)) = message.split_first_chunk_mut() else { return &[] };
    *first = client.as_mtype().to_ne_bytes();
    let Some(body) = body.first_chunk_mut() else { return &[] };
    let len = first.len() + Response::write(body, reply.status(), reply.text(), response_len);
    message.get(..len).unwrap_or_default()
}

/// How long an offer may rest while others wait for room.
const REST_LIMIT: Duration = Duration::from_millis(20);
/// How long an offer must rest, while nobody waits, until it is left in the queue for good.
const SETTLE_TIME: Duration = Duration::from_millis(200);
/// Most messages of one client that are taken out of the queue at a time.
const ADOPT_LIMIT: usize = 65_536;

/// Stores a letter and lets the courier know.
pub(super) fn post(shared: &Shared, letter: &Letter<'_>) {
    let mut outbox = shared.outbox();
    if outbox.is_full() {
        settle(shared, &mut outbox);
    }
    store(shared, &mut outbox, letter);
    if let Origin::Landing(index) = letter.origin {
        kill_point("posting");
        shared.table.finish_landing(index);
    }
    shared.note_backlog(&outbox);
    drop(outbox);
    shared.wake_courier();
    shared.alarm_janitor();
}

/// Frees the slots of offers that were read meanwhile. Before anybody pays at the limit: a client in a closed loop may
/// have read its offer without anybody noticing, and would be taken for one with two answers.
fn settle(shared: &Shared, outbox: &mut Outbox) {
    for (client, slot, _) in outbox.offers() {
        let Some(header) = shared.table.response(slot) else { continue };
        let queue = shared.queue_with_id(header.msqid.load(Ordering::Relaxed));
        if matches!(queue.rests(client.as_mtype()), Ok(false)) {
            delivered(shared, outbox, client, slot);
        }
    }
}

/// The caller has looked at the offers if the outbox is full: see [`settle`].
fn store(shared: &Shared, outbox: &mut Outbox, letter: &Letter<'_>) {
    let (client, counters) = (letter.client, shared.counters());
    // Under the lock: a death is noted before the dead client's line is dropped, so a letter for a dead client is
    // either refused here or dropped there.
    if shared.clients.generation(client) != letter.generation {
        Counters::add(&counters.client_gone);
        return;
    }
    let slot = match outbox.admit(client) {
        Admission::Slot(slot) => slot,
        Admission::Instead { slot, victim, held } => {
            shed(shared, victim, held + 1);
            slot
        }
        Admission::Refused { held } => {
            shed(shared, client, held + 1);
            return;
        }
    };
    let Some(header) = shared.table.response(slot) else { return };
    header.set_client(client.get());
    header.sequence.store(letter.sequence, Ordering::Relaxed);
    header.received_at_ns.store(letter.received_at_ns, Ordering::Relaxed);
    header.generation.store(letter.generation.number(), Ordering::Relaxed);
    header.msqid.store(letter.queue.id(), Ordering::Relaxed);
    header.doubtful.store(u32::from(letter.origin == Origin::Earlier { doubtful: true }), Ordering::Relaxed);
    header.set_body_len(letter.message.len().saturating_sub(8));
    shared.table.write_response(slot, letter.message);
    if letter.origin == Origin::Recall {
        announce_recall(shared, Some(slot));
    }
    header.set_state(SlotState::Ready);
    shared.clients.hold(client);
    outbox.insert(client, slot, letter.sequence);
}

fn shed(shared: &Shared, victim: ClientPid, held: u32) {
    Counters::add(&shared.counters().shed);
    shared.events.shed.warn(|| {
        format!(
            "dropped the newest answer of client {victim}: the outbox is full (outbox_capacity = {}) and this client \
             holds the most, {held} answers that it does not read; see whether it hangs, or raise outbox_capacity",
            shared.settings.outbox_capacity
        )
    });
}

/// Notes in the recall slot for which response slot its message is meant.
fn announce_recall(shared: &Shared, slot: Option<u32>) {
    if let Some(recall) = shared.table.landing(shared.table.recall()) {
        recall.sequence.store(slot.map_or(0, |slot| u64::from(slot) + 1), Ordering::SeqCst);
    }
}

/// The answer in `slot` has ended; the line may have.
pub(super) fn delivered(shared: &Shared, outbox: &mut Outbox, client: ClientPid, slot: u32) {
    Counters::add(&shared.counters().answered_late);
    if let Some(header) = shared.table.response(slot) {
        shared.table.books().record_latency(now_ns().saturating_sub(header.received_at_ns.load(Ordering::Relaxed)));
        header.set_state(SlotState::Armed);
    }
    if outbox.delivered(client, slot) {
        shared.clients.let_go(client);
    }
}

/// Looks what became of every offer: read, still resting, to be taken back, or expired.
pub(super) fn check_offers(shared: &Shared, outbox: &mut Outbox) {
    let others_wait = shared.others_wait(outbox);
    for (client, slot, since) in outbox.offers() {
        let Some(header) = shared.table.response(slot) else { continue };
        let queue = shared.queue_with_id(header.msqid.load(Ordering::Relaxed));
        match queue.rests(client.as_mtype()) {
            Ok(false) => delivered(shared, outbox, client, slot),
            Ok(true) if others_wait && since.elapsed() >= REST_LIMIT => {
                take_back(shared, outbox, client, slot, &queue);
            }
            Ok(true) if !others_wait && since.elapsed() >= SETTLE_TIME && outbox.let_rest(client, slot) => {
                Counters::add(&shared.counters().answered_late);
                header.set_state(SlotState::Armed);
                shared.clients.let_go(client);
            }
            // Gone with its queue: whoever makes the queue anew empties the outbox.
            _ => {}
        }
    }
}

/// Takes the offer in `slot` out of the queue, through the recall slot: what is killed in between shows there whether
/// the client or this daemon has it.
fn take_back(shared: &Shared, outbox: &mut Outbox, client: ClientPid, slot: u32, queue: &Queue) {
    let recall = shared.table.recall();
    announce_recall(shared, Some(slot));
    match shared.table.try_receive(recall, queue, client.as_mtype()) {
        Ok(Some(length)) if is_recalled_body_of(shared, slot, length) => {
            kill_point("taking-back");
            Counters::add(&shared.counters().recalled);
            let Some(header) = shared.table.response(slot) else { return };
            header.set_state(SlotState::Ready);
            outbox.taken_back(client, slot, header.sequence.load(Ordering::Relaxed), Instant::now());
        }
        Ok(Some(_)) => Counters::add(&shared.counters().orphans_junk),
        Ok(None) => delivered(shared, outbox, client, slot),
        Err(_) => {}
    }
    shared.table.finish_landing(recall);
}

/// Takes one answer of this client back that was offered a moment ago and rests; true when it was there.
pub(super) fn withdraw(shared: &Shared, client: ClientPid, queue: &Queue) -> bool {
    let recall = shared.table.recall();
    announce_recall(shared, None);
    let taken = matches!(shared.table.try_receive(recall, queue, client.as_mtype()), Ok(Some(_)));
    shared.table.finish_landing(recall);
    taken
}

fn recalled<'a>(shared: &Shared, body: &'a mut [u8; BODY_LEN_LP64], length: usize) -> Option<&'a [u8]> {
    let body = body.get_mut(..length)?;
    shared.table.read_landed(shared.table.recall(), body).then_some(body)
}

fn is_recalled_body_of(shared: &Shared, slot: u32, length: usize) -> bool {
    let mut message = [0; RESPONSE_MESSAGE_LEN];
    let len = shared.table.read_response(slot, &mut message);
    let mut body = [0; BODY_LEN_LP64];
    message.get(8..len).is_some_and(|stored| recalled(shared, &mut body, length) == Some(stored))
}

/// Takes all that rests in the queue for a living client into its line, in order. Called when others wait for room.
///
/// HELD is set and direct sends are waited for first, so nothing new can be sent past what is being taken. What cannot
/// be excluded is that the client wakes up and reads in the few microseconds between two of the takes; it then gets
/// the later answer first. False while the courier has an answer of this client in the send call, which could land
/// between two takes: the caller calls it off first.
pub(super) fn adopt(shared: &Shared, client: ClientPid) -> bool {
    let mut outbox = shared.outbox();
    let mut offered = match outbox.phase(client) {
        Some(Phase::Sending(_)) => return false,
        Some(Phase::Offered { slot, .. }) => Some(slot),
        _ => None,
    };
    shared.clients.hold(client);
    wait_for_direct_sends(shared, client);
    let queue = shared.queue();
    // The courier offers only when nothing else rests. So what rests without an offer was sent before anything was
    // held, and is older than all in the line; what rests beside an offer was put there by somebody else, and goes last.
    let sequence = if offered.is_some() { u64::MAX } else { 0 };
    let recall = shared.table.recall();
    for _ in 0..ADOPT_LIMIT {
        announce_recall(shared, offered);
        let Ok(Some(length)) = shared.table.try_receive(recall, &queue, client.as_mtype()) else { break };
        if let Some(slot) = offered.take_if(|slot| is_recalled_body_of(shared, *slot, length)) {
            Counters::add(&shared.counters().recalled);
            let Some(header) = shared.table.response(slot) else { continue };
            header.set_state(SlotState::Ready);
            outbox.taken_back(client, slot, header.sequence.load(Ordering::Relaxed), Instant::now());
        } else if is_response_len(length) {
            Counters::add(&shared.counters().adopted);
            store_adopted(shared, &mut outbox, client, sequence, length);
        } else {
            Counters::add(&shared.counters().orphans_junk);
        }
        shared.table.finish_landing(recall);
    }
    shared.table.finish_landing(recall);
    if outbox.phase(client).is_none() {
        shared.clients.let_go(client);
    }
    drop(outbox);
    shared.wake_courier();
    true
}

fn store_adopted(shared: &Shared, outbox: &mut Outbox, client: ClientPid, sequence: u64, length: usize) {
    let mut body = [0; BODY_LEN_LP64];
    let Some(body) = recalled(shared, &mut body, length) else { return };
    let mut message = [0; RESPONSE_MESSAGE_LEN];
    let letter = Letter {
        client,
        generation: shared.clients.generation(client),
        sequence,
        received_at_ns: now_ns(),
        queue: shared.queue(),
        message: framed(&mut message, client, body),
        origin: Origin::Recall,
    };
    store(shared, outbox, &letter);
}

/// Drops a client's line and counts what was in it as `fate`; returns how many answers that were.
pub(super) fn drop_line(shared: &Shared, client: ClientPid, fate: &AtomicU64) -> usize {
    let mut outbox = shared.outbox();
    let dropped = outbox.drop_line(client);
    for header in dropped.iter().filter_map(|slot| shared.table.response(*slot)) {
        header.set_state(SlotState::Armed);
        Counters::add(fate);
    }
    dropped.len()
}

/// Drops everything: the queue it was meant for is gone.
pub(super) fn drop_all(shared: &Shared) {
    let clients: Vec<ClientPid> = shared.outbox().lines().map(|(client, ..)| client).collect();
    for client in clients {
        drop_line(shared, client, &shared.counters().queue_removed);
        shared.clients.let_go(client);
    }
}

/// Drops what waited for longer than `response_ttl`.
pub(super) fn expire(shared: &Shared) {
    let limit = u64::try_from(shared.response_ttl().as_nanos()).unwrap_or(u64::MAX);
    let now = now_ns();
    let is_old = |header: &SlotHeader| now.saturating_sub(header.received_at_ns.load(Ordering::Relaxed)) > limit;
    let mut outbox = shared.outbox();
    let clients: Vec<ClientPid> = outbox.lines().map(|(client, ..)| client).collect();
    for client in clients {
        for slot in outbox.waiting(client) {
            let Some(header) = shared.table.response(slot).filter(|header| is_old(header)) else { continue };
            Counters::add(&shared.counters().expired);
            header.set_state(SlotState::Armed);
            if outbox.drop_slot(client, slot) {
                shared.clients.let_go(client);
            }
            shared.events.expired.warn(|| {
                format!(
                    "dropped an answer that client {client} did not read within response_ttl_s = {}; see why it does \
                     not read (msgqctl explain {client}), or raise response_ttl_s",
                    limit / 1_000_000_000
                )
            });
        }
    }
}
