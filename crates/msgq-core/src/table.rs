//! The table: everything that is held for clients, in one block of memory of fixed size.
//!
//! In this order: a header that says whose table it is; the [`Metrics`], shared ones and those of the first worker; one
//! *landing slot* for each worker, as wide as the kernel's longest message, into which requests are received; one more,
//! the *recall slot*, into which answers are taken back out of the queue; the *response slots*, in which answers wait
//! that did not fit into the queue; the list of clients that are watched, with their identities; and where answers may be longer
//! than a message the *long slots*, with their texts ([`Series`]).
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

mod block;
mod client_entry;
mod counters;
mod file;
mod geometry;
mod header;
mod histogram;
mod history;
mod landing;
mod metrics;
mod offsets;
mod parts;
mod series;
mod slot;
mod stamp;

pub use block::Table;
pub use client_entry::ClientEntry;
pub use counters::{Counters, CountersSnapshot};
pub use file::{LONGEST_TABLE, TableError, is_memory_file_system};
pub use geometry::Geometry;
pub use header::{About, Phase, TableHeader};
pub use histogram::{Histogram, HistogramSnapshot};
pub use history::History;
pub use metrics::Metrics;
pub use series::{LONG_SLOTS, LONGEST_ANSWER, PartForm, Series};
pub use slot::{SlotHeader, SlotState};

#[cfg(test)]
mod tests;
