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
/// gives none, or where there is no process.
pub(crate) fn watched_clients(table: &Table) -> impl Iterator<Item = (i64, u64)> {
    (0..table.geometry().clients).filter_map(|index| table.client(index)?.get())
}

/// True for a slot that holds a request or an answer.
pub(crate) fn is_used(slot: &SlotHeader) -> bool {
    !matches!(slot.state(), Some(SlotState::Armed) | None)
}

/// Milliseconds since the request of this slot was received; 0 of one that was taken over, and is nobody's work yet.
pub(crate) fn age_ms(slot: &SlotHeader, now_ns: u64) -> u64 {
    match slot.received_at_ns.load(Ordering::Relaxed) {
        0 => 0,
        received_at_ns => now_ns.saturating_sub(received_at_ns) / 1_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgq_core::table::Geometry;

    #[test]
    fn a_request_that_is_nobodys_work_yet_is_not_as_old_as_the_machine() {
        let table = Table::anonymous(Geometry::plain(1, 64, 8192, 1)).unwrap();
        let slot = table.landing(0).unwrap();
        slot.received_at_ns.store(0, Ordering::Relaxed);
        assert_eq!(age_ms(slot, 3_600_000_000_000), 0);
        slot.received_at_ns.store(3_599_000_000_000, Ordering::Relaxed);
        assert_eq!(age_ms(slot, 3_600_000_000_000), 1000);
    }
}
