//! Adoption: all that rests in the queue for a living client goes back into its line, in order, since others wait for room.

use super::lines::LinePhase;
use super::pending::{Origin, PendingAnswer};
use super::{LockedOutbox, Outbox};
use crate::engine::kill_points::kill_point;
use msgq_core::process::{ClientNumber, ClientOwner};
use msgq_core::queue::framed;
use msgq_core::table::Counters;
use msgq_core::time::monotonic_ns;
use std::time::{Duration, Instant};

/// Most messages of one client that are taken out of the queue at a time.
const ADOPT_LIMIT: usize = 65_536;
/// For so long messages are taken that are no answers: meanwhile nobody else has the outbox.
const JUNK_TIME: Duration = Duration::from_millis(5);

impl Outbox {
    /// Takes all that rests in the queue for a living client into its line.
    ///
    /// HELD is set and direct sends are waited for first, so nothing new can be sent past what is being taken. A client that
    /// reads between two of the takes gets the later answer first: the caller sees to it that none comes to that
    /// (`threads::janitor::adopting`). False while the courier has an answer of this client in the send call, which could
    /// land between two takes: the caller cancels the send first.
    pub(in crate::engine) fn adopt(&self, client: ClientNumber) -> bool {
        let mut locked = self.lock();
        let offered = match locked.lines.phase(client) {
            Some(LinePhase::Sending(_)) => return false,
            Some(LinePhase::Offered { slot, .. }) => Some(slot),
            _ => None,
        };
        let clients = &self.parts.clients;
        clients.hold(client);
        clients.wait_for_direct_sends(client);
        locked.take_all(client, offered);
        if locked.lines.phase(client).is_none() {
            clients.release(client);
        }
        locked.unlock_and_wake_courier();
        true
    }
}

impl LockedOutbox<'_> {
    fn take_all(&mut self, client: ClientNumber, mut offered: Option<u32>) {
        let outbox = self.outbox;
        let (table, counters) = (&outbox.parts.table, outbox.counters());
        let queue = outbox.parts.answers.current();
        // The courier offers only when nothing else rests. So what rests without an offer was sent before anything was
        // held, and is older than all in the line; what rests beside an offer was put there by somebody else, and goes last.
        let sequence = if offered.is_some() { u64::MAX } else { 0 };
        let (recall, owner) = (table.recall(), outbox.parts.clients.owner(client));
        // What comes meanwhile is not the daemon's: nothing is sent past the line, and each take is of the oldest.
        let resting = queue.stat().map_or(0, |stat| stat.messages);
        let limit = usize::try_from(resting).unwrap_or(ADOPT_LIMIT).min(ADOPT_LIMIT);
        let (began, mut took_an_answer) = (Instant::now(), false);
        for _ in 0..limit {
            // While there is no answer yet, none can be found out of order if the rest waits for the next look.
            if !took_an_answer && began.elapsed() >= JUNK_TIME {
                break;
            }
            outbox.announce_recall(offered);
            let Ok(Some(length)) = table.try_receive(recall, &queue, outbox.mtype_of(client)) else { break };
            if let Some(slot) = offered.take_if(|slot| outbox.is_recalled_body_of(*slot, length)) {
                took_an_answer = true;
                self.note_taken_back(client, slot);
            } else if outbox.parts.protocol.is_response_len(length) {
                took_an_answer = true;
                Counters::add(&counters.adopted);
                self.store_adopted(client, owner, sequence, length);
            } else {
                Counters::add(&counters.orphans_junk);
            }
            table.finish_landing(recall);
            kill_point("adopting");
        }
        table.finish_landing(recall);
    }

    fn store_adopted(&mut self, client: ClientNumber, owner: ClientOwner, sequence: u64, length: usize) {
        let Some(body) = self.outbox.recalled_body(length) else { return };
        let parts = self.parts();
        let answer = PendingAnswer {
            client,
            generation: parts.clients.generation(client),
            sequence,
            received_at_ns: monotonic_ns(),
            queue: parts.answers.current(),
            message: &framed(self.outbox.mtype_of(client), &body),
            origin: Origin::Recall,
        };
        self.store(&answer, owner);
    }
}
