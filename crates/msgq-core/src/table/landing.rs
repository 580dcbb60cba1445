//! Receiving into landing slots, and what a slot says about a message after its reader was killed.

use super::block::Table;
use super::geometry::RESPONSE_MESSAGE_LEN;
use super::slot::{SlotHeader, SlotState};
use crate::layout::BODY_LEN_LP64;
use crate::queue::{MTYPE_LEN, Queue, QueueError};
use nix::errno::Errno;
use nix::libc;

/// What a slot is filled with before a receive. The length of a message is the return value of the call, which a kill
/// takes along; what is still poison afterwards was not written by the kernel. 0xfe stands in no UTF-8 text.
const POISON: u8 = 0xfe;
/// A few bytes more than a body of the protocol can have: enough to see that one is too long.
const POISONED_LEN: usize = BODY_LEN_LP64 + 8;
/// A mtype of 0, which no message has, and the poison behind it.
const PREPARED: [u8; MTYPE_LEN + POISONED_LEN] = {
    let mut bytes = [POISON; MTYPE_LEN + POISONED_LEN];
    let mut index = 0;
    while index < MTYPE_LEN {
        bytes[index] = 0;
        index += 1;
    }
    bytes
};

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
    pub fn receive(&self, index: usize, queue: &Queue, msgtyp: i64) -> Result<usize, QueueError> {
        self.receive_with(index, queue, msgtyp, 0).map_err(|errno| queue.failed("msgrcv", errno))
    }

    /// As [`Table::receive`], but does not wait; `None` when nothing is there.
    ///
    /// # Errors
    /// As [`Table::receive`].
    pub fn try_receive(&self, index: usize, queue: &Queue, msgtyp: i64) -> Result<Option<usize>, QueueError> {
        match self.receive_with(index, queue, msgtyp, libc::IPC_NOWAIT) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::ENOMSG) => Ok(None),
            Err(errno) => Err(queue.failed("msgrcv", errno)),
        }
    }

    fn receive_with(&self, index: usize, queue: &Queue, msgtyp: i64, flags: i32) -> Result<usize, Errno> {
        let offset = self.offsets.landing_message(index).ok_or(Errno::EFAULT)?;
        self.region.write(offset, &PREPARED);
        let len = self.offsets.geometry().message_room + MTYPE_LEN;
        self.region.receive(offset, len, queue.id(), msgtyp, flags)
    }

    /// Stores a message that was received elsewhere, as far as a reader would look at it.
    pub fn store_landed(&self, index: usize, mtype: i64, body: &[u8]) {
        let Some(offset) = self.offsets.landing_message(index) else { return };
        self.region.write(offset, &PREPARED);
        self.region.write(offset + MTYPE_LEN, body.get(..POISONED_LEN).unwrap_or(body));
        self.region.write(offset, &mtype.to_ne_bytes());
    }

    /// The type of the message in a landing slot; 0 when there is none.
    #[must_use]
    pub fn landed_mtype(&self, index: usize) -> i64 {
        let mut bytes = [0; MTYPE_LEN];
        let is_there = self.offsets.landing_message(index).is_some_and(|offset| self.region.read(offset, &mut bytes));
        if is_there { i64::from_ne_bytes(bytes) } else { 0 }
    }

    /// The length of the body in a landing slot as the poison tells it: exact up to the 264 bytes of the protocol but
    /// for trailing bytes of 0xfe, and more than 264 for anything longer.
    #[must_use]
    pub fn landed_len(&self, index: usize) -> usize {
        let mut body = [POISON; POISONED_LEN];
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

    /// The PID that a request in a landing slot names, whatever it is worth; 0 when its body is too short.
    #[must_use]
    pub fn claimed_pid(&self, index: usize, body_len: usize) -> i32 {
        let mut bytes = [0; 4];
        let is_there = body_len >= bytes.len() && self.read_landed(index, &mut bytes);
        if is_there { i32::from_ne_bytes(bytes) } else { 0 }
    }

    /// Stores a framed response (mtype and body) beside the request in a landing slot.
    pub fn write_landing_response(&self, index: usize, message: &[u8]) {
        let message = message.get(..RESPONSE_MESSAGE_LEN).unwrap_or(message);
        if let (Some(offset), Some(slot)) = (self.offsets.landing_response(index), self.landing(index)) {
            self.region.write(offset, message);
            slot.set_response_len(message.len().saturating_sub(MTYPE_LEN));
        }
    }

    /// Copies the framed response out of a landing slot and returns its length, mtype included; 0 when there is none.
    #[must_use]
    pub fn read_landing_response(&self, index: usize, message: &mut [u8; RESPONSE_MESSAGE_LEN]) -> usize {
        let (Some(slot), Some(offset)) = (self.landing(index), self.offsets.landing_response(index)) else { return 0 };
        if self.region.read(offset, message) { MTYPE_LEN + slot.response_len().min(BODY_LEN_LP64) } else { 0 }
    }
}
