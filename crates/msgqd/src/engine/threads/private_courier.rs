//! The courier where clients have queues of their own: it tries the answers that wait, and never waits for room itself. So a
//! queue that stays full delays nobody but its client, whoever reads it or not.

use crate::engine::kill_points::kill_point;
use crate::engine::outbox::AnswerToSend;
use crate::engine::shared::Shared;
use msgq_core::queue::QueueError;
use std::sync::Arc;

pub(in crate::engine) struct PrivateCourier {
    shared: Arc<Shared>,
}

impl PrivateCourier {
    pub(in crate::engine) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(in crate::engine) fn run(self) {
        let Shared { outbox, lifecycle, .. } = &*self.shared;
        while let Some(answer) = outbox.next_private_to_send(lifecycle) {
            let sent = self.try_send(&answer);
            kill_point("courier-sent");
            outbox.end_private_send(&answer, &sent);
        }
    }

    /// SENDING only in the call, so that a server that dies while an answer waits leaves no doubt about it.
    fn try_send(&self, answer: &AnswerToSend) -> Result<(), QueueError> {
        let outbox = &self.shared.outbox;
        outbox.begin_send(answer);
        kill_point("courier-sending");
        let sent = answer.queue.try_send_framed(answer.message());
        if sent.is_err() {
            outbox.note_refused(answer);
        }
        sent
    }
}
