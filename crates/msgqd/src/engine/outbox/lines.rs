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

use chain::{Chain, Links};
use msgq_core::process::ClientPid;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// What is to be done with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinePhase {
    /// Its head may be sent.
    Ready,
    /// The courier has this slot in the send call.
    Sending(u32),
    /// This slot's answer rests in the queue.
    Offered {
        /// The slot.
        slot: u32,
        /// Since when it rests.
        since: Instant,
    },
    /// Nothing is to be done before this moment.
    Parked(Instant),
}

#[derive(Debug, Clone, Copy)]
struct Line {
    phase: LinePhase,
    chain: Chain,
    /// Slots in the line, the one that is sent or offered included.
    held: u32,
    /// Pause before the next offer, doubled with each one that was not read.
    pause: Duration,
}

impl Line {
    fn weight(&self) -> u32 {
        self.held - u32::from(matches!(self.phase, LinePhase::Sending(_)))
    }
}

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
        victim: ClientPid,
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
    lines: HashMap<ClientPid, Line>,
    links: Links,
    capacity: usize,
    free: Vec<u32>,
    round: VecDeque<ClientPid>,
    offers: Vec<ClientPid>,
}

/// Shortest and longest pause between two offers of the same answer.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Lines {
    /// An empty outbox over `capacity` slots.
    pub(super) fn new(capacity: u32) -> Self {
        let room = usize::try_from(capacity).unwrap_or(usize::MAX);
        Self {
            lines: HashMap::with_capacity(room),
            links: Links::new(room),
            capacity: room,
            free: (0..capacity).rev().collect(),
            round: VecDeque::with_capacity(room),
            offers: Vec::new(),
        }
    }

    /// Clients whose answer rests in the queue, oldest offer first, with its slot and since when.
    pub(super) fn offers(&self) -> Vec<(ClientPid, u32, Instant)> {
        let offer = |client: &ClientPid| match self.phase(*client) {
            Some(LinePhase::Offered { slot, since }) => Some((*client, slot, since)),
            _ => None,
        };
        self.offers.iter().filter_map(offer).collect()
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

    /// True when nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// True when a line could be sent now.
    pub(super) fn has_ready(&self) -> bool {
        !self.round.is_empty()
    }

    /// Clients with something waiting, and how many answers each holds.
    pub(super) fn lines(&self) -> impl Iterator<Item = (ClientPid, u32, LinePhase)> + '_ {
        self.lines.iter().map(|(client, line)| (*client, line.held, line.phase))
    }

    /// The phase of a client's line; `None` when nothing waits for it.
    pub(super) fn phase(&self, client: ClientPid) -> Option<LinePhase> {
        self.lines.get(&client).map(|line| line.phase)
    }

    /// Finds a slot for one more answer of `client`.
    ///
    /// At the limit the client that would hold the most loses its newest answer. A client with one answer is never the
    /// victim while another holds more, since then the other one would be the one with the most. What the courier has
    /// in the send call does not count: its client may have it already.
    pub(super) fn admit(&mut self, client: ClientPid) -> SlotGrant {
        if let Some(slot) = self.free.pop() {
            return SlotGrant::Slot(slot);
        }
        let own = self.lines.get(&client).map_or(0, Line::weight);
        let heaviest =
            self.lines.iter().filter(|(_, line)| !line.chain.is_empty()).max_by_key(|(_, line)| line.weight());
        match heaviest.and_then(|(other, line)| Some((*other, line.weight(), line.chain.last()?))) {
            Some((victim, weight, slot)) if weight > own + 1 => {
                self.unlink(victim, slot);
                SlotGrant::Instead { slot, victim, held: weight - 1 }
            }
            _ => SlotGrant::Refused { held: own },
        }
    }

    /// Puts an admitted slot into the client's line, by the number of its request.
    pub(super) fn insert(&mut self, client: ClientPid, slot: u32, sequence: u64) {
        let (line, links) = self.line(client);
        line.held += 1;
        links.insert_by_sequence(&mut line.chain, slot, sequence);
        if matches!(self.phase(client), Some(LinePhase::Parked(_))) {
            self.set_phase(client, LinePhase::Ready);
        }
    }

    /// Gives back an admitted or dropped slot that stands in no line.
    pub(super) fn free_slot(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// The next line of the round: its head leaves the line for the send call. `may_go` says whether this head may be
    /// sent now; a line whose head may not is parked until `retry_at`.
    pub(super) fn take_next(
        &mut self,
        mut may_go: impl FnMut(ClientPid, u64) -> bool,
        retry_at: Instant,
    ) -> Option<(ClientPid, u32)> {
        while let Some(client) = self.round.pop_front() {
            let Some(head) = self.lines.get(&client).and_then(|line| line.chain.first()) else { continue };
            if may_go(client, self.links.sequence(head)) {
                self.detach(client, head);
                self.put_phase(client, LinePhase::Sending(head));
                return Some((client, head));
            }
            self.put_phase(client, LinePhase::Parked(retry_at));
        }
        None
    }

    /// The slot that was sent or offered has reached its client: it is free. True when the line ended with it.
    pub(super) fn delivered(&mut self, client: ClientPid, slot: u32) -> bool {
        self.free_slot(slot);
        let Some(line) = self.lines.get_mut(&client) else { return true };
        line.held -= 1;
        line.pause = FIRST_PAUSE;
        if line.chain.is_empty() {
            self.remove_line(client);
            return true;
        }
        self.set_phase(client, LinePhase::Ready);
        false
    }

    /// The slot that was sent rests in the queue now.
    pub(super) fn offered(&mut self, client: ClientPid, slot: u32, now: Instant) {
        self.set_phase(client, LinePhase::Offered { slot, since: now });
    }

    /// The slot that was taken for the send call was not sent: it is the head of its line again until `retry_at`.
    pub(super) fn not_sent(&mut self, client: ClientPid, slot: u32, sequence: u64, retry_at: Instant) {
        if let Some(line) = self.lines.get_mut(&client) {
            self.links.insert_first(&mut line.chain, slot, sequence);
        }
        self.set_phase(client, LinePhase::Parked(retry_at));
    }

    /// The slot that was sent or offered is back: it is the head of its line again, and is offered after a pause.
    pub(super) fn taken_back(&mut self, client: ClientPid, slot: u32, sequence: u64, now: Instant) {
        let Some(line) = self.lines.get_mut(&client) else { return };
        let pause = line.pause;
        line.pause = (pause * 2).min(LONGEST_PAUSE);
        self.not_sent(client, slot, sequence, now + pause);
    }

    /// Leaves an offered answer in the queue for good, as nobody waits for its place: its slot is free, and its line
    /// ends. False, and nothing is changed, when more waits in the line.
    pub(super) fn let_rest(&mut self, client: ClientPid, slot: u32) -> bool {
        match self.lines.get(&client) {
            Some(line) if line.chain.is_empty() => self.delivered(client, slot),
            _ => false,
        }
    }

    /// Puts parked lines whose moment has come back into the round; returns the earliest moment of those that remain.
    pub(super) fn wake_parked(&mut self, now: Instant) -> Option<Instant> {
        let mut due = Vec::new();
        let mut next: Option<Instant> = None;
        for (client, line) in &self.lines {
            if let LinePhase::Parked(until) = line.phase {
                if until <= now && !line.chain.is_empty() {
                    due.push(*client);
                } else {
                    next = Some(next.map_or(until, |earliest| earliest.min(until)));
                }
            }
        }
        for client in due {
            self.set_phase(client, LinePhase::Ready);
        }
        next
    }

    /// Ends a client's line and frees its slots, but for the one in the send call, which its sender frees. Returns the
    /// slots that were freed.
    pub(super) fn drop_line(&mut self, client: ClientPid) -> Vec<u32> {
        let mut slots = self.waiting(client);
        if let Some(LinePhase::Offered { slot, .. }) = self.phase(client) {
            slots.push(slot);
        }
        self.free.extend(&slots);
        self.remove_line(client);
        slots
    }

    /// The slots of a client that wait in its line, oldest first.
    pub(super) fn waiting(&self, client: ClientPid) -> Vec<u32> {
        self.lines.get(&client).map_or_else(Vec::new, |line| self.links.slots(&line.chain).collect())
    }

    /// Drops one waiting slot of a client's line and frees it. True when the line ended with it.
    pub(super) fn drop_slot(&mut self, client: ClientPid, slot: u32) -> bool {
        self.unlink(client, slot);
        self.free_slot(slot);
        !self.lines.contains_key(&client)
    }

    fn line(&mut self, client: ClientPid) -> (&mut Line, &mut Links) {
        let Self { lines, links, round, .. } = self;
        let line = lines.entry(client).or_insert_with(|| {
            round.push_back(client);
            Line { phase: LinePhase::Ready, chain: Chain::default(), held: 0, pause: FIRST_PAUSE }
        });
        (line, links)
    }

    /// Takes a slot out of its line; the line still counts it as held.
    fn detach(&mut self, client: ClientPid, slot: u32) {
        if let Some(line) = self.lines.get_mut(&client) {
            self.links.remove(&mut line.chain, slot);
        }
    }

    /// Takes a slot out of its line for good; a line with nothing left ends.
    fn unlink(&mut self, client: ClientPid, slot: u32) {
        self.detach(client, slot);
        let Some(line) = self.lines.get_mut(&client) else { return };
        line.held -= 1;
        if line.held == 0 {
            self.remove_line(client);
        }
    }

    fn put_phase(&mut self, client: ClientPid, phase: LinePhase) {
        if let Some(line) = self.lines.get_mut(&client) {
            line.phase = phase;
        }
    }

    fn set_phase(&mut self, client: ClientPid, phase: LinePhase) {
        let Some(line) = self.lines.get_mut(&client) else { return };
        let (before, after) = (line.phase, phase);
        line.phase = phase;
        match (before == LinePhase::Ready, after == LinePhase::Ready) {
            (false, true) => self.round.push_back(client),
            (true, false) => self.round.retain(|other| *other != client),
            _ => {}
        }
        match (matches!(before, LinePhase::Offered { .. }), matches!(after, LinePhase::Offered { .. })) {
            (false, true) => self.offers.push(client),
            (true, false) => self.offers.retain(|other| *other != client),
            _ => {}
        }
    }

    fn remove_line(&mut self, client: ClientPid) {
        self.set_phase(client, LinePhase::Parked(Instant::now()));
        self.lines.remove(&client);
    }
}

#[cfg(test)]
mod tests;
