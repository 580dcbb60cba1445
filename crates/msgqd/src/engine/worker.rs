//! A worker: receive, check, handle, answer. It never waits in msgsnd.

use super::clients::{Generation, Gone};
use super::post::{self, Letter};
use super::shared::{Shared, now_ns};
use crate::handler::{HandlerRequest, Reply};
use msgq_core::frame::{self, Malformed, REQUEST_MTYPE, Request, Response};
use msgq_core::identity::ClientPid;
use msgq_core::inflight::{Counters, RESPONSE_MESSAGE_LEN, SlotHeader, SlotState};
use msgq_core::queue::{MessageBuffer, Queue, QueueError};
use nix::errno::Errno;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub(super) struct Worker {
    shared: Arc<Shared>,
    index: usize,
}

/// What is known of the request in hand.
struct InHand<'a> {
    slot: &'a SlotHeader,
    client: ClientPid,
    generation: Generation,
    sequence: u64,
    received_at_ns: u64,
    queue: Queue,
}

/// After a handler that took longer than this, the client is asked after by its pidfd. Below, the janitor's note of a
/// death is soon enough.
const SLOW: Duration = Duration::from_millis(1);

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, index: usize) -> Self {
        Self { shared, index }
    }

    pub(super) fn run(self) {
        if let Some(own) = ClientPid::new(nix::unistd::gettid().as_raw()) {
            self.shared.clients.refuse_own(own);
        }
        let shared = Arc::clone(&self.shared);
        let Some(slot) = shared.table.landing(self.index) else { return };
        while !shared.is_stopping() {
            if let Some((queue, length)) = self.receive(slot) {
                self.serve(slot, queue, length);
                slot.set_state(SlotState::Armed);
            }
        }
    }

    /// Receives and numbers one request; `None` when there is none.
    fn receive(&self, slot: &SlotHeader) -> Option<(Queue, usize)> {
        let several = self.shared.settings.workers > 1;
        let _receipt = several.then(|| self.shared.receipt.lock().unwrap_or_else(PoisonError::into_inner));
        if self.shared.is_stopping() {
            return None;
        }
        let queue = self.shared.queue();
        let length = match self.shared.table.receive(self.index, &queue, REQUEST_MTYPE) {
            Ok(length) => length,
            Err(error) => {
                self.receive_failed(slot, queue, &error);
                return None;
            }
        };
        self.received(slot, &queue, length, self.shared.table.claimed_pid(self.index, length));
        Some((queue, length))
    }

    fn received(&self, slot: &SlotHeader, queue: &Queue, length: usize, claimed_pid: i32) {
        slot.received_at_ns.store(now_ns(), Ordering::Relaxed);
        slot.msqid.store(queue.id(), Ordering::Relaxed);
        slot.body_len.store(u32::try_from(length).unwrap_or(u32::MAX), Ordering::Relaxed);
        slot.sequence.store(self.shared.next_sequence(), Ordering::Relaxed);
        slot.set_client(claimed_pid);
        slot.set_state(SlotState::Received);
        Counters::add(&self.shared.counters().received);
    }

    fn receive_failed(&self, slot: &SlotHeader, queue: Queue, error: &QueueError) {
        match error.errno() {
            Errno::EINTR => {}
            Errno::E2BIG => self.receive_wide(slot, queue),
            _ if error.is_gone() => self.shared.queue_lost(&queue, error),
            _ => {
                Counters::add(&self.shared.counters().receive_failed);
                self.shared.events.receive_failed.error(|| format!("cannot receive requests: {error}; trying again"));
                std::thread::sleep(RECEIVE_PAUSE);
            }
        }
    }

    /// Takes a message that is wider than the landing slot, since `kernel.msgmax` was raised after the start. Left
    /// where it is it would block every other request for ever.
    fn receive_wide(&self, slot: &SlotHeader, queue: Queue) {
        let mut buffer = MessageBuffer::new();
        if matches!(queue.try_receive(REQUEST_MTYPE, &mut buffer), Ok(true)) {
            let body = buffer.body();
            let claimed_pid = body.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
            self.received(slot, &queue, body.len(), claimed_pid);
            self.serve_body(slot, queue, body);
            slot.set_state(SlotState::Armed);
        }
    }

    fn serve(&self, slot: &SlotHeader, queue: Queue, length: usize) {
        // One byte more than a request may have is enough to know that it is too long.
        let mut body = [0; frame::BODY_LEN_LP64 + 1];
        let Some(body) = body.get_mut(..length.min(frame::BODY_LEN_LP64 + 1)) else { return };
        if self.shared.table.read_request(self.index, body) {
            self.serve_body(slot, queue, body);
        }
    }

    fn serve_body(&self, slot: &SlotHeader, queue: Queue, body: &[u8]) {
        let events = &self.shared.events;
        match frame::decode_request(body) {
            Ok(request) => {
                if let Some(in_hand) = self.admit(slot, queue, request.claimed_pid) {
                    let reply = self.handle(&in_hand, &request);
                    self.answer(&in_hand, &reply, request.response_len);
                }
            }
            Err(error @ Malformed::TooShort { .. }) => {
                Counters::add(&self.shared.counters().malformed_short);
                events.short.warn(|| format!("dropped a request: {error}"));
            }
            Err(Malformed::TooLong { claimed_pid, .. }) => {
                Counters::add(&self.shared.counters().malformed_long);
                if let Some(in_hand) = self.admit(slot, queue, claimed_pid) {
                    let len = usize::try_from(slot.body_len.load(Ordering::Relaxed)).unwrap_or(body.len());
                    let error = Malformed::TooLong { len, claimed_pid };
                    events.long.warn(|| format!("refused a request of client {claimed_pid}: {error}"));
                    self.answer(&in_hand, &Reply::error(&error.to_string()), frame::BODY_LEN_ILP32);
                }
            }
        }
    }

    fn admit<'a>(&self, slot: &'a SlotHeader, queue: Queue, claimed_pid: i32) -> Option<InHand<'a>> {
        let (shared, counters) = (&self.shared, self.shared.counters());
        let possible = ClientPid::new(claimed_pid)
            .filter(|client| client.get() < shared.pid_max && !shared.clients.is_own(*client));
        let Some(client) = possible else {
            Counters::add(&counters.refused_pid);
            shared.events.impossible_pid.warn(|| {
                format!(
                    "dropped a request that names PID {claimed_pid}, which no client can have (1 < PID < {}, not the \
                     server's own)",
                    shared.pid_max
                )
            });
            return None;
        };
        let generation = shared.clients.admit(client).unwrap_or_else(|error| {
            shared.events.receive_failed.error(|| format!("cannot watch client {client}: {error}"));
            msgq_core::identity::number_is_in_use(client).then(|| shared.clients.generation(client))
        });
        let Some(generation) = generation else {
            Counters::add(&counters.refused_nobody);
            shared.events.nobody.warn(|| {
                format!(
                    "dropped a request that names PID {client}: no living process or thread has it; the client \
                         died, or runs in another PID namespace"
                )
            });
            return None;
        };
        slot.generation.store(generation.number(), Ordering::Relaxed);
        let sequence = slot.sequence.load(Ordering::Relaxed);
        let received_at_ns = slot.received_at_ns.load(Ordering::Relaxed);
        Some(InHand { slot, client, generation, sequence, received_at_ns, queue })
    }

    fn handle(&self, in_hand: &InHand<'_>, request: &Request<'_>) -> Reply {
        self.shared.handler.handle(&HandlerRequest {
            client: in_hand.client,
            id: in_hand.sequence,
            text: request.text,
            received_at: Instant::now(),
        })
    }

    fn answer(&self, in_hand: &InHand<'_>, reply: &Reply, response_len: usize) {
        let shared = &self.shared;
        let response = Response::new(reply.status(), reply.text(), response_len);
        let mut message = [0; RESPONSE_MESSAGE_LEN];
        let message = framed(&mut message, in_hand.client, response.as_bytes());
        shared.table.write_landing_response(self.index, message);
        in_hand.slot.set_state(SlotState::Ready);
        let took = now_ns().saturating_sub(in_hand.received_at_ns);
        if u128::from(took) > SLOW.as_nanos() && !shared.clients.is_same(in_hand.client, in_hand.generation) {
            Counters::add(&shared.counters().client_gone);
            return;
        }
        let several = shared.settings.workers > 1;
        if several && shared.is_earlier_in_hand(in_hand.client, in_hand.sequence) {
            return self.post(in_hand, message);
        }
        // SENDING is stored before HELD is loaded: see `clients`.
        in_hand.slot.set_state(SlotState::Sending);
        match shared.clients.may_send_directly(in_hand.client, in_hand.generation) {
            Err(Gone) => Counters::add(&shared.counters().client_gone),
            Ok(false) => self.post(in_hand, message),
            Ok(true) if shared.is_congested() && !is_half_empty(&in_hand.queue) => self.post(in_hand, message),
            Ok(true) => match in_hand.queue.try_send_framed(message) {
                Ok(()) => {
                    Counters::add(&shared.counters().answered);
                    shared.table.latency().record(took);
                }
                Err(error) if error.errno() == Errno::EAGAIN => {
                    Counters::add(&shared.counters().queue_full);
                    shared.begin_congestion();
                    self.post(in_hand, message);
                }
                Err(error) => shared.count_failure(in_hand.client, &error),
            },
        }
    }

    /// READY, and no longer SENDING, before the outbox is locked: its holder may be waiting for the end of SENDING.
    fn post(&self, in_hand: &InHand<'_>, message: &[u8]) {
        in_hand.slot.set_state(SlotState::Ready);
        post::post(
            &self.shared,
            &Letter {
                client: in_hand.client,
                generation: in_hand.generation,
                sequence: in_hand.sequence,
                received_at_ns: in_hand.received_at_ns,
                queue: in_hand.queue,
                message,
            },
        );
    }
}

fn framed<'a>(message: &'a mut [u8; RESPONSE_MESSAGE_LEN], client: ClientPid, body: &[u8]) -> &'a [u8] {
    let mtype = client.as_mtype().to_ne_bytes();
    let len = mtype.len() + body.len();
    for (to, from) in message.iter_mut().zip(mtype.iter().chain(body)) {
        *to = *from;
    }
    message.get(..len).unwrap_or_default()
}

fn is_half_empty(queue: &Queue) -> bool {
    queue.stat().is_ok_and(|stat| stat.bytes <= stat.max_bytes / 2)
}

const RECEIVE_PAUSE: Duration = Duration::from_millis(200);
