//! The courier: the one thread that may block in msgsnd.
//!
//! It goes round the lines and sends one answer of each client, but only while nothing else rests for that client.
//! Afterwards it looks whether the answer rests: if not, its client was waiting and has it; if so, it is an *offer*, and
//! nothing more of that client is sent until the offer is read or taken back. So at most one answer of a waiting line
//! rests, and one receive takes it back without a chance to change the order.

use super::post::{check_offers, delivered, withdraw};
use super::recovery;
use super::shared::Shared;
use super::test_switches::kill_point;
use msgq_core::identity::ClientPid;
use msgq_core::inflight::{Counters, RESPONSE_MESSAGE_LEN, SlotHeader, SlotState};
use msgq_core::queue::{MessageBuffer, Queue, QueueError};
use nix::errno::Errno;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(super) struct Courier {
    shared: Arc<Shared>,
    buffer: MessageBuffer,
    /// Answers that may be sent before the next look at the queue's fill.
    budget: u64,
}

enum Sent {
    Done,
    /// An earlier answer of the client, which a worker sent directly, still rests.
    TooEarly,
    Cancelled,
    Failed(QueueError),
}

/// How long a line is set aside whose earlier request is still with a worker, or whose earlier answer rests.
const RETRY_AFTER: Duration = Duration::from_millis(2);
/// Shortest and longest time between two looks at what became of the offers.
const FIRST_LOOK: Duration = Duration::from_micros(50);
const LAST_LOOK: Duration = Duration::from_millis(10);

impl Courier {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let buffer = MessageBuffer::with_body_room(shared.settings.message_room);
        Self { shared, buffer, budget: 0 }
    }

    pub(super) fn run(mut self) {
        while let Some((client, slot)) = self.next() {
            self.deliver(client, slot);
        }
    }

    /// The next answer to send; `None` when the engine stops.
    fn next(&mut self) -> Option<(ClientPid, u32)> {
        let shared = Arc::clone(&self.shared);
        let mut outbox = shared.outbox();
        let mut look = FIRST_LOOK;
        while !shared.is_stopping() {
            shared.note_backlog(&outbox);
            if outbox.offer_count() > 0 {
                check_offers(&shared, &mut outbox);
            }
            if outbox.offer_count() < shared.offer_limit() {
                let retry_at = Instant::now() + RETRY_AFTER;
                let may_go = |client, sequence| !shared.is_earlier_in_hand(client, sequence);
                if let Some((client, slot)) = outbox.take_next(may_go, retry_at) {
                    shared.courier_client.store(client.get(), Ordering::SeqCst);
                    return Some((client, slot));
                }
            }
            if !outbox.has_ready() {
                shared.end_congestion();
            }
            let limit = if outbox.offer_count() > 0 { look } else { IDLE };
            look = (look * 2).min(LAST_LOOK);
            outbox = shared.wait_for_letters(outbox, limit);
        }
        None
    }

    fn deliver(&mut self, client: ClientPid, slot: u32) {
        let shared = Arc::clone(&self.shared);
        let Some(header) = shared.table.response(slot) else { return };
        let queue = shared.queue_with_id(header.msqid.load(Ordering::Relaxed));
        let mut message = [0; RESPONSE_MESSAGE_LEN];
        let len = shared.table.read_response(slot, &mut message);
        if header.doubtful.load(Ordering::Relaxed) != 0 {
            return self.try_doubtful(client, slot, header, &queue, message.get(..len).unwrap_or_default());
        }
        header.set_state(SlotState::Sending);
        kill_point("courier-sending");
        let sent = self.send(&queue, message.get(..len).unwrap_or_default(), client);
        kill_point("courier-sent");
        let mut outbox = shared.outbox();
        shared.courier_client.store(0, Ordering::SeqCst);
        let still_wanted = outbox.phase(client) == Some(super::outbox::Phase::Sending(slot));
        match sent {
            Sent::Done if still_wanted => {
                if queue.rests(client.as_mtype()).unwrap_or(false) {
                    header.set_state(SlotState::Offered);
                    outbox.offered(client, slot, Instant::now());
                } else {
                    delivered(&shared, &mut outbox, client, slot);
                }
            }
            Sent::Done => {
                let _ = queue.try_receive(client.as_mtype(), &mut self.buffer);
                header.set_state(SlotState::Armed);
                outbox.release(slot);
                Counters::add(&shared.counters().client_gone);
            }
            Sent::TooEarly | Sent::Cancelled if still_wanted => {
                header.set_state(SlotState::Ready);
                let sequence = header.sequence.load(Ordering::Relaxed);
                outbox.not_sent(client, slot, sequence, Instant::now() + RETRY_AFTER);
            }
            Sent::TooEarly | Sent::Cancelled => {
                header.set_state(SlotState::Armed);
                outbox.release(slot);
                Counters::add(&shared.counters().client_gone);
            }
            Sent::Failed(error) => {
                self.shared.count_failure(client, &error);
                header.set_state(SlotState::Armed);
                if still_wanted {
                    if outbox.delivered(client, slot) {
                        shared.clients.let_go(client);
                    }
                } else {
                    outbox.release(slot);
                }
            }
        }
    }

    /// An answer of which it is not known whether a daemon that died had sent it already.
    ///
    /// A newer request of the client shows that it had. Otherwise it is sent, without waiting, and looked after at once:
    /// handed over, its client was waiting for it; resting, its client was not, has it, and must not find it again.
    fn try_doubtful(&mut self, client: ClientPid, slot: u32, header: &SlotHeader, queue: &Queue, message: &[u8]) {
        let shared = Arc::clone(&self.shared);
        let asked_again = !shared.outbox().waiting(client).is_empty()
            || shared.in_hand_of(client).next().is_some()
            || recovery::request_waits(queue, client, &mut self.buffer);
        header.set_state(SlotState::Sending);
        let sent = if asked_again { Ok(()) } else { queue.try_send_framed(message) };
        let mut outbox = shared.outbox();
        shared.courier_client.store(0, Ordering::SeqCst);
        let still_wanted = outbox.phase(client) == Some(super::outbox::Phase::Sending(slot));
        match sent {
            Err(error) if error.errno() == Errno::EAGAIN && still_wanted => {
                header.set_state(SlotState::Ready);
                let sequence = header.sequence.load(Ordering::Relaxed);
                return outbox.not_sent(client, slot, sequence, Instant::now() + RETRY_AFTER);
            }
            Err(error) if error.errno() != Errno::EAGAIN => shared.count_failure(client, &error),
            _ if asked_again => Counters::add(&shared.counters().recovered_delivered),
            Ok(()) if queue.rests(client.as_mtype()).unwrap_or(false) && withdraw(&shared, client, queue) => {
                Counters::add(&shared.counters().recovered_ambiguous);
            }
            _ => {}
        }
        if still_wanted {
            delivered(&shared, &mut outbox, client, slot);
        } else {
            header.set_state(SlotState::Armed);
            outbox.release(slot);
            Counters::add(&shared.counters().client_gone);
        }
    }

    fn send(&mut self, queue: &Queue, message: &[u8], client: ClientPid) -> Sent {
        match queue.rests(client.as_mtype()) {
            Ok(true) => return Sent::TooEarly,
            Ok(false) => {}
            Err(error) => return Sent::Failed(error),
        }
        if self.budget == 0 {
            self.budget = self.shared.flow.wait_for_room(&self.shared.table, queue);
        }
        self.budget = self.budget.saturating_sub(1);
        loop {
            if self.shared.is_stopping() || self.shared.courier_cancel.load(Ordering::SeqCst) == client.get() {
                return Sent::Cancelled;
            }
            match queue.send_framed(message) {
                Ok(()) => return Sent::Done,
                Err(error) if error.errno() == Errno::EINTR => {}
                Err(error) => return Sent::Failed(error),
            }
        }
    }
}

const IDLE: Duration = Duration::from_secs(3600);
