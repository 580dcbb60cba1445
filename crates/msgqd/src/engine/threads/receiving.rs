//! How a worker comes to a request: received straight into its landing slot, numbered, and noted there.

use super::spin::{Arrival, Spin};
use crate::engine::kill_points::{kill_point, receives_through_stack};
use crate::engine::shared::Shared;
use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::limits;
use msgq_core::queue::{MTYPE_LEN, MessageBuffer, Queue, QueueError};
use msgq_core::table::{Metrics, SlotHeader, SlotState};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The part of a worker that receives.
pub(super) struct Receiving<'a> {
    shared: &'a Shared,
    /// Of the worker and its landing slot.
    index: usize,
    slot: &'a SlotHeader,
    spin: Spin,
}

/// A request that was just received.
#[derive(Clone, Copy)]
pub(super) struct Receipt<'a> {
    pub(super) metrics: Metrics<'a>,
    pub(super) queue: Queue,
    /// Of its body, in bytes.
    pub(super) length: usize,
    pub(super) at: Instant,
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
        Self { shared, index, slot, spin: Spin::default() }
    }

    /// Receives and numbers one request, `waited` after the worker's last answer; an error says why there is none.
    pub(super) fn receive_next(&mut self, answered_at: Instant) -> Result<Receipt<'a>, ReceiveError> {
        let queue = self.shared.served.current();
        let received = if receives_through_stack() {
            self.receive_through_stack(&queue).map(|length| (length, Arrival::Blocking))
        } else {
            self.look_or_wait(&queue)
        };
        let (length, arrival) = received.map_err(|error| ReceiveError { queue, error })?;
        kill_point("received");
        let receipt = self.note_receipt(queue, length);
        let waited = receipt.at.saturating_duration_since(answered_at);
        self.spin.received(arrival, receipt.at, waited, self.shared.reloadable.spin_limit());
        Ok(receipt)
    }

    /// Looks for a request as long as that is likely to pay, and then waits for one.
    fn look_or_wait(&mut self, queue: &Queue) -> Result<(usize, Arrival), QueueError> {
        let looked =
            self.spin.window().map_or(Ok(SpinResult::InVain), |window| self.look_for_request(queue, window))?;
        let arrival = match looked {
            SpinResult::Found(length, arrival) => return Ok((length, arrival)),
            SpinResult::InVain => Arrival::Blocking,
            SpinResult::LostTheCpu => Arrival::LosingTheCpu,
        };
        self.shared.table.receive(self.index, queue, REQUEST_MTYPE).map(|length| (length, arrival))
    }

    fn look_for_request(&self, queue: &Queue, window: Duration) -> Result<SpinResult, QueueError> {
        let table = &self.shared.table;
        if let Some(length) = table.try_receive(self.index, queue, REQUEST_MTYPE)? {
            return Ok(SpinResult::Found(length, Arrival::AtOnce));
        }
        let mut last = Instant::now();
        let end = last + window;
        while last < end && !self.shared.is_over_for(self.index) {
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
            if let Some(length) = table.try_receive(self.index, queue, REQUEST_MTYPE)? {
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
        let length = queue.receive_framed(REQUEST_MTYPE, &mut message)?;
        let body = message.get(MTYPE_LEN..MTYPE_LEN + length).unwrap_or_default();
        self.shared.table.store_landed(self.index, REQUEST_MTYPE, body);
        Ok(length)
    }

    fn note_receipt(&self, queue: Queue, length: usize) -> Receipt<'a> {
        let (slot, metrics, at) = (self.slot, self.shared.table.metrics_of(self.index), Instant::now());
        slot.received_at_ns.store(self.shared.intake.nanoseconds_at(at), Ordering::Relaxed);
        slot.msqid.store(queue.id(), Ordering::Relaxed);
        slot.set_body_len(length);
        slot.crashes.store(0, Ordering::Relaxed);
        slot.sequence.store(self.shared.intake.next_sequence(), Ordering::Relaxed);
        slot.set_client(self.shared.table.claimed_pid(self.index, length));
        slot.set_state(SlotState::Received);
        metrics.add(&metrics.counters().received);
        Receipt { metrics, queue, length, at }
    }

    /// Takes a message that is wider than the landing slot: `kernel.msgmax` was raised after the start, or is larger than
    /// any slot, or was lowered after the message was sent. Left where it is it would block every other request for ever.
    pub(super) fn receive_wide(&self, queue: Queue) -> Option<Receipt<'a>> {
        let mut buffer = MessageBuffer::new();
        if !matches!(queue.try_receive_any(REQUEST_MTYPE, &mut buffer), Ok(true)) {
            return None;
        }
        self.shared.table.store_landed(self.index, REQUEST_MTYPE, buffer.body());
        Some(self.note_receipt(queue, buffer.body().len()))
    }
}

/// Between two looks at the queue, so that those who send find its lock free.
const PAUSES: u32 = 40;
/// Whoever was away for so long lost the CPU to another program: that keeps it for a slice of the scheduler, 0.7 ms and
/// more. Interrupts and hypervisors take it for less than 300 us, some of them every few milliseconds.
const LOST_CPU: Duration = Duration::from_micros(500);
