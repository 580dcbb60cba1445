//! The table as one block of memory, and its response slots.

use super::client_entry::ClientEntry;
use super::geometry::{Geometry, PreparedSlot};
use super::header::{self, TableHeader};
use super::offsets::Offsets;
use super::slot::{SlotHeader, SlotState};
use crate::memory::Region;
use crate::queue::MTYPE_LEN;
use crate::time::{monotonic_ns, unix_time_s};
use std::io;

/// The table: a view of its memory. Everything in it is shared, so all of its methods take `&self`.
#[derive(Debug)]
pub struct Table {
    pub(super) region: Region,
    pub(super) offsets: Offsets,
    /// What a slot is filled with in front of a receive.
    pub(super) prepared: PreparedSlot,
    pub(super) read_at: Moment,
}

/// The same moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    monotonic_ns: u64,
    unix_s: u64,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { monotonic_ns: monotonic_ns(), unix_s: unix_time_s() }
    }
}

impl Table {
    pub(super) fn new(region: Region, offsets: Offsets) -> Self {
        Self { region, offsets, prepared: offsets.geometry().prepared_slot(), read_at: Moment::now() }
    }

    /// When it was read, in nanoseconds of [`monotonic_ns`]; of a table that is not a copy, when it was made or opened. Ages in
    /// a copy are those of this moment, however much later they are asked for.
    #[must_use]
    pub fn read_at_ns(&self) -> u64 {
        self.read_at.monotonic_ns
    }

    /// As [`Table::read_at_ns`], in seconds since 1970.
    #[must_use]
    pub fn read_at_s(&self) -> u64 {
        self.read_at.unix_s
    }

    /// A table in private memory, all pages present. What it holds ends with the process.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn anonymous(geometry: Geometry) -> io::Result<Self> {
        let offsets = offsets_of(geometry)?;
        Ok(Self::new(Region::anonymous(offsets.total_len(), true)?, offsets))
    }

    /// How many slots of each kind there are, and how wide.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.offsets.geometry()
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.offsets.total_len()
    }

    /// What identifies the table, and the daemon that writes it.
    #[must_use]
    pub fn header(&self) -> &TableHeader {
        self.region.shared(0).unwrap_or(&header::NOWHERE)
    }

    /// An entry of the list of clients that are watched; `None` when there is no such entry.
    #[must_use]
    pub fn client(&self, index: u32) -> Option<&ClientEntry> {
        self.region.shared(self.offsets.client(index)?)
    }

    /// True when no request is in hand and no answer waits: nothing would be lost with the table.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        let is_armed = |slot: &SlotHeader| slot.state() == Some(SlotState::Armed);
        let has_none = |index| self.landing(index).is_none_or(is_armed) && self.landed_mtype(index) == 0;
        (0..=self.recall()).all(has_none)
            && (0..self.geometry().capacity).all(|index| self.response(index).is_none_or(is_armed))
    }

    /// A response slot; `None` when there is no such slot.
    #[must_use]
    pub fn response(&self, index: u32) -> Option<&SlotHeader> {
        self.region.shared(self.offsets.response(index)?)
    }

    /// Stores a framed response (mtype and body) in a response slot.
    pub fn write_response(&self, index: u32, message: &[u8]) {
        if let Some(offset) = self.offsets.response_message(index) {
            self.region.write(offset, message.get(..self.offsets.response_message_len()).unwrap_or(message));
        }
    }

    /// Copies the framed response out of a response slot and returns its length, mtype included; 0 when there is none, or
    /// `message` is too short for it.
    #[must_use]
    pub fn read_response(&self, index: u32, message: &mut [u8]) -> usize {
        let (Some(header), Some(offset)) = (self.response(index), self.offsets.response_message(index)) else {
            return 0;
        };
        self.read_framed(offset, header.body_len(), message)
    }

    pub(super) fn read_framed(&self, offset: usize, body_len: usize, message: &mut [u8]) -> usize {
        let len = MTYPE_LEN + body_len.min(self.geometry().response_len);
        let is_read = message.get_mut(..len).is_some_and(|message| self.region.read(offset, message));
        if is_read { len } else { 0 }
    }

    /// Room for every framed response of this table.
    #[must_use]
    pub fn response_room(&self) -> Vec<u8> {
        vec![0; self.offsets.response_message_len()]
    }
}

pub(super) fn offsets_of(geometry: Geometry) -> io::Result<Offsets> {
    Offsets::new(geometry).ok_or_else(|| io::Error::other("the table would exceed the address space"))
}
