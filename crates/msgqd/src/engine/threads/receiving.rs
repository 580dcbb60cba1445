//! How a worker comes to a request: received straight into its landing slot, numbered, and noted there.

use super::spin::{Arrival, Spin};
use super::type_turns::TypeTurns;
use crate::engine::admission::noted_client;
use crate::engine::kill_points::{kill_point, receives_through_stack};
use crate::engine::shared::Shared;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::limits;
use msgq_core::queue::{MTYPE_LEN, MessageBuffer, Queue, QueueError};
use msgq_core::table::{Metrics, SlotHeader, SlotState};
use msgq_core::time::monotonic_ns;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The part of a worker that receives.
pub(super) struct Receiving<'a> {
    shared: &'a Shared,
    /// Of the worker and its landing slot.
    index: usize,
    slot: &'a SlotHeader,
    metrics: Metrics<'a>,
    spin: Spin,
    /// What msgrcv is asked for.
    msgtyp: i64,
    types: TypeTurns<'a>,
    /// Where the body is looked at to find out who asks.
    body: Vec<u8>,
}

/// A request that was just received.
#[derive(Clone, Copy)]
pub(super) struct Receipt {
    /// Where its answer goes.
    pub(super) answers: Queue,
    /// Of its body, in bytes.
    pub(super) length: usize,
    pub(super) at_ns: u64,
}

/// Why there is no request, and at which queue.
pub(super) struct ReceiveError {
    pub(super) queue: Queue,
    pub(super) error: QueueError,
}

/// What came of looking for a request.
enum SpinResult {
    /// The length of its body.
    Found(usize, Arrival),
    InVain,
    LostTheCpu,
}

impl<'a> Receiving<'a> {
    pub(super) fn new(shared: &'a Shared, index: usize, slot: &'a SlotHeader) -> Self {
        let types = shared.protocol.request_types();
        let body = vec![0; shared.table.geometry().request_len];
        let (metrics, msgtyp, types) = (shared.table.metrics_of(index), types.msgtyp(), TypeTurns::new(types));
        Self { shared, index, slot, metrics, spin: Spin::default(), msgtyp, types, body }
    }

    /// Receives and numbers one request; an error says why there is none.
    pub(super) fn receive_next(&mut self, answered_at_ns: u64) -> Result<Receipt, ReceiveError> {
        let queue = self.shared.served.current();
        let received = if receives_through_stack() {
            self.receive_through_stack(&queue).map(|length| (length, Arrival::Blocking))
        } else {
            self.look_or_wait(&queue)
        };
        let (length, arrival) = received.map_err(|error| ReceiveError { queue, error })?;
        kill_point("received");
        let receipt = self.note_receipt(queue, length);
        let waited_ns = receipt.at_ns.saturating_sub(answered_at_ns);
        self.spin.received(arrival, receipt.at_ns, waited_ns, self.shared.reloadable.spin_limit());
        Ok(receipt)
    }

    /// Looks for a request as long as that is likely to pay, and then waits for one.
    fn look_or_wait(&mut self, queue: &Queue) -> Result<(usize, Arrival), QueueError> {
        if let Some(mtype) = self.types.next_out_of_order()
            && let Some(length) = self.shared.table.try_receive(self.index, queue, mtype)?
        {
            return Ok((length, Arrival::AtOnce));
        }
        let looked =
            self.spin.window().map_or(Ok(SpinResult::InVain), |window| self.look_for_request(queue, window))?;
        let arrival = match looked {
            SpinResult::Found(length, arrival) => return Ok((length, arrival)),
            SpinResult::InVain => Arrival::Blocking,
            SpinResult::LostTheCpu => Arrival::LosingTheCpu,
        };
        self.shared.table.receive(self.index, queue, self.msgtyp).map(|length| (length, arrival))
    }

    fn look_for_request(&self, queue: &Queue, window: Duration) -> Result<SpinResult, QueueError> {
        let table = &self.shared.table;
        if let Some(length) = table.try_receive(self.index, queue, self.msgtyp)? {
            return Ok(SpinResult::Found(length, Arrival::AtOnce));
        }
        let mut last = Instant::now();
        let end = last + window;
        while last < end && !self.shared.is_over_for(self.index) {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
            if let Some(length) = table.try_receive(self.index, queue, self.msgtyp)? {
                return Ok(SpinResult::Found(length, Arrival::Looking));
            }
            let now = Instant::now();
            if now - last > LOST_CPU {
                return Ok(SpinResult::LostTheCpu);
            }
            last = now;
        }
        Ok(SpinResult::InVain)
    }

    /// The naive way, to show that tests notice what it loses.
    fn receive_through_stack(&self, queue: &Queue) -> Result<usize, QueueError> {
        let mut message = [0; limits::DEFAULT_MSGMAX];
        let length = queue.receive_framed(self.msgtyp, &mut message)?;
        let body = message.get(MTYPE_LEN..MTYPE_LEN + length).unwrap_or_default();
        let mtype = message.first_chunk().map_or(0, |bytes| i64::from_ne_bytes(*bytes));
        self.shared.table.store_landed(self.index, mtype, body);
        Ok(length)
    }

    fn note_receipt(&mut self, queue: Queue, length: usize) -> Receipt {
        let is_shared = self.shared.protocol.route() == ReplyRoute::Shared;
        // Of one queue that was just made anew, the one that the request came from.
        let answers = if is_shared { queue } else { self.shared.answers.current() };
        let (slot, at_ns) = (self.slot, monotonic_ns());
        slot.received_at_ns.store(at_ns, Ordering::Relaxed);
        slot.msqid.store(answers.id(), Ordering::Relaxed);
        slot.set_body_len(length);
        slot.crashes.store(0, Ordering::Relaxed);
        slot.sequence.store(self.shared.intake.next_sequence(), Ordering::Relaxed);
        slot.set_client(self.claimed_client(length));
        slot.set_state(SlotState::Received);
        self.metrics.add(&self.metrics.counters().received);
        Receipt { answers, length, at_ns }
    }

    /// Whom the request in the slot names.
    fn claimed_client(&mut self, length: usize) -> i64 {
        let protocol = &self.shared.protocol;
        if protocol.begins_with_pid() {
            let mut bytes = [0; 4];
            let is_there = length >= bytes.len() && self.shared.table.read_landed(self.index, &mut bytes);
            return if is_there { i32::from_ne_bytes(bytes).into() } else { 0 };
        }
        let length = length.min(self.body.len());
        let Some(body) = self.body.get_mut(..length) else { return 0 };
        let is_there = self.shared.table.read_landed(self.index, body);
        let mtype = self.shared.table.landed_mtype(self.index);
        noted_client(protocol.claimed_client(mtype, body).filter(|_| is_there))
    }

    /// Takes a message that is wider than the landing slot: `kernel.msgmax` was raised after the start, or is larger than
    /// any slot, or was lowered after the message was sent. Left where it is it would block every other request for ever.
    pub(super) fn receive_wide(&mut self, queue: Queue) -> Option<Receipt> {
        let mut buffer = MessageBuffer::new();
        if !matches!(queue.try_receive_any(self.msgtyp, &mut buffer), Ok(true)) {
            return None;
        }
        self.shared.table.store_landed(self.index, buffer.mtype(), buffer.body());
        Some(self.note_receipt(queue, buffer.body().len()))
    }
}

/// Between two looks at the queue, so that those who send find its lock free.
const PAUSES: u32 = 40;
/// Whoever was away for so long lost the CPU to another program: that keeps it for a slice of the scheduler, 0.7 ms and
/// more. Interrupts and hypervisors take it for less than 300 us, some of them every few milliseconds.
const LOST_CPU: Duration = Duration::from_micros(500);
