//! Adoption: all that rests in the queue for a living client goes back into its line, in order, since others wait for room.

use super::lines::LinePhase;
use super::pending::{Origin, PendingAnswer};
use super::{LockedOutbox, Outbox};
use msgq_core::layout::{BODY_LEN_LP64, is_response_len};
use msgq_core::process::ClientPid;
use msgq_core::queue::frame_into;
use msgq_core::table::{Counters, RESPONSE_MESSAGE_LEN};
use msgq_core::time::monotonic_ns;

/// Most messages of one client that are taken out of the queue at a time.
const ADOPT_LIMIT: usize = 65_536;

impl Outbox {
    /// Takes all that rests in the queue for a living client into its line.
    ///
    /// HELD is set and direct sends are waited for first, so nothing new can be sent past what is being taken. What cannot
    /// be excluded is that the client wakes up and reads in the few microseconds between two of the takes; it then gets
    /// the later answer first. False while the courier has an answer of this client in the send call, which could land
    /// between two takes: the caller cancels the send first.
    pub(in crate::engine) fn adopt(&self, client: ClientPid) -> bool {
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
        drop(locked);
        self.wake_courier();
        true
    }
}

impl LockedOutbox<'_> {
    fn take_all(&mut self, client: ClientPid, mut offered: Option<u32>) {
        let outbox = self.outbox;
        let (table, counters) = (&outbox.parts.table, outbox.counters());
        let queue = outbox.parts.served.current();
        // The courier offers only when nothing else rests. So what rests without an offer was sent before anything was
        // held, and is older than all in the line; what rests beside an offer was put there by somebody else, and goes last.
        let sequence = if offered.is_some() { u64::MAX } else { 0 };
        let recall = table.recall();
        for _ in 0..ADOPT_LIMIT {
            outbox.announce_recall(offered);
            let Ok(Some(length)) = table.try_receive(recall, &queue, client.as_mtype()) else { break };
            if let Some(slot) = offered.take_if(|slot| outbox.is_recalled_body_of(*slot, length)) {
                self.note_taken_back(client, slot);
            } else if is_response_len(length) {
                Counters::add(&counters.adopted);
                self.store_adopted(client, sequence, length);
            } else {
                Counters::add(&counters.orphans_junk);
            }
            table.finish_landing(recall);
        }
        table.finish_landing(recall);
    }

    fn store_adopted(&mut self, client: ClientPid, sequence: u64, length: usize) {
        let mut body = [0; BODY_LEN_LP64];
        let Some(body) = self.outbox.recalled_body(&mut body, length) else { return };
        let mut message = [0; RESPONSE_MESSAGE_LEN];
        let parts = self.parts();
        self.store(&PendingAnswer {
            client,
            generation: parts.clients.generation(client),
            sequence,
            received_at_ns: monotonic_ns(),
            queue: parts.served.current(),
            message: frame_into(&mut message, client.as_mtype(), body),
            origin: Origin::Recall,
        });
    }
}
