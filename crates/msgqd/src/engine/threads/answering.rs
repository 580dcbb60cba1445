//! What a worker does with a request that it has: check, handle, answer. It never waits in msgsnd.

use super::receiving::Receipt;
use crate::engine::admission;
use crate::engine::clients::{Generation, Gone};
use crate::engine::kill_points::kill_point;
use crate::engine::outbox::{Origin, PendingAnswer, response_message};
use crate::engine::outcome::handled;
use crate::engine::parts::PartsMaker;
use crate::engine::private_queues::VerifiedQueues;
use crate::engine::shared::Shared;
use crate::handler::{Handler, HandlerRequest, Reply};
use msgq_core::layout::Malformed;
use msgq_core::layout::protocol::{ReplyRoute, RequestView, ResponseForm};
use msgq_core::process::ClientNumber;
use msgq_core::queue::Queue;
use msgq_core::table::{Counters, Metrics, Series, SlotHeader, SlotState, Table};
use msgq_core::time::monotonic_ns;
use nix::errno::Errno;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The part of a worker that answers.
pub(super) struct Answering<'a> {
    shared: &'a Shared,
    /// Of the worker and its landing slot.
    index: usize,
    slot: &'a SlotHeader,
    metrics: Metrics<'a>,
    handler: Arc<dyn Handler>,
    /// `None` where answers go to queues of the server's.
    private_queues: Option<VerifiedQueues>,
    /// When the last answer was ready.
    answered_at_ns: Cell<u64>,
}

/// Where bodies are looked at and answers made. Kept from request to request, since each overwrites what it needs.
pub(super) struct Scratch {
    /// One byte more than a request may have is enough to know that it is too long.
    body: Vec<u8>,
    message: Vec<u8>,
}

/// What is known of the request in hand.
struct InHand {
    client: ClientNumber,
    generation: Generation,
    sequence: u64,
    received_at_ns: u64,
    /// Where the answer goes.
    answers: Queue,
}

/// After a handler that took longer than this, the client is asked after by its pidfd. Below, the janitor's note of a
/// death is soon enough.
const SLOW_NS: u64 = 1_000_000;

impl<'a> Answering<'a> {
    pub(super) fn new(shared: &'a Shared, index: usize, slot: &'a SlotHeader, handler: Arc<dyn Handler>) -> Self {
        let metrics = shared.table.metrics_of(index);
        let private_queues = (shared.protocol.route() == ReplyRoute::Private).then(VerifiedQueues::new);
        Self { shared, index, slot, metrics, handler, private_queues, answered_at_ns: Cell::new(monotonic_ns()) }
    }

    pub(super) fn set_handler(&mut self, handler: Arc<dyn Handler>) {
        self.handler = handler;
    }

    pub(super) fn handler(&self) -> &Arc<dyn Handler> {
        &self.handler
    }

    /// What was in hand has its end, without an answer.
    pub(super) fn note_answered(&self) {
        self.answered_at_ns.set(monotonic_ns());
    }

    /// When the last answer was ready.
    pub(super) fn answered_at_ns(&self) -> u64 {
        self.answered_at_ns.get()
    }

    pub(super) fn serve(&self, receipt: Receipt, scratch: &mut Scratch) {
        let Scratch { body, message } = scratch;
        let length = receipt.length.min(body.len());
        let Some(body) = body.get_mut(..length) else { return };
        if self.shared.table.read_landed(self.index, body) && self.is_request() {
            self.serve_body(receipt, body, message);
        }
    }

    /// False, counted and logged, for a message that came along: where requests have several types, the kernel gives out
    /// every type up to the highest.
    fn is_request(&self) -> bool {
        let types = self.shared.protocol.request_types();
        if types.only().is_some() {
            return true;
        }
        let mtype = self.shared.table.landed_mtype(self.index);
        let is_request = types.contains(mtype);
        if !is_request {
            Counters::add(&self.shared.counters().malformed_short);
            let event = &self.shared.events.short;
            event.warn(|| format!("dropped a message of type {mtype}, which is none of request_types"));
        }
        is_request
    }

    fn serve_body(&self, receipt: Receipt, body: &[u8], message: &mut [u8]) {
        let mtype = self.request_mtype();
        match self.shared.protocol.read_request(mtype, body) {
            Ok(view) => {
                if let Some(in_hand) = self.admit(receipt, view.claimed_client, Some(view.form), body) {
                    let request = self.as_handed_on(&in_hand, view);
                    let reply = handled(&*self.handler, &request, &self.metrics, &self.shared.events);
                    if !self.shared.lifecycle.is_aborting() {
                        self.answer(&in_hand, &reply, request.view(), message);
                    }
                }
            }
            Err(error) => self.refuse(receipt, body, error, message),
        }
    }

    fn refuse(&self, receipt: Receipt, body: &[u8], error: Malformed, message: &mut [u8]) {
        let (events, counters) = (&self.shared.events, self.shared.counters());
        let Some(claimed_client) = error.claimed_client() else {
            Counters::add(&counters.malformed_short);
            return events.short.warn(|| format!("dropped a request: {error}"));
        };
        Counters::add(&counters.malformed_long);
        // As much was looked at as shows that it is too long.
        let error = error.with_len(receipt.length);
        if let Some(in_hand) = self.admit(receipt, claimed_client, None, body) {
            events
                .long
                .of_claimed(claimed_client)
                .warn(|| format!("refused a request of client {claimed_client}: {error}"));
            let reply = Reply::error(&error.to_string());
            self.answer(&in_hand, &reply, &RequestView::unreadable(self.request_mtype(), claimed_client), message);
        }
    }

    fn admit(&self, receipt: Receipt, claimed_client: i64, form: Option<ResponseForm>, body: &[u8]) -> Option<InHand> {
        let sequence = self.slot.sequence.load(Ordering::Relaxed);
        let (client, generation) = admission::admit(self.shared, sequence, claimed_client, form, body)?;
        self.slot.generation.store(generation.number(), Ordering::Relaxed);
        let Receipt { mut answers, at_ns: received_at_ns, .. } = receipt;
        if let Some(queues) = &self.private_queues {
            answers = queues.queue_for(self.shared, (client, generation), received_at_ns, body)?;
            self.slot.msqid.store(answers.id(), Ordering::Relaxed);
        }
        Some(InHand { client, generation, sequence, received_at_ns, answers })
    }

    fn as_handed_on<'r>(&'r self, in_hand: &InHand, view: RequestView<'r>) -> HandlerRequest<'r> {
        kill_point("handling");
        let protocol = &self.shared.protocol;
        HandlerRequest::new(protocol, in_hand.client, in_hand.sequence, view, in_hand.received_at_ns)
    }

    /// The type of the request in the slot.
    fn request_mtype(&self) -> i64 {
        let only = self.shared.protocol.request_types().only();
        only.unwrap_or_else(|| self.shared.table.landed_mtype(self.index))
    }

    fn answer(&self, in_hand: &InHand, reply: &Reply, request: &RequestView<'_>, message: &mut [u8]) {
        let shared = self.shared;
        if let Some(maker) = shared.parts_maker(&shared.table) {
            return self.answer_in_parts(in_hand, reply, request, message, maker);
        }
        let message = response_message(&shared.protocol, message, in_hand.client, request, reply);
        self.send(in_hand, message);
    }

    /// Apart, so that all other answers do without its code.
    #[cold]
    fn answer_in_parts(
        &self,
        in_hand: &InHand,
        reply: &Reply,
        request: &RequestView<'_>,
        message: &mut [u8],
        maker: PartsMaker<'_>,
    ) {
        let shared = self.shared;
        let (len, series) = maker.first_message(message, in_hand.client, request, reply);
        let message = message.get(..len).unwrap_or_default();
        if !series.is_some() {
            return self.send(in_hand, message);
        }
        // Always through the outbox: there HELD keeps everything else of its client back until the last part.
        self.slot.set_series(series);
        shared.table.write_landing_response(self.index, message);
        self.slot.set_state(SlotState::Ready);
        kill_point("answered-in-parts");
        let ready_at_ns = monotonic_ns();
        self.answered_at_ns.set(ready_at_ns);
        self.metrics.record_handler_latency(ready_at_ns.saturating_sub(in_hand.received_at_ns));
        self.post(in_hand, message);
        self.slot.set_series(Series::NONE);
    }

    #[inline(always)]
    fn send(&self, in_hand: &InHand, message: &[u8]) {
        let shared = self.shared;
        shared.table.write_landing_response(self.index, message);
        self.slot.set_state(SlotState::Ready);
        kill_point("answered");
        let ready_at_ns = monotonic_ns();
        self.answered_at_ns.set(ready_at_ns);
        let took_ns = ready_at_ns.saturating_sub(in_hand.received_at_ns);
        self.metrics.record_handler_latency(took_ns);
        if took_ns > SLOW_NS && !shared.clients.is_same(in_hand.client, in_hand.generation) {
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
            Ok(true)
                if shared.congestion.is_congested() && !shared.congestion.has_room_for_answers(&in_hand.answers) =>
            {
                self.post(in_hand, message);
            }
            Ok(true) => match in_hand.answers.try_send_framed(message) {
                Ok(()) => {
                    kill_point("sent");
                    self.metrics.add(&self.metrics.counters().answered);
                    self.metrics.record_latency(took_ns);
                }
                // ENOMEM is the kernel's for the moment: the outbox keeps the answer until there is room again.
                Err(error) if error.errno() == Errno::ENOMEM => self.post(in_hand, message),
                Err(error) if error.errno() == Errno::EAGAIN => {
                    shared.note_full_queue(in_hand.client, &in_hand.answers);
                    self.post(in_hand, message);
                }
                Err(error) => shared.note_refused_answer(in_hand.client, &error),
            },
        }
    }

    /// READY, and no longer SENDING, before the outbox is locked: its holder may be waiting for the end of SENDING.
    fn post(&self, in_hand: &InHand, message: &[u8]) {
        self.slot.set_state(SlotState::Ready);
        self.shared.outbox.post(&PendingAnswer {
            client: in_hand.client,
            generation: in_hand.generation,
            sequence: in_hand.sequence,
            received_at_ns: in_hand.received_at_ns,
            queue: in_hand.answers,
            message,
            origin: Origin::Landing(self.index),
        });
    }
}

impl Scratch {
    pub(super) fn new(table: &Table) -> Self {
        Self { body: vec![0; table.geometry().request_len + 1], message: table.response_room() }
    }
}
