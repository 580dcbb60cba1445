//! Answers that a daemon was sending when it died: was it before or after the kernel took them?
//!
//! In order of their weight: the answer rests in the queue, so it was sent. Its client asked again, so it has its answer.
//! Otherwise the answer is sent once more, without waiting, and looked after at once. Handed over directly, its client
//! was waiting for it. Resting, its client was not waiting: it has its answer, and must not find it a second time. So it
//! is taken back; that a client was only slow to come is not excluded, and counted as ambiguous.

use super::left::Recovery;
use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::process::ClientPid;
use msgq_core::queue::{Browse, BrowseLimits, MessageBuffer, Queue, framed};
use msgq_core::table::Counters;
use nix::errno::Errno;
use std::collections::HashSet;
use std::time::Duration;

pub(super) enum DoubtVerdict {
    /// Its client has it, or it is in the queue.
    Delivered,
    /// The queue is full, so nothing can be found out yet.
    Open,
}

/// What is in the queue before anybody takes something out.
pub(super) struct QueueView {
    resting: HashSet<Vec<u8>>,
    asking: HashSet<i32>,
}

/// Behind these limits the rest of the queue is not seen.
const VIEW_LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_secs(1), messages: 16_384 };
/// The same for one client, while the service runs.
const ASK_LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_millis(2), messages: 256 };

impl QueueView {
    pub(super) fn of(queue: &Queue) -> Self {
        let mut view = Self { resting: HashSet::new(), asking: HashSet::new() };
        let mut buffer = MessageBuffer::new();
        let mut browse = Browse::new(*queue, VIEW_LIMITS, &mut buffer);
        while let Some((_, message)) = browse.next_message() {
            if message.mtype() == REQUEST_MTYPE {
                view.asking.extend(claimed_pid(message.body()));
            } else {
                view.resting.insert(framed(message.mtype(), message.body()));
            }
        }
        view
    }
}

/// True when a request of this client waits in the queue, as far as a short look shows.
pub(in crate::engine) fn request_waits(queue: &Queue, client: ClientPid, buffer: &mut MessageBuffer) -> bool {
    let mut browse = Browse::new(*queue, ASK_LIMITS, buffer);
    while let Some((_, message)) = browse.next_message() {
        if message.mtype() == REQUEST_MTYPE && claimed_pid(message.body()) == Some(client.get()) {
            return true;
        }
    }
    false
}

fn claimed_pid(body: &[u8]) -> Option<i32> {
    body.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes))
}

/// Decides over an answer that was being sent.
pub(super) fn settle_doubt(
    recovery: &Recovery<'_>,
    view: &QueueView,
    client: ClientPid,
    message: &[u8],
    asked_again: bool,
) -> DoubtVerdict {
    let (queue, counters) = (&recovery.queue, recovery.shared.counters());
    if view.resting.contains(message) || view.asking.contains(&client.get()) || asked_again {
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
            let rests = queue.has_message(client.as_mtype()).unwrap_or(false);
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
