//! Slots: the state of a request on its way, in front of the message itself.

use super::series::Series;
use crate::memory::shared_struct;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering, compiler_fence};

shared_struct! {
    /// What stands in front of every slot.
    #[repr(align(64))]
    pub struct SlotHeader {
        state: AtomicU32,
        series: AtomicU32,
        client: AtomicI64,
        /// Number of the request in the order of receipt; 0: none yet.
        pub sequence: AtomicU64,
        /// When the request was received, in nanoseconds of `CLOCK_MONOTONIC`.
        pub received_at_ns: AtomicU64,
        body_len: AtomicU32,
        /// The queue that the request came from.
        pub msqid: AtomicI32,
        /// Which holder of the client's number asked, as the engine counts them.
        pub generation: AtomicU32,
        /// How often a daemon died with this request in hand.
        pub crashes: AtomicU32,
        /// 1: it is not known whether this answer was sent by a daemon that died while it sent it. In the recall slot: its
        /// message was sent in doubt and taken back for good.
        pub in_doubt: AtomicU32,
        response_len: AtomicU32,
    }
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

    /// Moves the slot on. SENDING is stored sequentially consistent: the engine's rule for direct sends is an argument over
    /// the order of that store and a load of the client's flags (see `msgqd::engine::clients`). Whoever sees any other
    /// state sees what was written to the slot before it, and needs no more.
    pub fn set_state(&self, state: SlotState) {
        let order = if state == SlotState::Sending { Ordering::SeqCst } else { Ordering::Release };
        self.state.store(state as u32, order);
        // What comes after must not be written before, for whoever finds the slot after a kill between the two.
        compiler_fence(Ordering::SeqCst);
    }

    /// Which part of an answer the slot is at, where that is longer than a message.
    #[must_use]
    #[inline]
    pub fn series(&self) -> Series {
        Series::of_number(self.series.load(Ordering::Acquire))
    }

    /// Sets which part of an answer the slot is at.
    pub fn set_series(&self, series: Series) {
        self.series.store(series.number(), Ordering::Release);
        // As for the state: whoever finds the slot after a kill must not see what comes later without it.
        compiler_fence(Ordering::SeqCst);
    }

    /// Whose request or answer the slot holds; 0: nobody's.
    #[must_use]
    pub fn client(&self) -> i64 {
        self.client.load(Ordering::Acquire)
    }

    /// Sets whose request or answer the slot holds.
    pub fn set_client(&self, client: i64) {
        self.client.store(client, Ordering::Release);
    }

    /// Length of the body in the slot, in bytes: of the request in a landing slot, of the response in a response slot.
    #[must_use]
    pub fn body_len(&self) -> usize {
        usize::try_from(self.body_len.load(Ordering::Acquire)).unwrap_or(0)
    }

    /// Sets the length of the body in the slot, in bytes.
    pub fn set_body_len(&self, len: usize) {
        self.body_len.store(u32::try_from(len).unwrap_or(u32::MAX), Ordering::Release);
    }

    /// Length of the response's body beside a request, in bytes. It has a place of its own: a server that dies before it
    /// says READY leaves a request that is whole.
    pub(super) fn response_len(&self) -> usize {
        usize::try_from(self.response_len.load(Ordering::Acquire)).unwrap_or(0)
    }

    pub(super) fn set_response_len(&self, len: usize) {
        self.response_len.store(u32::try_from(len).unwrap_or(u32::MAX), Ordering::Release);
    }
}
