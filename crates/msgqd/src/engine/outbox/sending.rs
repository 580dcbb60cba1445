//! The courier's side of the outbox: which answer goes next, and what became of it.

use super::lines::{LinePhase, Standing};
use super::offers::SOME_OFFERS_TIME;
use super::series::begin_part;
use super::{LockedOutbox, Outbox};
use crate::engine::lifecycle::Lifecycle;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{MessageBuffer, Queue, QueueError};
use msgq_core::table::{Counters, SlotState};
use nix::errno::Errno;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// An answer that the courier has taken out of its line. It ends with [`Outbox::end_send`].
pub(in crate::engine) struct AnswerToSend {
    pub(in crate::engine) client: ClientNumber,
    pub(in crate::engine) queue: Queue,
    /// It is not known whether a daemon that died had sent it already.
    pub(in crate::engine) is_in_doubt: bool,
    /// The client leaves its answers unread: for this one others do not wait long.
    pub(in crate::engine) is_for_silent: bool,
    /// The client was seen to read, and does not leave its answers unread now.
    pub(in crate::engine) is_for_reader: bool,
    /// A look showed before that no earlier answer of the client rests in the queue.
    pub(in crate::engine) is_alone: bool,
    pub(super) slot: u32,
    message: Vec<u8>,
}

impl AnswerToSend {
    /// mtype and body.
    pub(in crate::engine) fn message(&self) -> &[u8] {
        &self.message
    }
}

/// What became of an answer that the courier took.
pub(in crate::engine) enum SendOutcome {
    /// The kernel has it.
    Sent,
    /// It was not sent: there was no room, or the send was cancelled.
    NotSent,
    /// It was not sent: an earlier answer of the client still rests.
    Rests,
    /// The kernel refused it.
    Failed(QueueError),
}

/// How long a line is set aside whose earlier request is still with a worker, or whose earlier answer rests.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(2);
/// Shortest and longest time between two looks at what became of the offers.
const FIRST_LOOK: Duration = Duration::from_micros(50);
const LAST_LOOK: Duration = Duration::from_millis(10);
/// Newcomers have this part of the offers at most, and silent clients that one: they take no room from readers.
const NEWCOMERS_OFFERS_PART: usize = 2;
const SILENT_OFFERS_PART: usize = 4;
pub(super) const IDLE: Duration = Duration::from_secs(3600);

impl Outbox {
    /// The next answer to send, when there is one; `None` when the engine stops.
    pub(in crate::engine) fn next_to_send(&self, lifecycle: &Lifecycle) -> Option<AnswerToSend> {
        let congestion = &self.parts.congestion;
        let mut locked = self.lock();
        let mut look = FIRST_LOOK;
        while !lifecycle.is_stopping() {
            congestion.note_backlog(locked.lines.len(), locked.lines.client_count());
            if locked.lines.offer_count() > 0 {
                locked.check_offers(SOME_OFFERS_TIME);
            }
            if let Some(answer) = locked.take_next() {
                return Some(answer);
            }
            if !locked.lines.has_ready_reader() {
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
            begin_part(header);
            header.set_state(SlotState::Sending);
        }
    }

    /// The kernel did not take it.
    pub(in crate::engine) fn note_refused(&self, answer: &AnswerToSend) {
        if let Some(header) = self.parts.table.response(answer.slot) {
            header.set_state(SlotState::Ready);
        }
    }

    /// True when another answer waits for the client of this one.
    pub(in crate::engine) fn has_more_for(&self, client: ClientNumber) -> bool {
        !self.lock().lines.waiting(client).is_empty()
    }

    /// What became of an answer. One that was sent is looked after at once: if it rests, it is an offer.
    pub(in crate::engine) fn end_send(&self, answer: &AnswerToSend, outcome: &SendOutcome) {
        let mut locked = self.lock();
        self.send_call.end();
        let (client, slot) = (answer.client, answer.slot);
        let still_wanted = locked.is_wanted(answer);
        if matches!(outcome, SendOutcome::Sent) {
            self.sent.note(answer.is_for_silent);
        }
        match outcome {
            SendOutcome::Failed(error) => {
                self.parts.events.answer_refused(self.counters(), client, error);
                self.parts.alarm.sound();
                if still_wanted { locked.end_failed(client, slot) } else { locked.end_stray_answer(slot) }
            }
            SendOutcome::Sent if still_wanted => {
                if answer.queue.has_message(self.mtype_of(client)).unwrap_or(false) {
                    locked.note_offered(client, slot);
                } else {
                    locked.count_read(client, slot);
                }
            }
            SendOutcome::NotSent if still_wanted => locked.note_not_sent(client, slot),
            SendOutcome::Rests if still_wanted => {
                locked.note_not_sent(client, slot);
                locked.lines.note_rests(client, Instant::now());
            }
            SendOutcome::Sent | SendOutcome::NotSent | SendOutcome::Rests => {
                let take_back = || answer.queue.try_receive_any(self.mtype_of(client), &mut MessageBuffer::new());
                if matches!(outcome, SendOutcome::Sent) && matches!(take_back(), Ok(false)) {
                    // Its client had it before it ended.
                    Counters::add(&self.counters().answered_late);
                    locked.end_stray_answer(slot);
                } else {
                    locked.end_unwanted(slot);
                }
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
                if queue.has_message(self.mtype_of(client)).unwrap_or(false)
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

/// How many answers rest in the queue by the courier's doing, and how many may.
struct Offers {
    count: usize,
    limit: usize,
}

impl Offers {
    /// True when one more may rest there for a client of this standing.
    fn have_room_for(&self, standing: Standing) -> bool {
        let part = match standing {
            Standing::Reader => 1,
            Standing::Newcomer => NEWCOMERS_OFFERS_PART,
            Standing::Silent => SILENT_OFFERS_PART,
        };
        self.count < self.limit.div_ceil(part)
    }
}

impl LockedOutbox<'_> {
    /// True when an answer for a client that reads its answers could go now.
    pub(super) fn has_sendable_reader(&self) -> bool {
        let offers = self.offers();
        self.lines.has_ready_reader_who_may(|standing| offers.have_room_for(standing))
    }

    fn offers(&self) -> Offers {
        Offers { count: self.lines.offer_count(), limit: self.parts().congestion.offer_limit() }
    }

    /// False when the line was dropped while the courier had its answer.
    pub(super) fn is_wanted(&self, answer: &AnswerToSend) -> bool {
        self.lines.phase(answer.client) == Some(LinePhase::Sending(answer.slot))
    }

    /// The answer in `slot`, whose line was dropped while the courier had it, has ended.
    pub(super) fn end_unwanted(&mut self, slot: u32) {
        self.end_stray_answer(slot);
        Counters::add(&self.outbox.counters().client_gone);
    }

    fn take_next(&mut self) -> Option<AnswerToSend> {
        let (parts, now) = (self.parts(), Instant::now());
        let offers = self.offers();
        let may_try_silent = self.lines.may_try_silent(now);
        let may_go = |standing| offers.have_room_for(standing) && (standing != Standing::Silent || may_try_silent);
        let may_send = |client, sequence| !parts.clients.is_earlier_in_hand(client, sequence);
        let (client, slot) = self.lines.take_next(may_go, may_send, now + RETRY_AFTER)?;
        let queue = self.queue_of(slot)?;
        self.taken_answer(client, slot, queue)
    }

    /// The answer in `slot`, which was taken out of its line for the send call.
    pub(super) fn taken_answer(&self, client: ClientNumber, slot: u32, queue: Queue) -> Option<AnswerToSend> {
        let parts = self.parts();
        self.outbox.send_call.begin_for(client);
        let is_in_doubt = self.slot(slot)?.in_doubt.load(Ordering::Relaxed) != 0;
        let mut message = parts.table.response_room();
        let len = parts.read_answer(slot, &mut message);
        message.truncate(len);
        let (is_for_silent, is_alone) = (self.lines.is_silent(client), self.lines.nothing_rests(client));
        let is_for_reader = !is_for_silent && parts.clients.has_read(client);
        Some(AnswerToSend { client, queue, is_in_doubt, is_for_silent, is_for_reader, is_alone, slot, message })
    }

    fn note_offered(&mut self, client: ClientNumber, slot: u32) {
        if let Some(header) = self.slot(slot) {
            header.set_state(SlotState::Offered);
        }
        self.lines.offered(client, slot, Instant::now());
    }

    fn note_not_sent(&mut self, client: ClientNumber, slot: u32) {
        let Some(header) = self.slot(slot) else { return };
        header.set_state(SlotState::Ready);
        let sequence = header.sequence.load(Ordering::Relaxed);
        let retry_at = Instant::now() + RETRY_AFTER;
        if self.lines.is_silent(client) {
            self.lines.try_no_silent_before(retry_at);
        }
        self.lines.not_sent(client, slot, sequence, retry_at);
    }
}
