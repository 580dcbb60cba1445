//! The courier's side of the outbox: which answer goes next, and what became of it.

use super::lines::LinePhase;
use super::{LockedOutbox, Outbox};
use crate::engine::lifecycle::Lifecycle;
use msgq_core::process::ClientPid;
use msgq_core::queue::{MessageBuffer, Queue, QueueError};
use msgq_core::table::{Counters, RESPONSE_MESSAGE_LEN, SlotState};
use nix::errno::Errno;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// An answer that the courier has taken out of its line. It ends with [`Outbox::end_send`].
pub(in crate::engine) struct AnswerToSend {
    pub(in crate::engine) client: ClientPid,
    pub(in crate::engine) queue: Queue,
    /// It is not known whether a daemon that died had sent it already.
    pub(in crate::engine) is_in_doubt: bool,
    slot: u32,
    message: [u8; RESPONSE_MESSAGE_LEN],
    len: usize,
}

impl AnswerToSend {
    /// mtype and body.
    pub(in crate::engine) fn message(&self) -> &[u8] {
        self.message.get(..self.len).unwrap_or_default()
    }
}

/// What became of an answer that the courier took.
pub(in crate::engine) enum SendOutcome {
    /// The kernel has it.
    Sent,
    /// It was not sent: an earlier answer of the client still rests, there was no room, or the send was cancelled.
    NotSent,
    /// The kernel refused it.
    Failed(QueueError),
}

/// How long a line is set aside whose earlier request is still with a worker, or whose earlier answer rests.
const RETRY_AFTER: Duration = Duration::from_millis(2);
/// Shortest and longest time between two looks at what became of the offers.
const FIRST_LOOK: Duration = Duration::from_micros(50);
const LAST_LOOK: Duration = Duration::from_millis(10);
const IDLE: Duration = Duration::from_secs(3600);

impl Outbox {
    /// The next answer to send, when there is one; `None` when the engine stops.
    pub(in crate::engine) fn next_to_send(&self, lifecycle: &Lifecycle) -> Option<AnswerToSend> {
        let congestion = &self.parts.congestion;
        let mut locked = self.lock();
        let mut look = FIRST_LOOK;
        while !lifecycle.is_stopping() {
            congestion.note_backlog(locked.lines.len());
            if locked.lines.offer_count() > 0 {
                locked.check_offers();
            }
            if locked.lines.offer_count() < congestion.offer_limit()
                && let Some(answer) = locked.take_next()
            {
                return Some(answer);
            }
            if !locked.lines.has_ready() {
                congestion.end();
            }
            let limit = if locked.lines.offer_count() > 0 { look } else { IDLE };
            look = (look * 2).min(LAST_LOOK);
            locked = locked.wait_for_answers(limit);
        }
        None
    }

    /// The answer is about to be sent.
    pub(in crate::engine) fn begin_send(&self, answer: &AnswerToSend) {
        if let Some(header) = self.parts.table.response(answer.slot) {
            header.set_state(SlotState::Sending);
        }
    }

    /// True when another answer waits for the client of this one.
    pub(in crate::engine) fn has_more_for(&self, client: ClientPid) -> bool {
        !self.lock().lines.waiting(client).is_empty()
    }

    /// What became of an answer. One that was sent is looked after at once: if it rests, it is an offer.
    pub(in crate::engine) fn end_send(&self, answer: &AnswerToSend, outcome: &SendOutcome) {
        let mut locked = self.lock();
        self.send_call.end();
        let (client, slot) = (answer.client, answer.slot);
        let still_wanted = locked.is_wanted(answer);
        match outcome {
            SendOutcome::Failed(error) => {
                self.parts.events.answer_refused(self.counters(), client, error);
                if still_wanted { locked.end_answer(client, slot) } else { locked.end_stray_answer(slot) }
            }
            SendOutcome::Sent if still_wanted => {
                if answer.queue.has_message(client.as_mtype()).unwrap_or(false) {
                    locked.note_offered(client, slot);
                } else {
                    locked.count_delivered(client, slot);
                }
            }
            SendOutcome::NotSent if still_wanted => locked.note_not_sent(client, slot),
            SendOutcome::Sent | SendOutcome::NotSent => {
                if matches!(outcome, SendOutcome::Sent) {
                    let _ = answer.queue.try_receive_any(client.as_mtype(), &mut MessageBuffer::new());
                }
                locked.end_unwanted(slot);
            }
        }
    }

    /// As [`Outbox::end_send`], for an answer in doubt. A newer request of the client shows that the daemon that died had
    /// sent it. One that was sent now is looked after at once: handed over, its client was waiting for it; resting, its
    /// client was not, has it, and must not find it again.
    pub(in crate::engine) fn end_send_in_doubt(
        &self,
        answer: &AnswerToSend,
        asked_again: bool,
        sent: &Result<(), QueueError>,
    ) {
        let mut locked = self.lock();
        self.send_call.end();
        let (client, slot, queue) = (answer.client, answer.slot, &answer.queue);
        let still_wanted = locked.is_wanted(answer);
        match sent {
            Err(error) if is_for_now(error) && still_wanted => return locked.note_not_sent(client, slot),
            Err(error) if !is_for_now(error) => {
                self.parts.events.answer_refused(self.counters(), client, error);
            }
            _ if asked_again => Counters::add(&self.counters().recovered_delivered),
            Ok(())
                if queue.has_message(client.as_mtype()).unwrap_or(false)
                    && self.withdraw(client, Some(slot), queue) =>
            {
                Counters::add(&self.counters().recovered_ambiguous);
            }
            _ => {}
        }
        if still_wanted {
            locked.count_delivered(client, slot);
        } else {
            locked.end_unwanted(slot);
        }
        self.finish_withdrawal();
    }
}

/// True when the kernel has no room, in the queue or in its memory, and may have some later.
fn is_for_now(error: &QueueError) -> bool {
    matches!(error.errno(), Errno::EAGAIN | Errno::ENOMEM)
}

impl LockedOutbox<'_> {
    /// False when the line was dropped while the courier had its answer.
    fn is_wanted(&self, answer: &AnswerToSend) -> bool {
        self.lines.phase(answer.client) == Some(LinePhase::Sending(answer.slot))
    }

    /// The answer in `slot`, whose line was dropped while the courier had it, has ended.
    fn end_unwanted(&mut self, slot: u32) {
        self.end_stray_answer(slot);
        Counters::add(&self.outbox.counters().client_gone);
    }

    fn take_next(&mut self) -> Option<AnswerToSend> {
        let parts = self.parts();
        let may_go = |client, sequence| !parts.clients.is_earlier_in_hand(client, sequence);
        let (client, slot) = self.lines.take_next(may_go, Instant::now() + RETRY_AFTER)?;
        self.outbox.send_call.begin_for(client);
        let queue = self.queue_of(slot)?;
        let is_in_doubt = self.slot(slot)?.in_doubt.load(Ordering::Relaxed) != 0;
        let mut message = [0; RESPONSE_MESSAGE_LEN];
        let len = parts.table.read_response(slot, &mut message);
        Some(AnswerToSend { client, queue, is_in_doubt, slot, message, len })
    }

    fn note_offered(&mut self, client: ClientPid, slot: u32) {
        if let Some(header) = self.slot(slot) {
            header.set_state(SlotState::Offered);
        }
        self.lines.offered(client, slot, Instant::now());
    }

    fn note_not_sent(&mut self, client: ClientPid, slot: u32) {
        let Some(header) = self.slot(slot) else { return };
        header.set_state(SlotState::Ready);
        let sequence = header.sequence.load(Ordering::Relaxed);
        self.lines.not_sent(client, slot, sequence, Instant::now() + RETRY_AFTER);
    }
}
