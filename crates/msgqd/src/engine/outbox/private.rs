//! Answers that wait for room in queues of clients' own. Each line is sent to a queue that is nobody else's, so nothing rests
//! that could be in another's way: there are no offers, nothing is looked after once it is sent, and nothing taken back. A line
//! whose queue is full is set aside, for longer each time, until one of its answers gets through or its time is over.

use super::sending::{AnswerToSend, IDLE, RETRY_AFTER};
use super::{LockedOutbox, Outbox};
use crate::engine::events::asker;
use crate::engine::lifecycle::Lifecycle;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{MTYPE_LEN, Queue, QueueError};
use msgq_core::table::{Counters, SlotHeader, SlotState};
use nix::errno::Errno;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Outbox {
    pub(in crate::engine) fn is_private(&self) -> bool {
        self.parts.protocol.route() == ReplyRoute::Private
    }

    /// As [`Outbox::next_to_send`], for queues of clients' own.
    pub(in crate::engine) fn next_private_to_send(&self, lifecycle: &Lifecycle) -> Option<AnswerToSend> {
        let mut locked = self.lock();
        while !lifecycle.is_stopping() {
            let now = Instant::now();
            locked.lines.wake_parked(now);
            if let Some(answer) = locked.take_next_private(now) {
                return Some(answer);
            }
            let due = locked.lines.earliest_parked();
            locked = locked.wait_for_answers(due.map_or(IDLE, |due| due.saturating_duration_since(now)));
        }
        None
    }

    /// What became of the one try.
    pub(in crate::engine) fn end_private_send(&self, answer: &AnswerToSend, sent: &Result<(), QueueError>) {
        let mut locked = self.lock();
        self.send_call.end();
        // Each try counts as progress: it is not the courier's fault that all queues are full.
        self.sent.note(answer.is_for_silent);
        let (client, slot) = (answer.client, answer.slot);
        if !locked.is_wanted(answer) {
            return locked.end_unwanted(slot);
        }
        match sent {
            Ok(()) => locked.count_delivered(client, slot),
            Err(error) if error.errno() == Errno::EAGAIN && self.is_too_narrow(answer) => {
                locked.end_failed(client, slot);
            }
            Err(error) if matches!(error.errno(), Errno::EAGAIN | Errno::ENOMEM) => locked.set_aside(answer),
            Err(error) => {
                let parts = &self.parts;
                parts.events.private_answer_refused(self.counters(), &parts.protocol, client, error);
                locked.end_failed(client, slot);
            }
        }
    }

    /// True, counted and said, when the queue is too small for this answer, however empty it is: the kernel says the same to
    /// that as to a full one.
    fn is_too_narrow(&self, answer: &AnswerToSend) -> bool {
        let Ok(stat) = answer.queue.stat() else { return false };
        let length = answer.message().len().saturating_sub(MTYPE_LEN);
        let is_too_narrow = u64::try_from(length).is_ok_and(|length| length > stat.max_bytes);
        if is_too_narrow {
            let (parts, size) = (&self.parts, (&answer.queue, stat.max_bytes, length));
            parts.events.private_queue_too_narrow(self.counters(), &parts.protocol, answer.client, size);
        }
        is_too_narrow
    }

    pub(super) fn warn_of_full_queue(&self, client: ClientNumber, msqid: i32, response_ttl_s: u64) {
        self.parts.events.expired.of(client).warn(|| {
            format!(
                "dropped an answer of {}: its queue, msqid {msqid}, was full for response_ttl_s = {response_ttl_s}; see why \
                 the client does not read, or raise response_ttl_s",
                asker(&self.parts.protocol, client)
            )
        });
    }
}

impl LockedOutbox<'_> {
    fn take_next_private(&mut self, now: Instant) -> Option<AnswerToSend> {
        let parts = self.parts();
        let may_send = |client, sequence| !parts.clients.is_earlier_in_hand(client, sequence);
        let (client, slot) = self.lines.take_next(|_| true, may_send, now + RETRY_AFTER)?;
        let queue = Queue::from_msqid(self.slot(slot)?.msqid.load(Ordering::Relaxed));
        self.taken_answer(client, slot, queue)
    }

    /// The queue of this one's client is full: said the first time in a row.
    fn set_aside(&mut self, answer: &AnswerToSend) {
        let (parts, (client, slot)) = (self.parts(), (answer.client, answer.slot));
        let Some(header) = self.slot(slot) else { return };
        header.set_state(SlotState::Ready);
        let counters = self.outbox.counters();
        if self.lines.set_aside(client, slot, sequence_of(header), Instant::now()) {
            parts.events.private_queue_full(counters, &parts.protocol, client, &answer.queue);
        } else {
            Counters::add(&counters.private_full);
        }
    }
}

fn sequence_of(header: &SlotHeader) -> u64 {
    header.sequence.load(Ordering::Relaxed)
}
