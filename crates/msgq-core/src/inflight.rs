//! The table: everything that is held for clients, in one block of memory of fixed size.
//!
//! Three parts: the books ([`Counters`] and a latency [`Histogram`]); one *landing slot* for each worker, as wide as
//! the kernel's longest message, into which requests are received; and the *response slots*, in which answers wait
//! that did not fit into the queue.
//!
//! ```text
//! landing slot   ARMED -> RECEIVED -> READY -> SENDING -> ARMED     owned by its worker
//! response slot  ARMED -> READY -> SENDING -> OFFERED -> ARMED      owned by whoever holds its index
//! ```
//!
//! Every transition is one atomic store. ARMED means empty. RECEIVED: the request is in the slot. READY: the answer is.
//! SENDING: the answer is in the send call. OFFERED: the answer rests in the queue and may be taken back.
//! A body is written before the state that announces it, so whoever sees the state sees the body.

mod counters;
mod histogram;
mod layout;

pub use counters::{Counters, CountersSnapshot};
pub use histogram::{Histogram, HistogramSnapshot};
pub use layout::Geometry;

use crate::frame::BODY_LEN_LP64;
use crate::memory::Region;
use crate::queue::{Queue, QueueError};
use crate::sysv::MTYPE_LEN;
use layout::Layout;
use nix::libc;
use std::io;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// Longest framed response: mtype and body, in bytes.
pub const RESPONSE_MESSAGE_LEN: usize = MTYPE_LEN + BODY_LEN_LP64;

/// What stands in front of every slot.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct SlotHeader {
    state: AtomicU32,
    client: AtomicI32,
    /// Number of the request in the order of receipt; 0: none yet.
    pub sequence: AtomicU64,
    /// When the request was received, in nanoseconds of `CLOCK_MONOTONIC`.
    pub received_at_ns: AtomicU64,
    /// The client's pidfs inode; 0: unknown.
    pub identity: AtomicU64,
    /// Length of the body in the slot, in bytes: of the request while RECEIVED, of the response from READY on.
    pub body_len: AtomicU32,
    /// The queue that the request came from.
    pub msqid: AtomicI32,
    /// Which holder of the client's number asked, as the engine counts them.
    pub generation: AtomicU32,
    /// How often a daemon died with this request in hand.
    pub crashes: AtomicU32,
    reserved: AtomicU64,
}

/// Where a slot is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum SlotState {
    /// Empty, or waiting for a request.
    Armed = 0,
    /// Holds a request.
    Received = 1,
    /// Holds an answer.
    Ready = 2,
    /// Its answer is in the send call.
    Sending = 3,
    /// Its answer rests in the queue.
    Offered = 4,
}

impl SlotHeader {
    /// Where the slot is now; `None` when another program wrote there.
    #[must_use]
    pub fn state(&self) -> Option<SlotState> {
        match self.state.load(Ordering::SeqCst) {
            0 => Some(SlotState::Armed),
            1 => Some(SlotState::Received),
            2 => Some(SlotState::Ready),
            3 => Some(SlotState::Sending),
            4 => Some(SlotState::Offered),
            _ => None,
        }
    }

    /// Moves the slot on. Sequentially consistent: the engine's rule for direct sends is an argument over the order of
    /// this store and a load of the client's flags (see `msgqd::engine::clients`).
    pub fn set_state(&self, state: SlotState) {
        self.state.store(state as u32, Ordering::SeqCst);
    }

    /// Whose request or answer the slot holds; 0: nobody's.
    #[must_use]
    pub fn client(&self) -> i32 {
        self.client.load(Ordering::SeqCst)
    }

    /// Sets whose request or answer the slot holds.
    pub fn set_client(&self, pid: i32) {
        self.client.store(pid, Ordering::SeqCst);
    }

    /// Takes over everything but the state from `other`.
    pub fn copy_from(&self, other: &Self) {
        self.set_client(other.client());
        for (to, from) in [
            (&self.sequence, &other.sequence),
            (&self.received_at_ns, &other.received_at_ns),
            (&self.identity, &other.identity),
        ] {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for (to, from) in [(&self.generation, &other.generation), (&self.crashes, &other.crashes)] {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.msqid.store(other.msqid.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The table.
#[derive(Debug)]
pub struct Table {
    region: Region,
    layout: Layout,
}

impl Table {
    /// A table in private memory, all pages present.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn anonymous(geometry: Geometry) -> io::Result<Self> {
        let layout =
            Layout::new(geometry).ok_or_else(|| io::Error::other("the table would exceed the address space"))?;
        let table = Self { region: Region::anonymous(layout.total_len(), true)?, layout };
        let checked = [layout.counters(), layout.histogram()].into_iter().all(|offset| offset < layout.total_len());
        if checked { Ok(table) } else { Err(io::Error::other("the table's layout does not fit its memory")) }
    }

    /// How many slots of each kind there are, and how wide.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.layout.geometry()
    }

    /// The counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.region.shared(self.layout.counters()).unwrap_or(&counters::NOWHERE)
    }

    /// Time from receipt to the answer's hand-over to the kernel.
    #[must_use]
    pub fn latency(&self) -> &Histogram {
        self.region.shared(self.layout.histogram()).unwrap_or(&histogram::NOWHERE)
    }

    /// The landing slot of a worker; `None` when there is no such worker.
    #[must_use]
    pub fn landing(&self, worker: usize) -> Option<&SlotHeader> {
        self.region.shared(self.layout.landing(worker)?)
    }

    /// A response slot; `None` when there is no such slot.
    #[must_use]
    pub fn response(&self, index: u32) -> Option<&SlotHeader> {
        self.region.shared(self.layout.response(index)?)
    }

    /// Receives the next message that `msgtyp` selects straight into a worker's landing slot, waits for one, and
    /// returns the length of its body. The slot's worker is the only caller for that slot.
    ///
    /// # Errors
    /// As [`Queue::receive`]; EFAULT when there is no such worker.
    pub fn receive(&self, worker: usize, queue: &Queue, msgtyp: i64) -> Result<usize, QueueError> {
        let offset = self.layout.landing_request(worker).unwrap_or(usize::MAX);
        // A mtype left over from the last message would look like a receipt after a crash.
        self.region.write(offset, &0_i64.to_ne_bytes());
        let len = self.layout.geometry().message_room + MTYPE_LEN;
        let received = self.region.receive(offset, len, queue.id(), msgtyp, 0);
        received.map_err(|errno| queue.failed("msgrcv", errno))
    }

    /// As [`Table::receive`], but does not wait; `None` when nothing is there.
    ///
    /// # Errors
    /// As [`Table::receive`].
    pub fn try_receive(&self, worker: usize, queue: &Queue, msgtyp: i64) -> Result<Option<usize>, QueueError> {
        let offset = self.layout.landing_request(worker).unwrap_or(usize::MAX);
        self.region.write(offset, &0_i64.to_ne_bytes());
        let len = self.layout.geometry().message_room + MTYPE_LEN;
        match self.region.receive(offset, len, queue.id(), msgtyp, libc::IPC_NOWAIT) {
            Ok(length) => Ok(Some(length)),
            Err(nix::errno::Errno::ENOMSG) => Ok(None),
            Err(errno) => Err(queue.failed("msgrcv", errno)),
        }
    }

    /// Copies the start of the body in a landing slot to `body`; false when it does not hold as much.
    #[must_use]
    pub fn read_request(&self, worker: usize, body: &mut [u8]) -> bool {
        let offset = self.layout.landing_request(worker).unwrap_or(usize::MAX - MTYPE_LEN);
        self.region.read(offset + MTYPE_LEN, body)
    }

    /// The PID that a request in a landing slot names, whatever it is worth; 0 when its body is too short.
    #[must_use]
    pub fn claimed_pid(&self, worker: usize, body_len: usize) -> i32 {
        let mut bytes = [0; 4];
        let is_there = body_len >= bytes.len() && self.read_request(worker, &mut bytes);
        if is_there { i32::from_ne_bytes(bytes) } else { 0 }
    }

    /// Stores a framed response (mtype and body) beside the request in a landing slot.
    pub fn write_landing_response(&self, worker: usize, message: &[u8]) {
        if let Some(offset) = self.layout.landing_response(worker) {
            self.region.write(offset, message.get(..RESPONSE_MESSAGE_LEN).unwrap_or(message));
        }
    }

    /// Stores a framed response (mtype and body) in a response slot.
    pub fn write_response(&self, index: u32, message: &[u8]) {
        if let Some(offset) = self.layout.response_message(index) {
            self.region.write(offset, message.get(..RESPONSE_MESSAGE_LEN).unwrap_or(message));
        }
    }

    /// Copies the framed response out of a response slot and returns its length, mtype included; 0 when there is none.
    #[must_use]
    pub fn read_response(&self, index: u32, message: &mut [u8; RESPONSE_MESSAGE_LEN]) -> usize {
        let (Some(header), Some(offset)) = (self.response(index), self.layout.response_message(index)) else {
            return 0;
        };
        let body_len = usize::try_from(header.body_len.load(Ordering::Acquire)).unwrap_or(0).min(BODY_LEN_LP64);
        if self.region.read(offset, message) { MTYPE_LEN + body_len } else { 0 }
    }
}

#[cfg(test)]
mod tests;
