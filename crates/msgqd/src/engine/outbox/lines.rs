//! In what order answers wait, and who pays at the limit. Pure bookkeeping over slot numbers: no system call, no clock,
//! no memory of the table. Called by the outbox alone, which holds the one lock around it.
//!
//! Each client with something waiting has a *line*. Order within a line is the order in which the requests were
//! received. Between lines the courier goes round: one answer of each client at a time. A line is in one phase:
//!
//! ```text
//! Ready      its head may be sent; the line stands in the round
//! Sending    the courier has its head in the send call
//! Offered    its head rests in the queue; nothing else of it is sent, so taking it back cannot change the order
//! Parked     nothing is to be done before a moment
//! ```
//!
//! Whoever changes a phase through this room changes the round with it, so that the two cannot disagree.

mod chain;
mod line;
mod payers;
mod rounds;

pub(super) use line::LinePhase;
pub(super) use payers::Asker;
pub(super) use rounds::Standing;

use chain::Links;
use line::Line;
use msgq_core::process::ClientNumber;
use payers::Payers;
use rounds::Rounds;
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// What [`Lines::admit`] decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotGrant {
    /// Use this slot.
    Slot(u32),
    /// Use this slot, after the newest answer of another client was dropped from it.
    Instead {
        /// The slot, now free for use.
        slot: u32,
        /// Who lost its newest answer.
        victim: ClientNumber,
        /// How many answers that client holds now.
        held: u32,
    },
    /// There is no room, and no other client holds more than this one: the new answer is the one to drop.
    Refused {
        /// How many answers this client holds.
        held: u32,
    },
}

/// All lines, and the slots that stand in none.
#[derive(Debug)]
pub(super) struct Lines {
    lines: HashMap<ClientNumber, Line>,
    payers: Payers,
    links: Links,
    capacity: usize,
    free: Vec<u32>,
    rounds: Rounds,
    /// Lines that are set aside, by their moments.
    parked: BTreeSet<(Instant, ClientNumber)>,
    /// After a silent client for which there was no room none has a turn until then.
    silent_again_at: Option<Instant>,
    offers: Vec<ClientNumber>,
    /// Where among the offers the next look begins.
    next_offer: usize,
}

impl Lines {
    /// An empty outbox over `capacity` slots.
    pub(super) fn new(capacity: u32) -> Self {
        let room = usize::try_from(capacity).unwrap_or(usize::MAX);
        Self {
            lines: HashMap::with_capacity(room),
            payers: Payers::default(),
            links: Links::new(room),
            capacity: room,
            free: (0..capacity).rev().collect(),
            rounds: Rounds::default(),
            parked: BTreeSet::new(),
            silent_again_at: None,
            offers: Vec::new(),
            next_offer: 0,
        }
    }

    /// At most `limit` clients whose answer rests in the queue, with its slot and since when; each time the next ones.
    pub(super) fn next_offers(&mut self, limit: usize) -> Vec<(ClientNumber, u32, Instant)> {
        let count = self.offers.len();
        let start = if self.next_offer < count { self.next_offer } else { 0 };
        self.next_offer = start + limit;
        let offer = |client: &ClientNumber| match self.phase(*client) {
            Some(LinePhase::Offered { slot, since }) => Some((*client, slot, since)),
            _ => None,
        };
        self.offers.iter().skip(start).take(limit).filter_map(offer).collect()
    }

    /// How many answers rest in the queue.
    pub(super) fn offer_count(&self) -> usize {
        self.offers.len()
    }

    /// True when the next answer can only be admitted in place of another.
    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Slots in use.
    pub(super) fn len(&self) -> usize {
        self.capacity - self.free.len()
    }

    /// Clients with something waiting.
    pub(super) fn client_count(&self) -> usize {
        self.lines.len()
    }

    /// True when nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// True when a line could be sent now.
    pub(super) fn has_ready(&self) -> bool {
        self.has_ready_reader() || self.rounds.has(Standing::Silent)
    }

    /// True when a line of a client that is not silent could be sent now.
    pub(super) fn has_ready_reader(&self) -> bool {
        self.has_ready_reader_who_may(|_| true)
    }

    /// The same, of those whose standing `may_go`.
    pub(super) fn has_ready_reader_who_may(&self, may_go: impl Fn(Standing) -> bool) -> bool {
        [Standing::Reader, Standing::Newcomer].into_iter().any(|standing| may_go(standing) && self.rounds.has(standing))
    }

    /// True when the client leaves its answers unread.
    pub(super) fn is_silent(&self, client: ClientNumber) -> bool {
        self.lines.get(&client).is_some_and(Line::is_silent)
    }

    /// False for a while after one of the silent found no room.
    pub(super) fn may_try_silent(&self, now: Instant) -> bool {
        self.silent_again_at.is_none_or(|moment| now >= moment)
    }

    /// There was no room for a silent client: a contest for the next one would cost a CPU.
    pub(super) fn try_no_silent_before(&mut self, moment: Instant) {
        self.silent_again_at = Some(moment);
    }

    /// Clients with something waiting, and how many answers each holds.
    pub(super) fn lines(&self) -> impl Iterator<Item = (ClientNumber, u32, LinePhase)> + '_ {
        self.lines.iter().map(|(client, line)| (*client, line.held, line.phase))
    }

    /// The phase of a client's line; `None` when nothing waits for it.
    pub(super) fn phase(&self, client: ClientNumber) -> Option<LinePhase> {
        self.lines.get(&client).map(|line| line.phase)
    }

    /// Who would pay for one more answer of the one who asks at this moment if there were no room.
    pub(super) fn payer(&mut self, asker: &Asker, now: Instant) -> Option<ClientNumber> {
        self.payers.payer(asker, now)
    }

    /// A look showed that nothing rests in the queue for this client. While it has a line only the courier sends to it, so
    /// that this holds until the next offer.
    pub(super) fn note_nothing_rests(&mut self, client: ClientNumber) {
        if let Some(line) = self.lines.get_mut(&client) {
            line.nothing_rests = true;
        }
    }

    /// A look showed that an answer of this client rests in the queue, where it could have read it.
    pub(super) fn note_rests(&mut self, client: ClientNumber, now: Instant) {
        if let Some(line) = self.lines.get_mut(&client) {
            line.rested_since.get_or_insert(now);
            self.payers.note(client, Some(line));
        }
    }

    /// True when it is known that nothing rests in the queue for this client.
    pub(super) fn nothing_rests(&self, client: ClientNumber) -> bool {
        self.lines.get(&client).is_some_and(|line| line.nothing_rests)
    }

    /// How many answers of this client are here, the one that is sent or offered included.
    pub(super) fn held(&self, client: ClientNumber) -> u32 {
        self.lines.get(&client).map_or(0, |line| line.held)
    }

    /// True when the client's line begins before the request of this number, or what its head was is on its way or rests.
    pub(super) fn holds_earlier(&self, client: ClientNumber, sequence: u64) -> bool {
        let Some(line) = self.lines.get(&client) else { return false };
        let is_out = matches!(line.phase, LinePhase::Sending(_) | LinePhase::Offered { .. });
        is_out || line.chain.first().is_some_and(|head| self.links.sequence(head) < sequence)
    }

    /// Finds a slot for one more answer of the one who asks. At the limit somebody loses its newest answer: see [`payers`].
    pub(super) fn admit(&mut self, asker: &Asker, now: Instant) -> SlotGrant {
        if let Some(slot) = self.free.pop() {
            return SlotGrant::Slot(slot);
        }
        let payer = self.payer(asker, now);
        match payer.and_then(|victim| Some((victim, self.newest_to_drop(victim)?))) {
            Some((victim, slot)) => {
                self.unlink(victim, slot);
                SlotGrant::Instead { slot, victim, held: self.held(victim) }
            }
            None => SlotGrant::Refused { held: self.held(asker.client) },
        }
    }

    /// The newest answer of a client, unless its parts have begun to go out: it is the only one then.
    fn newest_to_drop(&self, victim: ClientNumber) -> Option<u32> {
        let line = self.lines.get(&victim)?;
        let last = line.chain.last()?;
        (!line.has_started || line.chain.first() != Some(last)).then_some(last)
    }

    /// A part of the answer in this slot, which was sent or offered, has reached its client: it is the head of its line again,
    /// for the next part.
    pub(super) fn part_delivered(&mut self, client: ClientNumber, slot: u32, sequence: u64) {
        let Some(line) = self.lines.get_mut(&client) else { return };
        (line.unread, line.has_read, line.has_started) = (0, true, true);
        self.links.insert_first(&mut line.chain, slot, sequence);
        self.set_phase(client, LinePhase::Ready);
    }

    /// Puts an admitted slot into the line of the one who asked, by the number of its request.
    pub(super) fn insert(&mut self, asker: &Asker, slot: u32, sequence: u64) {
        let Asker { client, owner, has_read } = *asker;
        let Self { lines, links, rounds, payers, .. } = self;
        let line = lines.entry(client).or_insert_with(|| {
            let line = Line::new(owner, has_read);
            rounds.push(line.standing(), owner, client);
            line
        });
        if has_read && !line.has_read {
            let before = line.standing();
            line.has_read = true;
            if line.phase == LinePhase::Ready {
                rounds.remove(before, line.owner, client);
                rounds.push(line.standing(), line.owner, client);
            }
        }
        line.held += 1;
        links.insert_by_sequence(&mut line.chain, slot, sequence);
        payers.note(client, Some(line));
        // Another request is no sign that an answer would be read, once one was not.
        let was_unread = line.unread > 0;
        if matches!(self.phase(client), Some(LinePhase::Parked(_))) && !was_unread {
            self.set_phase(client, LinePhase::Ready);
        }
    }

    /// Gives back an admitted or dropped slot that stands in no line.
    pub(super) fn free_slot(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// The next line in turn among those whose standing `may_go`: its head leaves the line for the send call. `may_send` says
    /// whether this head may be sent now; a line whose head may not is parked until `retry_at`.
    pub(super) fn take_next(
        &mut self,
        may_go: impl Fn(Standing) -> bool,
        mut may_send: impl FnMut(ClientNumber, u64) -> bool,
        retry_at: Instant,
    ) -> Option<(ClientNumber, u32)> {
        while let Some(client) = self.rounds.pop(&may_go) {
            let Some(head) = self.lines.get(&client).and_then(|line| line.chain.first()) else { continue };
            if may_send(client, self.links.sequence(head)) {
                self.detach(client, head);
                self.put_phase(client, LinePhase::Sending(head));
                return Some((client, head));
            }
            self.put_phase(client, LinePhase::Parked(retry_at));
        }
        None
    }

    /// The slot that was sent or offered has reached its client: it is free. True when the line ended with it.
    pub(super) fn delivered(&mut self, client: ClientNumber, slot: u32) -> bool {
        self.free_slot(slot);
        let Some(line) = self.lines.get_mut(&client) else { return true };
        line.held -= 1;
        (line.unread, line.has_read, line.has_started) = (0, true, false);
        if line.chain.is_empty() {
            self.remove_line(client);
            return true;
        }
        self.set_phase(client, LinePhase::Ready);
        false
    }

    /// The slot that was sent rests in the queue now.
    pub(super) fn offered(&mut self, client: ClientNumber, slot: u32, now: Instant) {
        if let Some(line) = self.lines.get_mut(&client) {
            line.nothing_rests = false;
            line.rested_since.get_or_insert(now);
        }
        self.set_phase(client, LinePhase::Offered { slot, since: now });
    }

    /// The slot that was taken for the send call was not sent: it is the head of its line again until `retry_at`.
    pub(super) fn not_sent(&mut self, client: ClientNumber, slot: u32, sequence: u64, retry_at: Instant) {
        if let Some(line) = self.lines.get_mut(&client) {
            self.links.insert_first(&mut line.chain, slot, sequence);
        }
        self.set_phase(client, LinePhase::Parked(retry_at));
    }

    /// The slot that was sent or offered is back: it is the head of its line again, and is offered after a pause.
    pub(super) fn taken_back(&mut self, client: ClientNumber, slot: u32, sequence: u64, now: Instant) {
        let Some(line) = self.lines.get_mut(&client) else { return };
        let pause = line.pause();
        line.unread = line.unread.saturating_add(1);
        self.not_sent(client, slot, sequence, now + pause);
    }

    /// The slot that was taken for the send call found its client's own queue full: it is the head of its line again, which is
    /// set aside for longer with each time in a row. True the first time.
    pub(super) fn set_aside(&mut self, client: ClientNumber, slot: u32, sequence: u64, now: Instant) -> bool {
        let Some(line) = self.lines.get_mut(&client) else { return false };
        let (pause, is_first) = (line.pause_of_full_queue(), line.unread == 0);
        line.unread = line.unread.saturating_add(1);
        line.rested_since.get_or_insert(now);
        self.not_sent(client, slot, sequence, now + pause);
        is_first
    }

    /// Leaves an offered answer in the queue for good, as nobody waits for its place: its slot is free, and its line
    /// ends. False, and nothing is changed, when more waits in the line.
    pub(super) fn let_rest(&mut self, client: ClientNumber, slot: u32) -> bool {
        match self.lines.get(&client) {
            Some(line) if line.chain.is_empty() => self.delivered(client, slot),
            _ => false,
        }
    }

    /// Puts parked lines whose moment has come back into the round; returns the earliest moment of those that remain.
    pub(super) fn wake_parked(&mut self, now: Instant) -> Option<Instant> {
        while let Some((_, client)) = self.parked.first().copied().filter(|(until, _)| *until <= now) {
            self.parked.pop_first();
            self.set_phase(client, LinePhase::Ready);
        }
        self.earliest_parked()
    }

    /// When the first of the parked lines is due.
    pub(super) fn earliest_parked(&self) -> Option<Instant> {
        self.parked.first().map(|(until, _)| *until)
    }

    /// Ends a client's line and frees its slots, but for the one in the send call, which its sender frees. Returns the
    /// slots that were freed.
    pub(super) fn drop_line(&mut self, client: ClientNumber) -> Vec<u32> {
        let mut slots = self.waiting(client);
        if let Some(LinePhase::Offered { slot, .. }) = self.phase(client) {
            slots.push(slot);
        }
        self.free.extend(&slots);
        self.remove_line(client);
        slots
    }

    /// The slots of a client that wait in its line, oldest first.
    pub(super) fn waiting(&self, client: ClientNumber) -> Vec<u32> {
        self.lines.get(&client).map_or_else(Vec::new, |line| self.links.slots(&line.chain).collect())
    }

    /// Drops one waiting slot of a client's line and frees it. True when the line ended with it.
    pub(super) fn drop_slot(&mut self, client: ClientNumber, slot: u32) -> bool {
        self.unlink(client, slot);
        self.free_slot(slot);
        !self.lines.contains_key(&client)
    }

    /// Takes a slot out of its line; the line still counts it as held.
    fn detach(&mut self, client: ClientNumber, slot: u32) {
        if let Some(line) = self.lines.get_mut(&client) {
            self.links.remove(&mut line.chain, slot);
        }
    }

    /// Takes a slot out of its line for good; a line with nothing left ends.
    fn unlink(&mut self, client: ClientNumber, slot: u32) {
        self.detach(client, slot);
        let Some(line) = self.lines.get_mut(&client) else { return };
        line.held -= 1;
        self.payers.note(client, Some(line));
        if line.held == 0 {
            self.remove_line(client);
        }
    }

    fn put_phase(&mut self, client: ClientNumber, phase: LinePhase) {
        if let Some(line) = self.lines.get_mut(&client) {
            let before = std::mem::replace(&mut line.phase, phase);
            self.payers.note(client, Some(line));
            self.note_parking(client, before, phase);
        }
    }

    fn note_parking(&mut self, client: ClientNumber, before: LinePhase, after: LinePhase) {
        if let LinePhase::Parked(until) = before {
            self.parked.remove(&(until, client));
        }
        if let LinePhase::Parked(until) = after {
            self.parked.insert((until, client));
        }
    }

    fn set_phase(&mut self, client: ClientNumber, phase: LinePhase) {
        let Some(line) = self.lines.get_mut(&client) else { return };
        let (before, after) = (line.phase, phase);
        line.phase = phase;
        self.payers.note(client, Some(line));
        match (before == LinePhase::Ready, after == LinePhase::Ready) {
            (false, true) => self.rounds.push(line.standing(), line.owner, client),
            (true, false) => self.rounds.remove(line.standing(), line.owner, client),
            _ => {}
        }
        match (matches!(before, LinePhase::Offered { .. }), matches!(after, LinePhase::Offered { .. })) {
            (false, true) => self.offers.push(client),
            (true, false) => self.offers.retain(|other| *other != client),
            _ => {}
        }
        self.note_parking(client, before, after);
    }

    fn remove_line(&mut self, client: ClientNumber) {
        let moment = Instant::now();
        self.set_phase(client, LinePhase::Parked(moment));
        self.parked.remove(&(moment, client));
        self.lines.remove(&client);
        self.payers.note(client, None);
    }
}

#[cfg(test)]
mod tests;
