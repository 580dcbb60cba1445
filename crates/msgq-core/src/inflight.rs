//! The table: everything that is held for clients, in one block of memory of fixed size.
//!
//! In this order: a header that says whose table it is; the [`Books`], shared ones and those of the first worker; one
//! *landing slot* for each worker, as wide as the kernel's longest message, into which requests are received; one more,
//! the *recall slot*, into which answers are taken back out of the queue; the *response slots*, in which answers wait
//! that did not fit into the queue; and the list of clients that are watched, with their identities.
//!
//! On a file of a memory file system the table outlives its daemon, and what it holds is finished by the next one. That
//! works because a message goes straight from the kernel into its slot: msgrcv(2) takes it off the queue and copies it
//! in one call that a kill cannot split as long as the copy does not fault. So all pages are brought in and locked.
//!
//! ```text
//! landing slot   ARMED -> RECEIVED -> READY -> SENDING -> ARMED     owned by its worker
//! response slot  ARMED -> READY -> SENDING -> OFFERED -> ARMED      owned by whoever holds its index
//! ```
//!
//! Every transition is one atomic store. ARMED means empty. RECEIVED: the request is in the slot. READY: the answer is.
//! SENDING: the answer is in the send call. OFFERED: the answer rests in the queue and may be taken back.
//! A body is written before the state that announces it, so whoever sees the state sees the body.

mod books;
mod counters;
mod file;
mod header;
mod histogram;
mod history;
mod landing;
mod layout;
mod slot;

pub use books::Books;
pub use counters::{Counters, CountersSnapshot};
pub use file::{TableError, is_memory_file_system};
pub use header::{About, Phase, TableHeader};
pub use histogram::{Histogram, HistogramSnapshot};
pub use history::History;
pub use layout::{ClientEntry, Geometry};
pub use slot::{SlotHeader, SlotState};

use crate::frame::BODY_LEN_LP64;
use crate::memory::Region;
use crate::sysv::MTYPE_LEN;
use layout::Layout;
use std::io;

/// Longest framed response: mtype and body, in bytes.
pub const RESPONSE_MESSAGE_LEN: usize = MTYPE_LEN + BODY_LEN_LP64;

/// The table.
#[derive(Debug)]
pub struct Table {
    region: Region,
    layout: Layout,
}

impl Table {
    /// A table in private memory, all pages present. What it holds ends with the process.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn anonymous(geometry: Geometry) -> io::Result<Self> {
        let layout = layout_of(geometry)?;
        Ok(Self { region: Region::anonymous(layout.total_len(), true)?, layout })
    }

    /// How many slots of each kind there are, and how wide.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.layout.geometry()
    }

    /// What identifies the table, and the daemon that writes it.
    #[must_use]
    pub fn header(&self) -> &TableHeader {
        self.region.shared(0).unwrap_or(&header::NOWHERE)
    }

    /// An entry of the list of clients that are watched; `None` when there is no such entry.
    #[must_use]
    pub fn client(&self, index: u32) -> Option<&ClientEntry> {
        self.region.shared(self.layout.client(index)?)
    }

    /// A response slot; `None` when there is no such slot.
    #[must_use]
    pub fn response(&self, index: u32) -> Option<&SlotHeader> {
        self.region.shared(self.layout.response(index)?)
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
        let body_len = header.body_len().min(BODY_LEN_LP64);
        if self.region.read(offset, message) { MTYPE_LEN + body_len } else { 0 }
    }
}

fn layout_of(geometry: Geometry) -> io::Result<Layout> {
    Layout::new(geometry).ok_or_else(|| io::Error::other("the table would exceed the address space"))
}

#[cfg(test)]
mod tests;
