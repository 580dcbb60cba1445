//! Answers that a daemon was sending when it died: was it before or after the kernel took them?
//!
//! In order of their weight: the answer rests in the queue, so it was sent. An earlier one of its client rests there, and this
//! one does not, so it was not sent: who reads, reads in order. Its client asked again, so it has its answer.
//! Otherwise the answer is sent once more, without waiting, and looked after at once. Handed over directly, its client
//! was waiting for it. Resting, its client was not waiting: it has its answer, and must not find it a second time. So it
//! is taken back; that a client was only slow to come is not excluded, and counted as ambiguous.

use super::left::Recovery;
use crate::engine::kill_points::kill_point;
use crate::engine::shared::Shared;
use msgq_core::layout::protocol::Protocol;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{Browse, BrowseLimits, MessageBuffer, Queue, framed};
use msgq_core::table::Counters;
use nix::errno::Errno;
use std::collections::HashSet;
use std::time::Duration;

pub(super) enum DoubtVerdict {
    /// Its client has it, or it is in the queue.
    Delivered,
    /// The daemon died before the kernel took it.
    Unsent,
    /// The queue is full, so nothing can be found out yet.
    Open,
}

/// What is in the queue of answers before anybody takes something out.
#[derive(Default)]
pub(super) struct QueueView {
    resting: HashSet<Vec<u8>>,
    /// Types of what rests.
    not_read: HashSet<i64>,
}

/// Behind these limits the rest of the queue is not seen.
pub(super) const VIEW_LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_secs(1), messages: 16_384 };
/// The same for one client, while the service runs.
const ASK_LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_millis(2), messages: 256 };

impl QueueView {
    /// True when this message rested.
    pub(super) fn holds(&self, message: &[u8]) -> bool {
        self.resting.contains(message)
    }

    /// True when a message of this type rested.
    pub(super) fn not_read(&self, mtype: i64) -> bool {
        self.not_read.contains(&mtype)
    }

    pub(super) fn of(shared: &Shared) -> Self {
        let is_request = |mtype| !shared.has_second_queue() && shared.protocol.request_types().contains(mtype);
        let mut view = Self::default();
        let mut buffer = MessageBuffer::new();
        let mut browse = Browse::new(shared.answers.current(), VIEW_LIMITS, &mut buffer);
        while let Some((_, message)) = browse.next_message() {
            if !is_request(message.mtype()) {
                view.not_read.insert(message.mtype());
                view.resting.insert(framed(message.mtype(), message.body()));
            }
        }
        view
    }
}

/// True when a request of this client waits in the queue, as far as a short look shows.
pub(in crate::engine) fn request_waits(
    queue: &Queue,
    protocol: &Protocol,
    client: ClientNumber,
    buffer: &mut MessageBuffer,
) -> bool {
    asks(protocol, client, Browse::new(*queue, ASK_LIMITS, buffer))
}

fn asks(protocol: &Protocol, client: ClientNumber, mut browse: Browse<'_>) -> bool {
    while let Some((_, message)) = browse.next_message() {
        if protocol.request_types().contains(message.mtype())
            && protocol.claimed_client(message.mtype(), message.body()) == Some(client.get())
        {
            return true;
        }
    }
    false
}

/// True when a request of this client waits among those that are served.
pub(super) fn has_asked(recovery: &Recovery<'_>, client: ClientNumber) -> bool {
    let mut buffer = MessageBuffer::new();
    let requests = recovery.shared.served.current();
    asks(&recovery.shared.protocol, client, Browse::new(requests, VIEW_LIMITS, &mut buffer))
}

/// Decides over an answer that was being sent.
pub(super) fn settle_doubt(
    recovery: &Recovery<'_>,
    view: &QueueView,
    client: ClientNumber,
    message: &[u8],
    asked_again: bool,
) -> DoubtVerdict {
    let (queue, counters) = (&recovery.answers, recovery.shared.counters());
    let mtype = recovery.shared.mtype_of(client);
    let rests = view.resting.contains(message);
    if !rests && (view.not_read.contains(&mtype) || queue.has_message(mtype).unwrap_or(false)) {
        return DoubtVerdict::Unsent;
    }
    kill_point("settling-doubt");
    // A look of its own, straight before the send: a client that has its answer already may have asked again since the
    // view was taken, and would get the old answer for the new one.
    if rests || asked_again || has_asked(recovery, client) {
        Counters::add(&counters.recovered_delivered);
        return DoubtVerdict::Delivered;
    }
    match queue.try_send_framed(message) {
        Err(error) if matches!(error.errno(), Errno::EAGAIN | Errno::ENOMEM) => DoubtVerdict::Open,
        Err(error) => {
            recovery.shared.events.answer_refused(counters, client, &error);
            DoubtVerdict::Delivered
        }
        Ok(()) => {
            let rests = queue.has_message(mtype).unwrap_or(false);
            // Into the new table, which nobody finds before it is published: after a kill in here the answer stands in the
            // earlier table only, in doubt as before.
            let fate = if rests && recovery.shared.outbox.withdraw(client, None, queue) {
                &counters.recovered_ambiguous
            } else {
                &counters.recovered_delivered
            };
            recovery.shared.outbox.finish_withdrawal();
            Counters::add(fate);
            DoubtVerdict::Delivered
        }
    }
}
