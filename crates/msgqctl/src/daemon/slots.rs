//! The slots of a table that hold something, and the clients that its daemon watches.

use msgq_core::table::{SlotHeader, SlotState, Table};
use std::sync::atomic::Ordering;

/// Requests that a worker has, each since it was received.
pub(crate) fn in_hand_slots(table: &Table) -> impl Iterator<Item = &SlotHeader> {
    table.landings().filter(|slot| is_used(slot))
}

/// Answers that wait in the outbox, offered ones included.
pub(crate) fn outbox_slots(table: &Table) -> impl Iterator<Item = &SlotHeader> {
    (0..table.geometry().capacity).filter_map(|index| table.response(index)).filter(|slot| is_used(slot))
}

/// The numbers of all clients that the daemon took hold of, with the identity (pidfs inode) of each, 0 where the kernel
/// gives none.
pub(crate) fn watched_clients(table: &Table) -> impl Iterator<Item = (i32, u64)> {
    (0..table.geometry().clients).filter_map(|index| table.client(index)?.get())
}

/// True for a slot that holds a request or an answer.
pub(crate) fn is_used(slot: &SlotHeader) -> bool {
    !matches!(slot.state(), Some(SlotState::Armed) | None)
}

/// Milliseconds since the request of this slot was received.
pub(crate) fn age_ms(slot: &SlotHeader, now_ns: u64) -> u64 {
    now_ns.saturating_sub(slot.received_at_ns.load(Ordering::Relaxed)) / 1_000_000
}
