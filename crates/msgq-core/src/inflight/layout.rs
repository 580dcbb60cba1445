use super::{Counters, Histogram, RESPONSE_MESSAGE_LEN, SlotHeader};
use crate::sysv::MTYPE_LEN;

/// How many slots of each kind a table has, and how wide its landing slots are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Landing slots: one for each worker.
    pub workers: usize,
    /// Response slots.
    pub capacity: u32,
    /// Longest body that a landing slot takes, in bytes: `kernel.msgmax`, so that no message is too long to receive.
    pub message_room: usize,
}

/// Offsets of everything in the table, in bytes; all slots start at a multiple of 64, a cache line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    geometry: Geometry,
    landing_len: usize,
    responses: usize,
    total_len: usize,
}

const LINE: usize = 64;
/// Room for what identifies the table, in front of all else.
const HEADER_LEN: usize = 4096;
const COUNTERS: usize = HEADER_LEN;
const HISTOGRAM: usize = (COUNTERS + size_of::<Counters>()).next_multiple_of(LINE);
const LANDINGS: usize = (HISTOGRAM + size_of::<Histogram>()).next_multiple_of(LINE);
const LANDING_RESPONSE: usize = size_of::<SlotHeader>();
const LANDING_REQUEST: usize = LANDING_RESPONSE + RESPONSE_MESSAGE_LEN;
const RESPONSE_LEN: usize = (size_of::<SlotHeader>() + RESPONSE_MESSAGE_LEN).next_multiple_of(LINE);

impl Layout {
    /// `None` when the sizes overflow.
    pub(super) fn new(geometry: Geometry) -> Option<Self> {
        let landing_len = LANDING_REQUEST
            .checked_add(MTYPE_LEN)?
            .checked_add(geometry.message_room)?
            .checked_next_multiple_of(LINE)?;
        let responses = landing_len.checked_mul(geometry.workers)?.checked_add(LANDINGS)?;
        let capacity = usize::try_from(geometry.capacity).ok()?;
        let total_len = RESPONSE_LEN.checked_mul(capacity)?.checked_add(responses)?;
        Some(Self { geometry, landing_len, responses, total_len })
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    pub(super) fn total_len(&self) -> usize {
        self.total_len
    }

    pub(super) fn counters(&self) -> usize {
        COUNTERS
    }

    pub(super) fn histogram(&self) -> usize {
        HISTOGRAM
    }

    pub(super) fn landing(&self, worker: usize) -> Option<usize> {
        (worker < self.geometry.workers).then(|| LANDINGS + worker * self.landing_len)
    }

    pub(super) fn landing_response(&self, worker: usize) -> Option<usize> {
        self.landing(worker).map(|offset| offset + LANDING_RESPONSE)
    }

    pub(super) fn landing_request(&self, worker: usize) -> Option<usize> {
        self.landing(worker).map(|offset| offset + LANDING_REQUEST)
    }

    pub(super) fn response(&self, index: u32) -> Option<usize> {
        let index = usize::try_from(index).ok().filter(|_| index < self.geometry.capacity)?;
        Some(self.responses + index * RESPONSE_LEN)
    }

    pub(super) fn response_message(&self, index: u32) -> Option<usize> {
        self.response(index).map(|offset| offset + size_of::<SlotHeader>())
    }
}
