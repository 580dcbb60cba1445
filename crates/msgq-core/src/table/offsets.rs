//! Where everything stands in a table.

use super::client_entry::ClientEntry;
use super::counters::Counters;
use super::geometry::Geometry;
use super::header::TableHeader;
use super::histogram::Histogram;
use super::series::{LONGEST_ANSWER, LongHeader};
use super::slot::SlotHeader;
use crate::queue::MTYPE_LEN;

/// Offsets of everything in the table, in bytes; all slots start at a multiple of 64, a cache line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offsets {
    geometry: Geometry,
    landing_message: usize,
    /// Of a whole message in a landing slot: type and body.
    landing_room: usize,
    response_message_len: usize,
    landing_len: usize,
    response_len: usize,
    responses: usize,
    clients: usize,
    longs: usize,
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
const LONG_LEN: usize = (size_of::<LongHeader>() + LONGEST_ANSWER).next_multiple_of(LINE);
const LANDING_RESPONSE: usize = size_of::<SlotHeader>();

impl Geometry {
    /// How long such a table is, in bytes; `None` when the sizes overflow.
    #[must_use]
    pub fn table_len(self) -> Option<usize> {
        Offsets::new(self).map(|offsets| offsets.total_len)
    }
}

impl Offsets {
    pub(super) const HEADER_LEN: usize = HEADER_LEN;

    /// `None` when the sizes overflow.
    pub(super) fn new(geometry: Geometry) -> Option<Self> {
        let response_message_len = geometry.response_message_len();
        let landing_message =
            LANDING_RESPONSE.checked_add(response_message_len)?.checked_next_multiple_of(MTYPE_LEN)?;
        let landing_len = landing_message
            .checked_add(MTYPE_LEN)?
            .checked_add(geometry.landing_room())?
            .checked_next_multiple_of(LINE)?;
        let response_len = size_of::<SlotHeader>().checked_add(response_message_len)?.checked_next_multiple_of(LINE)?;
        let landings = geometry.workers.checked_add(1)?;
        let responses = landing_len.checked_mul(landings)?.checked_add(LANDINGS)?;
        let capacity = usize::try_from(geometry.capacity).ok()?;
        let clients = response_len.checked_mul(capacity)?.checked_add(responses)?;
        let client_count = usize::try_from(geometry.clients).ok()?;
        let clients_end = size_of::<ClientEntry>().checked_mul(client_count)?.checked_add(clients)?;
        let long_count = usize::try_from(geometry.long_slots).ok()?;
        // Not moved for none, so that such a table is as long as ever.
        let longs = if long_count == 0 { clients_end } else { clients_end.checked_next_multiple_of(LINE)? };
        let total_len = LONG_LEN.checked_mul(long_count)?.checked_add(longs)?;
        Some(Self {
            geometry,
            landing_message,
            landing_room: MTYPE_LEN + geometry.landing_room(),
            response_message_len,
            landing_len,
            response_len,
            responses,
            clients,
            longs,
            total_len,
        })
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Room for a message in a landing slot, its type included, in bytes.
    pub(super) fn landing_room(&self) -> usize {
        self.landing_room
    }

    /// Longest framed response, in bytes.
    pub(super) fn response_message_len(&self) -> usize {
        self.response_message_len
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
        self.landing(index).map(|offset| offset + self.landing_message)
    }

    pub(super) fn client(&self, index: u32) -> Option<usize> {
        let index = usize::try_from(index).ok().filter(|_| index < self.geometry.clients)?;
        Some(self.clients + index * size_of::<ClientEntry>())
    }

    pub(super) fn long(&self, index: u32) -> Option<usize> {
        let index = usize::try_from(index).ok().filter(|_| index < self.geometry.long_slots)?;
        Some(self.longs + index * LONG_LEN)
    }

    pub(super) fn response(&self, index: u32) -> Option<usize> {
        let index = usize::try_from(index).ok().filter(|_| index < self.geometry.capacity)?;
        Some(self.responses + index * self.response_len)
    }

    pub(super) fn response_message(&self, index: u32) -> Option<usize> {
        self.response(index).map(|offset| offset + size_of::<SlotHeader>())
    }
}
