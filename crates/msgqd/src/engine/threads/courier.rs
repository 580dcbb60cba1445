//! The courier: the one thread that waits for room in the queue. It does not do so in msgsnd, where others decide how long.
//!
//! It goes round the lines and sends one answer of each client, but only while nothing else rests for that client.
//! Afterwards it looks whether the answer rests: if not, its client was waiting and has it; if so, it is an *offer*, and
//! nothing more of that client is sent until the offer is read or taken back. So at most one answer of a waiting line
//! rests, and one receive takes it back without a chance to change the order.

use crate::engine::congestion::RoomSearch;
use crate::engine::kill_points::kill_point;
use crate::engine::outbox::{AnswerToSend, SendOutcome};
use crate::engine::recovery::request_waits;
use crate::engine::shared::Shared;
use msgq_core::queue::{MessageBuffer, QueueError};
use nix::errno::Errno;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(in crate::engine) struct Courier {
    shared: Arc<Shared>,
    buffer: MessageBuffer,
    /// Answers that may be sent before the next look at the queue's fill.
    budget: u64,
    /// Senders who do not wait for answers keep the queue full.
    contends: bool,
    /// Answers in a row that met no contest.
    easy_sends: u32,
}

impl Courier {
    pub(in crate::engine) fn new(shared: Arc<Shared>) -> Self {
        let buffer = MessageBuffer::with_body_room(shared.message_room);
        Self { shared, buffer, budget: 0, contends: false, easy_sends: 0 }
    }

    pub(in crate::engine) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while let Some(answer) = shared.outbox.next_to_send(&shared.lifecycle) {
            if answer.is_in_doubt {
                self.try_in_doubt(&answer);
            } else {
                let outcome = self.send(&answer);
                kill_point("courier-sent");
                shared.outbox.end_send(&answer, &outcome);
            }
        }
    }

    /// An answer of which it is not known whether a daemon that died had sent it already: not sent where its client
    /// has asked again, else sent without waiting.
    fn try_in_doubt(&mut self, answer: &AnswerToSend) {
        let shared = Arc::clone(&self.shared);
        let client = answer.client;
        // The looks follow the way of a request, so that one that goes on meanwhile is seen by the next look.
        let asked_again = request_waits(&shared.served.current(), &shared.protocol, client, &mut self.buffer)
            || shared.clients.in_hand_of(client).next().is_some()
            || shared.outbox.has_more_for(client);
        // Else it could not be told apart from what would be taken back.
        if !asked_again && answer.queue.has_message(shared.mtype_of(client)).unwrap_or(false) {
            return shared.outbox.end_send(answer, &SendOutcome::Rests);
        }
        shared.outbox.begin_send(answer);
        let sent = if asked_again { Ok(()) } else { answer.queue.try_send_framed(answer.message()) };
        shared.outbox.end_send_in_doubt(answer, asked_again, &sent);
    }

    fn send(&mut self, answer: &AnswerToSend) -> SendOutcome {
        // Each look walks over the queue, and thousands of requests may be in it.
        let look = || answer.queue.has_message(self.shared.mtype_of(answer.client));
        match if answer.is_alone { Ok(false) } else { look() } {
            Ok(true) => return SendOutcome::Rests,
            Ok(false) => {}
            Err(error) => return SendOutcome::Failed(error),
        }
        let search = self.shared.congestion.begin_search();
        while !self.must_leave(answer) && !self.contends {
            match self.send_in_turn(answer, &search) {
                Ok(()) => return SendOutcome::Sent,
                Err(error) if matches!(error.errno(), Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) if error.errno() == Errno::ENOMEM => return SendOutcome::NotSent,
                Err(error) => return SendOutcome::Failed(error),
            }
            if answer.is_for_silent && search.has_lasted(SILENT_TIME) {
                return SendOutcome::NotSent;
            }
        }
        self.contend(answer)
    }

    /// One try, once those are expected to have asked again who were answered before.
    fn send_in_turn(&mut self, answer: &AnswerToSend, search: &RoomSearch) -> Result<(), QueueError> {
        if self.budget == 0 && !answer.is_for_silent {
            match self.shared.congestion.wait_for_room(&answer.queue, search) {
                Some(room) => self.budget = room,
                None => (self.contends, self.easy_sends) = (true, 0),
            }
        }
        self.budget = self.budget.saturating_sub(1);
        let sent = self.try_send(answer);
        if sent.is_err() {
            // Who took the place is expected to be answered.
            self.budget = 0;
            std::thread::sleep(FIRST_PAUSE);
        }
        sent
    }

    /// While it waits for room it is READY: a server that dies then has not sent it, and leaves no doubt about that.
    fn try_send(&self, answer: &AnswerToSend) -> Result<(), QueueError> {
        self.shared.outbox.begin_send(answer);
        kill_point("courier-sending");
        let sent = answer.queue.try_send_framed(answer.message());
        if sent.is_err() {
            self.shared.outbox.note_refused(answer);
        }
        sent
    }

    /// Tries again and again, so that the place that a worker frees is taken before those who wait for it have been woken.
    /// It goes on with the next answers, until many of them in a row met no contest.
    fn contend(&mut self, answer: &AnswerToSend) -> SendOutcome {
        let congestion = &self.shared.congestion;
        let contending = answer.is_for_reader.then(|| congestion.contest.begin());
        let limit = if answer.is_for_silent { SILENT_TIME } else { CONTEST_LIMIT };
        let (began, mut received, mut pause) = (Instant::now(), congestion.received(), FIRST_PAUSE);
        let mut moved_at = began;
        for tries in 0_u32.. {
            if self.must_leave(answer) || began.elapsed() > limit {
                break;
            }
            if let Some(contending) = &contending {
                contending.note_try();
            }
            match self.try_send(answer) {
                Ok(()) => {
                    self.easy_sends = if tries == 0 { self.easy_sends + 1 } else { 0 };
                    self.contends = self.easy_sends < EASY_SENDS || !congestion.has_room(&answer.queue);
                    self.budget = 0;
                    return SendOutcome::Sent;
                }
                Err(error) if error.errno() == Errno::EAGAIN => {}
                Err(error) if error.errno() == Errno::ENOMEM => break,
                Err(error) => return SendOutcome::Failed(error),
            }
            if tries % TRIES_AT_ONCE < TRIES_AT_ONCE - 1 {
                continue;
            }
            let now = congestion.received();
            if now != received {
                (received, moved_at, pause) = (now, Instant::now(), FIRST_PAUSE);
            }
            // While no worker takes anything there is nothing to win.
            if moved_at.elapsed() > STANDSTILL {
                std::thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            } else {
                std::thread::yield_now();
            }
        }
        self.easy_sends = 0;
        SendOutcome::NotSent
    }

    fn must_leave(&self, answer: &AnswerToSend) -> bool {
        let Shared { lifecycle, outbox, .. } = &*self.shared;
        lifecycle.is_stopping() || outbox.send_call.is_cancelled(answer.client)
    }
}

/// So many answers that met no contest end it.
const EASY_SENDS: u32 = 64;
/// For so long one answer keeps the others back.
const CONTEST_LIMIT: Duration = Duration::from_millis(50);
/// For so long an answer keeps the others back whose client leaves its answers unread.
const SILENT_TIME: Duration = Duration::from_millis(1);
/// Tries before others may have the CPU.
const TRIES_AT_ONCE: u32 = 64;
/// Without a request for so long the workers are busy elsewhere.
const STANDSTILL: Duration = Duration::from_millis(1);
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);
