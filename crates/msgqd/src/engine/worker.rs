//! A worker: receive, check, handle, answer. It never waits in msgsnd.

use super::admission;
use super::clients::{Generation, Gone};
use super::post::{self, Letter, Origin, response_message};
use super::shared::Shared;
use super::spin::{Found, Spin};
use super::test_switches::{self, kill_point};
use crate::handler::{Handler, HandlerRequest, Outcome, Reply};
use msgq_core::frame::{self, Malformed, REQUEST_MTYPE, Request};
use msgq_core::identity::ClientPid;
use msgq_core::inflight::{Books, Counters, RESPONSE_MESSAGE_LEN, SlotHeader, SlotState};
use msgq_core::limits;
use msgq_core::queue::{MessageBuffer, Queue, QueueError};
use nix::errno::Errno;
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub(super) struct Worker {
    shared: Arc<Shared>,
    index: usize,
    handler: Arc<dyn Handler>,
    handler_version: u64,
    spin: Spin,
    /// When the last answer was ready.
    answered_at: Cell<Instant>,
}

/// What is known of the request in hand.
struct InHand<'a> {
    books: Books<'a>,
    slot: &'a SlotHeader,
    client: ClientPid,
    generation: Generation,
    sequence: u64,
    received_at: Instant,
    queue: Queue,
}

/// A request that was just received.
#[derive(Clone, Copy)]
struct Receipt<'a> {
    books: Books<'a>,
    queue: Queue,
    length: usize,
    at: Instant,
}

/// Where bodies are looked at and answers made. Kept from request to request, since each overwrites what it needs.
struct Desk {
    /// One byte more than a request may have is enough to know that it is too long.
    body: [u8; frame::BODY_LEN_LP64 + 1],
    message: [u8; RESPONSE_MESSAGE_LEN],
}

/// What came of looking for a request.
enum Look {
    /// The length of its body.
    Found(usize, Found),
    InVain,
    LostTheCpu,
}

/// After a handler that took longer than this, the client is asked after by its pidfd. Below, the janitor's note of a
/// death is soon enough.
const SLOW: Duration = Duration::from_millis(1);

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, index: usize) -> Self {
        let handler_version = shared.staff.version();
        let handler = shared.staff.handler();
        Self { shared, index, handler, handler_version, spin: Spin::default(), answered_at: Cell::new(Instant::now()) }
    }

    pub(super) fn run(mut self) {
        if let Some(own) = ClientPid::new(nix::unistd::gettid().as_raw()) {
            self.shared.clients.refuse_own(own);
        }
        let shared = Arc::clone(&self.shared);
        let Some(slot) = shared.table.landing(self.index) else { return };
        shared.staff.note_seen(self.index, self.handler_version);
        let mut desk = Desk::new();
        while !shared.is_over_for(self.index) {
            self.take_current_handler();
            if let Some(receipt) = self.receive(&shared, slot) {
                self.serve(slot, receipt, &mut desk);
                // What was called off stays as it is, for the next server.
                if slot.state() != Some(SlotState::Received) || !shared.is_aborting() {
                    shared.table.finish_landing(self.index);
                }
            }
        }
    }

    /// The version is read first: a handler that is newer than it is taken again, an older one never kept.
    fn take_current_handler(&mut self) {
        let version = self.shared.staff.version();
        if version != self.handler_version {
            self.handler_version = version;
            self.handler = self.shared.staff.handler();
            self.shared.staff.note_seen(self.index, version);
        }
    }

    /// Receives and numbers one request; `None` when there is none.
    fn receive<'a>(&mut self, shared: &'a Shared, slot: &SlotHeader) -> Option<Receipt<'a>> {
        let several = shared.staff.has_several_workers();
        let _receipt = several.then(|| shared.receipt.lock().unwrap_or_else(PoisonError::into_inner));
        if self.shared.is_over_for(self.index) || self.handler_version != self.shared.staff.version() {
            return None;
        }
        let queue = self.shared.queue();
        let received = if test_switches::receives_through_stack() {
            self.receive_through_stack(&queue).map(|length| (length, Found::Blocking))
        } else {
            self.look_or_wait(&queue)
        };
        let (length, found) = match received {
            Ok(received) => received,
            Err(error) => {
                self.receive_failed(slot, queue, &error);
                return None;
            }
        };
        kill_point("received");
        let receipt = self.received(slot, shared.table.books_of(self.index), queue, length);
        let waited = receipt.at.saturating_duration_since(self.answered_at.get());
        self.spin.received(found, receipt.at, waited, self.shared.spin_limit());
        Some(receipt)
    }

    /// Looks for a request as long as that is likely to pay, and then waits for one.
    fn look_or_wait(&mut self, queue: &Queue) -> Result<(usize, Found), QueueError> {
        let looked = self.spin.window().map_or(Ok(Look::InVain), |window| self.look(queue, window))?;
        let found = match looked {
            Look::Found(length, found) => return Ok((length, found)),
            Look::InVain => Found::Blocking,
            Look::LostTheCpu => Found::LosingTheCpu,
        };
        self.shared.table.receive(self.index, queue, REQUEST_MTYPE).map(|length| (length, found))
    }

    fn look(&self, queue: &Queue, window: Duration) -> Result<Look, QueueError> {
        let table = &self.shared.table;
        if let Some(length) = table.try_receive(self.index, queue, REQUEST_MTYPE)? {
            return Ok(Look::Found(length, Found::AtOnce));
        }
        let mut last = Instant::now();
        let end = last + window;
        while last < end && !self.shared.is_over_for(self.index) {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
            if let Some(length) = table.try_receive(self.index, queue, REQUEST_MTYPE)? {
                return Ok(Look::Found(length, Found::Looking));
            }
            let now = Instant::now();
            if now - last > LOST_CPU {
                return Ok(Look::LostTheCpu);
            }
            last = now;
        }
        Ok(Look::InVain)
    }

    /// The naive way, to show that tests notice what it loses.
    fn receive_through_stack(&self, queue: &Queue) -> Result<usize, QueueError> {
        let mut message = [0; limits::DEFAULT_MSGMAX];
        let length = queue.receive_framed(REQUEST_MTYPE, &mut message)?;
        let body = message.get(8..8 + length).unwrap_or_default();
        self.shared.table.store_landed(self.index, REQUEST_MTYPE, body);
        Ok(length)
    }

    fn received<'a>(&self, slot: &SlotHeader, books: Books<'a>, queue: Queue, length: usize) -> Receipt<'a> {
        let at = Instant::now();
        slot.received_at_ns.store(self.shared.nanoseconds(at), Ordering::Relaxed);
        slot.msqid.store(queue.id(), Ordering::Relaxed);
        slot.set_body_len(length);
        slot.crashes.store(0, Ordering::Relaxed);
        slot.sequence.store(self.shared.next_sequence(), Ordering::Relaxed);
        slot.set_client(self.shared.table.claimed_pid(self.index, length));
        slot.set_state(SlotState::Received);
        books.add(&books.counters().received);
        Receipt { books, queue, length, at }
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
            self.shared.table.store_landed(self.index, REQUEST_MTYPE, buffer.body());
            let receipt = self.received(slot, self.shared.table.books_of(self.index), queue, buffer.body().len());
            self.serve(slot, receipt, &mut Desk::new());
            self.shared.table.finish_landing(self.index);
        }
    }

    fn serve(&self, slot: &SlotHeader, receipt: Receipt<'_>, desk: &mut Desk) {
        let Desk { body, message } = desk;
        let length = receipt.length.min(body.len());
        let Some(body) = body.get_mut(..length) else { return };
        if self.shared.table.read_landed(self.index, body) {
            self.serve_body(slot, receipt, body, message);
        }
    }

    fn serve_body(
        &self,
        slot: &SlotHeader,
        receipt: Receipt<'_>,
        body: &[u8],
        message: &mut [u8; RESPONSE_MESSAGE_LEN],
    ) {
        let events = &self.shared.events;
        match frame::decode_request(body) {
            Ok(request) => {
                if let Some(in_hand) = self.admit(slot, receipt, request.claimed_pid) {
                    let reply = self.handle(&in_hand, &request);
                    if !self.shared.is_aborting() {
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
                if let Some(in_hand) = self.admit(slot, receipt, claimed_pid) {
                    let error = Malformed::TooLong { len: receipt.length, claimed_pid };
                    events.long.warn(|| format!("refused a request of client {claimed_pid}: {error}"));
                    let reply = Reply::error(&error.to_string());
                    self.answer(&in_hand, &reply, frame::BODY_LEN_ILP32, message);
                }
            }
        }
    }

    fn admit<'a>(&self, slot: &'a SlotHeader, receipt: Receipt<'a>, claimed_pid: i32) -> Option<InHand<'a>> {
        let (client, generation) = admission::admit(&self.shared, claimed_pid)?;
        slot.generation.store(generation.number(), Ordering::Relaxed);
        let sequence = slot.sequence.load(Ordering::Relaxed);
        let Receipt { books, queue, at: received_at, .. } = receipt;
        Some(InHand { books, slot, client, generation, sequence, received_at, queue })
    }

    fn handle(&self, in_hand: &InHand<'_>, request: &Request<'_>) -> Reply {
        kill_point("handling");
        let reply = self.handler.handle(&HandlerRequest {
            client: in_hand.client,
            id: in_hand.sequence,
            text: request.text,
            received_at: in_hand.received_at,
        });
        count_outcome(&in_hand.books, reply.outcome());
        reply
    }

    fn answer(
        &self,
        in_hand: &InHand<'_>,
        reply: &Reply,
        response_len: usize,
        message: &mut [u8; RESPONSE_MESSAGE_LEN],
    ) {
        let shared = &self.shared;
        let message = response_message(message, in_hand.client, reply, response_len);
        shared.table.write_landing_response(self.index, message);
        in_hand.slot.set_state(SlotState::Ready);
        kill_point("answered");
        let ready_at = Instant::now();
        self.answered_at.set(ready_at);
        let took = ready_at.saturating_duration_since(in_hand.received_at);
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        in_hand.books.record_handler_latency(took_ns);
        if took > SLOW && !shared.clients.is_same(in_hand.client, in_hand.generation) {
            Counters::add(&shared.counters().client_gone);
            return;
        }
        if shared.staff.has_several_workers() && shared.is_earlier_in_hand(in_hand.client, in_hand.sequence) {
            return self.post(in_hand, message);
        }
        // SENDING is stored before HELD is loaded: see `clients`.
        in_hand.slot.set_state(SlotState::Sending);
        kill_point("sending");
        match shared.clients.may_send_directly(in_hand.client, in_hand.generation) {
            Err(Gone) => Counters::add(&shared.counters().client_gone),
            Ok(false) => self.post(in_hand, message),
            Ok(true) if shared.is_congested() && !shared.has_room_for_answers(&in_hand.queue) => {
                self.post(in_hand, message);
            }
            Ok(true) => match in_hand.queue.try_send_framed(message) {
                Ok(()) => {
                    kill_point("sent");
                    in_hand.books.add(&in_hand.books.counters().answered);
                    in_hand.books.record_latency(took_ns);
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
                received_at_ns: self.shared.nanoseconds(in_hand.received_at),
                queue: in_hand.queue,
                message,
                origin: Origin::Landing(self.index),
            },
        );
    }
}

impl Desk {
    fn new() -> Self {
        Self { body: [0; _], message: [0; _] }
    }
}

/// Counts what became of a request in the handler.
pub(super) fn count_outcome(books: &Books<'_>, outcome: Outcome) {
    let counters = books.counters();
    books.add(match outcome {
        Outcome::Done => &counters.handler_done,
        Outcome::Failed => &counters.handler_failed,
        Outcome::TimedOut => &counters.handler_timed_out,
        Outcome::Broken => &counters.handler_broken,
        Outcome::Unavailable => &counters.handler_unavailable,
    });
}

const RECEIVE_PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at the queue, so that those who send find its lock free.
const PAUSES: u32 = 40;
/// Whoever was away for so long lost the CPU to another program: that keeps it for a slice of the scheduler, 0.7 ms and
/// more. Interrupts and hypervisors take it for less than 300 us, some of them every few milliseconds.
const LOST_CPU: Duration = Duration::from_micros(500);
