//! Where everything stands in a table.

use super::client_entry::ClientEntry;
use super::counters::Counters;
use super::geometry::{Geometry, RESPONSE_MESSAGE_LEN};
use super::header::TableHeader;
use super::histogram::Histogram;
use super::slot::SlotHeader;
use crate::queue::MTYPE_LEN;

/// Offsets of everything in the table, in bytes; all slots start at a multiple of 64, a cache line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offsets {
    geometry: Geometry,
    landing_len: usize,
    responses: usize,
    clients: usize,
    total_len: usize,
}

const LINE: usize = 64;
/// Room for what identifies the table, in front of all else.
const HEADER_LEN: usize = 4096;
/// Where the two histograms stand, from the start of the metrics.
const HISTOGRAM: usize = size_of::<Counters>().next_multiple_of(LINE);
const HANDLER_HISTOGRAM: usize = (HISTOGRAM + size_of::<Histogram>()).next_multiple_of(LINE);
const BOOKS_LEN: usize = (HANDLER_HISTOGRAM + size_of::<Histogram>()).next_multiple_of(LINE);
/// Those that all threads share, and those of the first worker.
const BOOKS: usize = 2;
const LANDINGS: usize = HEADER_LEN + BOOKS * BOOKS_LEN;
const _: () = assert!(size_of::<TableHeader>() <= HEADER_LEN);
const LANDING_RESPONSE: usize = size_of::<SlotHeader>();
const LANDING_MESSAGE: usize = LANDING_RESPONSE + RESPONSE_MESSAGE_LEN;
const RESPONSE_LEN: usize = (size_of::<SlotHeader>() + RESPONSE_MESSAGE_LEN).next_multiple_of(LINE);

impl Offsets {
    pub(super) const HEADER_LEN: usize = HEADER_LEN;

    /// `None` when the sizes overflow.
    pub(super) fn new(geometry: Geometry) -> Option<Self> {
        let landing_len = LANDING_MESSAGE
            .checked_add(MTYPE_LEN)?
            .checked_add(geometry.message_room)?
            .checked_next_multiple_of(LINE)?;
        let landings = geometry.workers.checked_add(1)?;
        let responses = landing_len.checked_mul(landings)?.checked_add(LANDINGS)?;
        let capacity = usize::try_from(geometry.capacity).ok()?;
        let clients = RESPONSE_LEN.checked_mul(capacity)?.checked_add(responses)?;
        let client_count = usize::try_from(geometry.clients).ok()?;
        let total_len = size_of::<ClientEntry>().checked_mul(client_count)?.checked_add(clients)?;
        Some(Self { geometry, landing_len, responses, clients, total_len })
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    pub(super) fn total_len(&self) -> usize {
        self.total_len
    }

    /// The counters and the two histograms of the metrics with this index.
    pub(super) fn metrics(&self, index: usize) -> (usize, usize, usize) {
        let start = HEADER_LEN + index.min(BOOKS - 1) * BOOKS_LEN;
        (start, start + HISTOGRAM, start + HANDLER_HISTOGRAM)
    }

    pub(super) fn landing(&self, index: usize) -> Option<usize> {
        (index <= self.geometry.workers).then(|| LANDINGS + index * self.landing_len)
    }

    pub(super) fn landing_response(&self, index: usize) -> Option<usize> {
        self.landing(index).map(|offset| offset + LANDING_RESPONSE)
    }

    pub(super) fn landing_message(&self, index: usize) -> Option<usize> {
        self.landing(index).map(|offset| offset + LANDING_MESSAGE)
    }

    pub(super) fn client(&self, index: u32) -> Option<usize> {
        let index = usize::try_from(index).ok().filter(|_| index < self.geometry.clients)?;
        Some(self.clients + index * size_of::<ClientEntry>())
    }

    pub(super) fn response(&self, index: u32) -> Option<usize> {
        let index = usize::try_from(index).ok().filter(|_| index < self.geometry.capacity)?;
        Some(self.responses + index * RESPONSE_LEN)
    }

    pub(super) fn response_message(&self, index: u32) -> Option<usize> {
        self.response(index).map(|offset| offset + size_of::<SlotHeader>())
    }
}
