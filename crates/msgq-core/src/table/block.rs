//! The table as one block of memory, and its response slots.

use super::client_entry::ClientEntry;
use super::geometry::{Geometry, RESPONSE_MESSAGE_LEN};
use super::header::{self, TableHeader};
use super::offsets::Offsets;
use super::slot::SlotHeader;
use crate::layout::BODY_LEN_LP64;
use crate::memory::Region;
use crate::queue::MTYPE_LEN;
use std::io;

/// The table: a view of its memory. Everything in it is shared, so all of its methods take `&self`.
#[derive(Debug)]
pub struct Table {
    pub(super) region: Region,
    pub(super) offsets: Offsets,
}

impl Table {
    /// A table in private memory, all pages present. What it holds ends with the process.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn anonymous(geometry: Geometry) -> io::Result<Self> {
        let offsets = offsets_of(geometry)?;
        Ok(Self { region: Region::anonymous(offsets.total_len(), true)?, offsets })
    }

    /// How many slots of each kind there are, and how wide.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.offsets.geometry()
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

    /// A response slot; `None` when there is no such slot.
    #[must_use]
    pub fn response(&self, index: u32) -> Option<&SlotHeader> {
        self.region.shared(self.offsets.response(index)?)
    }

    /// Stores a framed response (mtype and body) in a response slot.
    pub fn write_response(&self, index: u32, message: &[u8]) {
        if let Some(offset) = self.offsets.response_message(index) {
            self.region.write(offset, message.get(..RESPONSE_MESSAGE_LEN).unwrap_or(message));
        }
    }

    /// Copies the framed response out of a response slot and returns its length, mtype included; 0 when there is none.
    #[must_use]
    pub fn read_response(&self, index: u32, message: &mut [u8; RESPONSE_MESSAGE_LEN]) -> usize {
        let (Some(header), Some(offset)) = (self.response(index), self.offsets.response_message(index)) else {
            return 0;
        };
        let body_len = header.body_len().min(BODY_LEN_LP64);
        if self.region.read(offset, message) { MTYPE_LEN + body_len } else { 0 }
    }
}

pub(super) fn offsets_of(geometry: Geometry) -> io::Result<Offsets> {
    Offsets::new(geometry).ok_or_else(|| io::Error::other("the table would exceed the address space"))
}
