//! Receiving into landing slots, and what a slot says about a message after its reader was killed.

use super::block::Table;
use super::geometry::{POISON, PREPARED_PLAIN, PreparedSlot};
use super::slot::{SlotHeader, SlotState};
use crate::queue::{MTYPE_LEN, Queue, QueueError};
use nix::errno::Errno;
use nix::libc;

/// Landing slots of the workers come first, the recall slot behind them.
impl Table {
    /// The landing slot of a worker, or the recall slot; `None` when there is no such slot.
    #[must_use]
    pub fn landing(&self, index: usize) -> Option<&SlotHeader> {
        self.region.shared(self.offsets.landing(index)?)
    }

    /// The landing slots of all workers.
    pub fn landings(&self) -> impl Iterator<Item = &SlotHeader> {
        (0..self.offsets.geometry().workers).filter_map(|worker| self.landing(worker))
    }

    /// The index of the recall slot. Whoever holds the outbox's lock is its only user.
    #[must_use]
    pub fn recall(&self) -> usize {
        self.offsets.geometry().workers
    }

    /// Receives the next message that `msgtyp` selects straight into a landing slot, waits for one, and returns the
    /// length of its body. The slot's owner is the only caller for that slot.
    ///
    /// # Errors
    /// As [`Queue::receive`]; EFAULT when there is no such slot.
    #[inline]
    pub fn receive(&self, index: usize, queue: &Queue, msgtyp: i64) -> Result<usize, QueueError> {
        self.receive_with(index, queue, msgtyp, 0).map_err(|errno| queue.failed("msgrcv", errno))
    }

    /// As [`Table::receive`], but does not wait; `None` when nothing is there.
    ///
    /// # Errors
    /// As [`Table::receive`].
    #[inline]
    pub fn try_receive(&self, index: usize, queue: &Queue, msgtyp: i64) -> Result<Option<usize>, QueueError> {
        match self.receive_with(index, queue, msgtyp, libc::IPC_NOWAIT) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::ENOMSG) => Ok(None),
            Err(errno) => Err(queue.failed("msgrcv", errno)),
        }
    }

    #[inline]
    fn receive_with(&self, index: usize, queue: &Queue, msgtyp: i64, flags: i32) -> Result<usize, Errno> {
        let offset = self.offsets.landing_message(index).ok_or(Errno::EFAULT)?;
        self.prepare(offset);
        self.region.receive(offset, self.offsets.landing_room(), queue.id(), msgtyp, flags)
    }

    #[inline]
    fn prepare(&self, offset: usize) {
        match &self.prepared {
            PreparedSlot::Plain => self.region.write(offset, &PREPARED_PLAIN),
            PreparedSlot::Declared(bytes) => self.region.write(offset, bytes),
        };
    }

    /// Stores a message that was received elsewhere, as far as the slot has room.
    pub fn store_landed(&self, index: usize, mtype: i64, body: &[u8]) {
        let Some(offset) = self.offsets.landing_message(index) else { return };
        self.prepare(offset);
        self.region.write(offset + MTYPE_LEN, body.get(..self.geometry().landing_room()).unwrap_or(body));
        self.region.write(offset, &mtype.to_ne_bytes());
    }

    /// The type of the message in a landing slot; 0 when there is none.
    #[must_use]
    pub fn landed_mtype(&self, index: usize) -> i64 {
        let mut bytes = [0; MTYPE_LEN];
        let is_there = self.offsets.landing_message(index).is_some_and(|offset| self.region.read(offset, &mut bytes));
        if is_there { i64::from_ne_bytes(bytes) } else { 0 }
    }

    /// The length of the body in a landing slot as the poison tells it: exact up to the longest body of the protocol but
    /// for trailing bytes of 0xfe, and more than that for anything longer.
    #[must_use]
    pub fn landed_len(&self, index: usize) -> usize {
        let mut body = vec![POISON; self.geometry().poisoned_len()];
        let is_there = self.read_landed(index, &mut body);
        body.iter().rposition(|byte| *byte != POISON).filter(|_| is_there).map_or(0, |last| last + 1)
    }

    /// The slot is done with its message and free for the next. The message goes first: a message in a slot that says
    /// ARMED is one that was just received.
    pub fn finish_landing(&self, index: usize) {
        if let Some(offset) = self.offsets.landing_message(index) {
            self.region.write(offset, &0_i64.to_ne_bytes());
        }
        if let Some(slot) = self.landing(index) {
            slot.set_state(SlotState::Armed);
        }
    }

    /// Copies the start of the body in a landing slot to `body`; false when it does not hold as much.
    #[must_use]
    pub fn read_landed(&self, index: usize, body: &mut [u8]) -> bool {
        self.offsets.landing_message(index).is_some_and(|offset| self.region.read(offset + MTYPE_LEN, body))
    }

    /// Stores a framed response (mtype and body) beside the request in a landing slot.
    #[inline]
    pub fn write_landing_response(&self, index: usize, message: &[u8]) {
        let message = message.get(..self.offsets.response_message_len()).unwrap_or(message);
        if let (Some(offset), Some(slot)) = (self.offsets.landing_response(index), self.landing(index)) {
            self.region.write(offset, message);
            slot.set_response_len(message.len().saturating_sub(MTYPE_LEN));
        }
    }

    /// Copies the framed response out of a landing slot and returns its length, mtype included; 0 when there is none, or
    /// `message` is too short for it.
    #[must_use]
    pub fn read_landing_response(&self, index: usize, message: &mut [u8]) -> usize {
        let (Some(slot), Some(offset)) = (self.landing(index), self.offsets.landing_response(index)) else { return 0 };
        self.read_framed(offset, slot.response_len(), message)
    }
}
