//! Answers that end without having reached anybody: their client is dead, their queue is gone, or their time is over.

use super::{LockedOutbox, Outbox};
use msgq_core::process::ClientNumber;
use msgq_core::table::{Counters, SlotHeader};
use msgq_core::time::monotonic_ns;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

impl Outbox {
    /// Drops a client's line and counts what was in it as `fate`; returns how many answers that were. What the courier
    /// has in the send call is not among them: it ends when the call does. Nor is an offer that is read already.
    pub(in crate::engine) fn drop_line(&self, client: ClientNumber, fate: &AtomicU64) -> usize {
        let mut locked = self.lock();
        locked.settle_offer_of(client);
        let dropped = locked.lines.drop_line(client);
        for slot in &dropped {
            locked.arm(*slot);
            Counters::add(fate);
        }
        self.parts.clients.release(client);
        dropped.len()
    }

    /// Drops everything: the queue it was meant for is gone.
    pub(in crate::engine) fn drop_all(&self) {
        let clients = self.lock().clients();
        for client in clients {
            self.drop_line(client, &self.counters().queue_removed);
        }
    }

    /// Drops what waited for longer than `response_ttl`.
    pub(in crate::engine) fn expire(&self, response_ttl: Duration) {
        let limit = u64::try_from(response_ttl.as_nanos()).unwrap_or(u64::MAX);
        let now = monotonic_ns();
        let is_old = |header: &SlotHeader| now.saturating_sub(header.received_at_ns.load(Ordering::Relaxed)) > limit;
        let mut locked = self.lock();
        for client in locked.clients() {
            for slot in locked.lines.waiting(client) {
                if locked.slot(slot).is_some_and(is_old) {
                    let msqid = locked.slot(slot).map_or(0, |header| header.msqid.load(Ordering::Relaxed));
                    let is_in_the_middle = locked.is_in_the_middle(slot);
                    if is_in_the_middle {
                        locked.drop_rest_of_line(client, &self.counters().expired);
                    } else {
                        Counters::add(&self.counters().expired);
                        locked.drop_waiting(client, slot);
                    }
                    self.warn_of_expiry(client, msqid, limit / 1_000_000_000);
                    if is_in_the_middle {
                        break;
                    }
                }
            }
        }
    }

    fn warn_of_expiry(&self, client: ClientNumber, msqid: i32, response_ttl_s: u64) {
        if self.is_private() {
            return self.warn_of_full_queue(client, msqid, response_ttl_s);
        }
        self.parts.events.expired.of(client).warn(|| {
            format!(
                "dropped an answer that client {client} did not read within response_ttl_s = {response_ttl_s}; see why \
                 it does not read (msgqctl explain {client}), or raise response_ttl_s"
            )
        });
    }
}

impl LockedOutbox<'_> {
    /// Those who have a line.
    fn clients(&self) -> Vec<ClientNumber> {
        self.lines.lines().map(|(client, ..)| client).collect()
    }

    fn drop_waiting(&mut self, client: ClientNumber, slot: u32) {
        self.arm(slot);
        if self.lines.drop_slot(client, slot) {
            self.parts().clients.release(client);
        }
    }
}
