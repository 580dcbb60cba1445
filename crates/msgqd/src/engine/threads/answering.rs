//! What a worker does with a request that it has: check, handle, answer. It never waits in msgsnd.

use super::receiving::Receipt;
use crate::engine::admission;
use crate::engine::clients::{Generation, Gone};
use crate::engine::kill_points::kill_point;
use crate::engine::outbox::{Origin, PendingAnswer, response_message};
use crate::engine::outcome::handled;
use crate::engine::shared::Shared;
use crate::handler::{Handler, HandlerRequest, Reply};
use msgq_core::layout::{self, Malformed, Request};
use msgq_core::process::ClientPid;
use msgq_core::queue::Queue;
use msgq_core::table::{Counters, Metrics, RESPONSE_MESSAGE_LEN, SlotHeader, SlotState};
use nix::errno::Errno;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The part of a worker that answers.
pub(super) struct Answering<'a> {
    shared: &'a Shared,
    /// Of the worker and its landing slot.
    index: usize,
    slot: &'a SlotHeader,
    handler: Arc<dyn Handler>,
    /// When the last answer was ready.
    answered_at: Cell<Instant>,
}

/// Where bodies are looked at and answers made. Kept from request to request, since each overwrites what it needs.
pub(super) struct Scratch {
    /// One byte more than a request may have is enough to know that it is too long.
    body: [u8; layout::BODY_LEN_LP64 + 1],
    message: [u8; RESPONSE_MESSAGE_LEN],
}

/// What is known of the request in hand.
struct InHand<'a> {
    metrics: Metrics<'a>,
    client: ClientPid,
    generation: Generation,
    sequence: u64,
    received_at: Instant,
    queue: Queue,
}

/// After a handler that took longer than this, the client is asked after by its pidfd. Below, the janitor's note of a
/// death is soon enough.
const SLOW: Duration = Duration::from_millis(1);

impl<'a> Answering<'a> {
    pub(super) fn new(shared: &'a Shared, index: usize, slot: &'a SlotHeader, handler: Arc<dyn Handler>) -> Self {
        Self { shared, index, slot, handler, answered_at: Cell::new(Instant::now()) }
    }

    pub(super) fn set_handler(&mut self, handler: Arc<dyn Handler>) {
        self.handler = handler;
    }

    /// When the last answer was ready.
    pub(super) fn answered_at(&self) -> Instant {
        self.answered_at.get()
    }

    pub(super) fn serve(&self, receipt: Receipt<'a>, scratch: &mut Scratch) {
        let Scratch { body, message } = scratch;
        let length = receipt.length.min(body.len());
        let Some(body) = body.get_mut(..length) else { return };
        if self.shared.table.read_landed(self.index, body) {
            self.serve_body(receipt, body, message);
        }
    }

    fn serve_body(&self, receipt: Receipt<'a>, body: &[u8], message: &mut [u8; RESPONSE_MESSAGE_LEN]) {
        let events = &self.shared.events;
        match layout::decode_request(body) {
            Ok(request) => {
                if let Some(in_hand) = self.admit(receipt, request.claimed_pid) {
                    let reply = self.handle(&in_hand, &request);
                    if !self.shared.lifecycle.is_aborting() {
                        self.answer(&in_hand, &reply, request.response_len, message);
                    }
                }
            }
            Err(error @ Malformed::TooShort { .. }) => {
                Counters::add(&self.shared.counters().malformed_short);
                events.short.warn(|| format!("dropped a request: {error}"));
            }
            Err(Malformed::TooLong { claimed_pid, .. }) => {
                Counters::add(&self.shared.counters().malformed_long);
                if let Some(in_hand) = self.admit(receipt, claimed_pid) {
                    let error = Malformed::TooLong { len: receipt.length, claimed_pid };
                    events.long.warn(|| format!("refused a request of client {claimed_pid}: {error}"));
                    let reply = Reply::error(&error.to_string());
                    self.answer(&in_hand, &reply, layout::BODY_LEN_ILP32, message);
                }
            }
        }
    }

    fn admit(&self, receipt: Receipt<'a>, claimed_pid: i32) -> Option<InHand<'a>> {
        let (client, generation) = admission::admit(self.shared, claimed_pid)?;
        self.slot.generation.store(generation.number(), Ordering::Relaxed);
        let sequence = self.slot.sequence.load(Ordering::Relaxed);
        let Receipt { metrics, queue, at: received_at, .. } = receipt;
        Some(InHand { metrics, client, generation, sequence, received_at, queue })
    }

    fn handle(&self, in_hand: &InHand<'_>, request: &Request<'_>) -> Reply {
        kill_point("handling");
        let request = HandlerRequest {
            client: in_hand.client,
            id: in_hand.sequence,
            text: request.text,
            received_at: in_hand.received_at,
        };
        handled(&*self.handler, &request, &in_hand.metrics, &self.shared.events)
    }

    fn answer(
        &self,
        in_hand: &InHand<'_>,
        reply: &Reply,
        response_len: usize,
        message: &mut [u8; RESPONSE_MESSAGE_LEN],
    ) {
        let shared = self.shared;
        let message = response_message(message, in_hand.client, reply, response_len);
        shared.table.write_landing_response(self.index, message);
        self.slot.set_state(SlotState::Ready);
        kill_point("answered");
        let ready_at = Instant::now();
        self.answered_at.set(ready_at);
        let took = ready_at.saturating_duration_since(in_hand.received_at);
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        in_hand.metrics.record_handler_latency(took_ns);
        if took > SLOW && !shared.clients.is_same(in_hand.client, in_hand.generation) {
            Counters::add(&shared.counters().client_gone);
            return;
        }
        if shared.reloadable.has_several_workers()
            && shared.clients.is_earlier_in_hand(in_hand.client, in_hand.sequence)
        {
            return self.post(in_hand, message);
        }
        // SENDING is stored before HELD is loaded: see `clients`.
        self.slot.set_state(SlotState::Sending);
        kill_point("sending");
        match shared.clients.may_send_directly(in_hand.client, in_hand.generation) {
            Err(Gone) => Counters::add(&shared.counters().client_gone),
            Ok(false) => self.post(in_hand, message),
            Ok(true) if shared.congestion.is_congested() && !shared.congestion.has_room_for_answers(&in_hand.queue) => {
                self.post(in_hand, message);
            }
            Ok(true) => match in_hand.queue.try_send_framed(message) {
                Ok(()) => {
                    kill_point("sent");
                    in_hand.metrics.add(&in_hand.metrics.counters().answered);
                    in_hand.metrics.record_latency(took_ns);
                }
                // ENOMEM is the kernel's for the moment: the outbox keeps the answer until there is room again.
                Err(error) if error.errno() == Errno::ENOMEM => self.post(in_hand, message),
                Err(error) if error.errno() == Errno::EAGAIN => {
                    Counters::add(&shared.counters().queue_full);
                    shared.congestion.begin();
                    self.post(in_hand, message);
                }
                Err(error) => shared.events.answer_refused(shared.counters(), in_hand.client, &error),
            },
        }
    }

    /// READY, and no longer SENDING, before the outbox is locked: its holder may be waiting for the end of SENDING.
    fn post(&self, in_hand: &InHand<'_>, message: &[u8]) {
        self.slot.set_state(SlotState::Ready);
        self.shared.outbox.post(&PendingAnswer {
            client: in_hand.client,
            generation: in_hand.generation,
            sequence: in_hand.sequence,
            received_at_ns: self.shared.intake.nanoseconds_at(in_hand.received_at),
            queue: in_hand.queue,
            message,
            origin: Origin::Landing(self.index),
        });
    }
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { body: [0; _], message: [0; _] }
    }
}
