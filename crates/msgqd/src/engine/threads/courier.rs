//! The courier: the one thread that may block in msgsnd.
//!
//! It goes round the lines and sends one answer of each client, but only while nothing else rests for that client.
//! Afterwards it looks whether the answer rests: if not, its client was waiting and has it; if so, it is an *offer*, and
//! nothing more of that client is sent until the offer is read or taken back. So at most one answer of a waiting line
//! rests, and one receive takes it back without a chance to change the order.

use crate::engine::kill_points::kill_point;
use crate::engine::outbox::{AnswerToSend, SendOutcome};
use crate::engine::recovery::request_waits;
use crate::engine::shared::Shared;
use msgq_core::queue::MessageBuffer;
use nix::errno::Errno;
use std::sync::Arc;

pub(in crate::engine) struct Courier {
    shared: Arc<Shared>,
    buffer: MessageBuffer,
    /// Answers that may be sent before the next look at the queue's fill.
    budget: u64,
}

impl Courier {
    pub(in crate::engine) fn new(shared: Arc<Shared>) -> Self {
        let buffer = MessageBuffer::with_body_room(shared.message_room);
        Self { shared, buffer, budget: 0 }
    }

    pub(in crate::engine) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while let Some(answer) = shared.outbox.next_to_send(&shared.lifecycle) {
            if answer.is_in_doubt {
                self.try_in_doubt(&answer);
            } else {
                shared.outbox.begin_send(&answer);
                kill_point("courier-sending");
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
        let asked_again = shared.outbox.has_more_for(client)
            || shared.clients.in_hand_of(client).next().is_some()
            || request_waits(&answer.queue, client, &mut self.buffer);
        shared.outbox.begin_send(answer);
        let sent = if asked_again { Ok(()) } else { answer.queue.try_send_framed(answer.message()) };
        shared.outbox.end_send_in_doubt(answer, asked_again, &sent);
    }

    fn send(&mut self, answer: &AnswerToSend) -> SendOutcome {
        let queue = &answer.queue;
        match queue.has_message(answer.client.as_mtype()) {
            Ok(true) => return SendOutcome::NotSent,
            Ok(false) => {}
            Err(error) => return SendOutcome::Failed(error),
        }
        if self.budget == 0 {
            self.budget = self.shared.congestion.wait_for_room(queue);
        }
        self.budget = self.budget.saturating_sub(1);
        let Shared { lifecycle, outbox, .. } = &*self.shared;
        while !lifecycle.is_stopping() && !outbox.send_call.is_cancelled(answer.client) {
            match queue.send_framed(answer.message()) {
                Ok(()) => return SendOutcome::Sent,
                Err(error) if error.errno() == Errno::EINTR => {}
                Err(error) if error.errno() == Errno::ENOMEM => return SendOutcome::NotSent,
                Err(error) => return SendOutcome::Failed(error),
            }
        }
        SendOutcome::NotSent
    }
}
