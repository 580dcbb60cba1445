//! Answers that wait for room in the queue, or for answers before them: a bounded number, each in a slot of the table.
//!
//! Everything that belongs to a waiting answer changes here together, under one lock: its place in its client's line
//! ([`lines`]), the state of its slot, the client's HELD flag, and the counters. While a client has a line it is HELD, so
//! that no worker sends past it. A slot in use is READY, SENDING or OFFERED, and ARMED again when its answer has ended.
//!
//! Workers put answers in ([`Outbox::post`]), the courier takes them out and says what became of each
//! ([`Outbox::next_to_send`]), the janitor looks after what rests and who is dead. The courier's send call itself is
//! outside of the lock; which client it is for stands in `send_call`.

mod adoption;
mod ending;
mod lines;
mod offers;
mod pending;
mod posting;
mod private;
mod recall;
mod send_call;
mod sending;
mod sent_answers;
mod series;

pub(super) use pending::{Origin, PendingAnswer, response_message};
pub(super) use send_call::SendCall;
pub(super) use sending::{AnswerToSend, SendOutcome};
pub(super) use sent_answers::SentAnswers;

use super::alarm::JanitorAlarm;
use super::clients::Clients;
use super::congestion::Congestion;
use super::events::Events;
use super::kill_points::kill_point;
use super::served_queue::ServedQueue;
use lines::Lines;
use msgq_core::layout::protocol::Protocol;
use msgq_core::process::ClientNumber;
use msgq_core::queue::QueueError;
use msgq_core::table::{Counters, Series, SlotHeader, SlotState, Table};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Outbox {
    parts: OutboxParts,
    capacity: u32,
    lines: Mutex<Lines>,
    answers_come: Condvar,
    /// Read and written under the lock alone.
    courier_waits: AtomicBool,
    sent: SentAnswers,
    pub(super) send_call: SendCall,
}

/// What the outbox shares with the rest of the engine.
#[derive(Debug)]
pub(super) struct OutboxParts {
    pub(super) table: Arc<Table>,
    pub(super) clients: Arc<Clients>,
    pub(super) congestion: Arc<Congestion>,
    /// Where answers go.
    pub(super) answers: Arc<ServedQueue>,
    pub(super) alarm: Arc<JanitorAlarm>,
    pub(super) events: Arc<Events>,
    pub(super) protocol: Arc<Protocol>,
}

impl Outbox {
    /// The type of answers to this client.
    fn mtype_of(&self, client: ClientNumber) -> i64 {
        self.parts.protocol.response_mtype(client.get())
    }

    /// An empty outbox over the response slots of the table.
    pub(super) fn new(parts: OutboxParts, capacity: u32) -> Self {
        Self {
            parts,
            capacity,
            lines: Mutex::new(Lines::new(capacity)),
            answers_come: Condvar::new(),
            courier_waits: AtomicBool::new(false),
            sent: SentAnswers::default(),
            send_call: SendCall::default(),
        }
    }

    /// How many answers wait.
    pub(super) fn len(&self) -> usize {
        self.lock().lines.len()
    }

    /// True when the answer to a request of this client before the one of this number is here, as far as that is known.
    pub(super) fn holds_earlier(&self, client: ClientNumber, sequence: u64) -> bool {
        self.lock().lines.holds_earlier(client, sequence)
    }

    /// True when neither the outbox nor the queue holds anything. No answer goes from one into the other unseen: back
    /// into the outbox they go under its lock, which is held meanwhile.
    pub(super) fn is_empty_and_queue_too(&self) -> Result<bool, QueueError> {
        let locked = self.lock();
        // A queue of a client's own is its client's to read, and to leave unread.
        let rests = !self.is_private() && self.parts.answers.current().stat()?.messages > 0;
        Ok(locked.lines.is_empty() && !rests)
    }

    /// How many answers the courier has sent to clients that are not known to leave them unread.
    pub(super) fn sent_count(&self) -> u64 {
        self.sent.count()
    }

    /// True when an answer for a client that reads its answers could go now.
    pub(super) fn has_ready_reader(&self) -> bool {
        self.lock().has_sendable_reader()
    }

    /// Lets the courier see that the engine stops.
    pub(super) fn wake_for_the_end(&self) {
        // A courier that has just found nothing to do waits by then, and is woken.
        drop(self.lock());
        self.answers_come.notify_all();
    }

    fn lock(&self) -> LockedOutbox<'_> {
        LockedOutbox { outbox: self, lines: self.lines.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    fn counters(&self) -> &Counters {
        self.parts.table.counters()
    }
}

/// The outbox in the hands of one thread.
struct LockedOutbox<'a> {
    outbox: &'a Outbox,
    lines: MutexGuard<'a, Lines>,
}

impl<'a> LockedOutbox<'a> {
    fn parts(&self) -> &'a OutboxParts {
        &self.outbox.parts
    }

    fn slot(&self, slot: u32) -> Option<&'a SlotHeader> {
        self.outbox.parts.table.response(slot)
    }

    /// Gives the outbox up until answers come, at most for `limit`.
    fn wait_for_answers(self, limit: Duration) -> Self {
        let Self { outbox, lines } = self;
        outbox.courier_waits.store(true, Ordering::Relaxed);
        kill_point("courier-waits");
        let woken = outbox.answers_come.wait_timeout(lines, limit);
        let lines = woken.unwrap_or_else(PoisonError::into_inner).0;
        outbox.courier_waits.store(false, Ordering::Relaxed);
        Self { outbox, lines }
    }

    /// Gives the outbox up, and lets the courier look, if it waits; it has to be told of every change that lets something go.
    fn unlock_and_wake_courier(self) {
        let Self { outbox, lines } = self;
        // Asked under the lock: who says that it waits does wait then, and is not one that will only begin to when the
        // notice has come and gone.
        let waits = outbox.courier_waits.swap(false, Ordering::Relaxed);
        drop(lines);
        kill_point("posted");
        if waits {
            outbox.answers_come.notify_one();
        }
    }

    /// The answer in `slot`, which was sent, offered or dropped from its line, has ended, and its line may have.
    fn end_answer(&mut self, client: ClientNumber, slot: u32) {
        self.arm(slot);
        if self.lines.delivered(client, slot) {
            self.parts().clients.release(client);
        }
    }

    /// The answer in `slot`, whose line was dropped while the courier had it, has ended.
    fn end_stray_answer(&mut self, slot: u32) {
        self.arm(slot);
        self.lines.free_slot(slot);
    }

    fn arm(&self, slot: u32) {
        if let Some(header) = self.slot(slot) {
            let series = header.series();
            header.set_state(SlotState::Armed);
            if series.is_some() {
                header.set_series(Series::NONE);
                self.parts().table.free_long(series);
            }
        }
    }
}
