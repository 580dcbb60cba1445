//! One-way requests that an earlier daemon had in hand: they go into the landing slots of the new table, for its workers.

use super::left::Recovery;
use super::rerun::arm;
use crate::engine::consumption::{OneWayRequest, count_crash, take_over};
use crate::engine::kill_points::kill_point;
use crate::engine::one_way::Tries;
use msgq_core::table::{Counters, Phase, SlotHeader, SlotState};
use std::io;
use std::sync::atomic::Ordering;

/// Hands all of them over, the oldest first.
///
/// # Errors
/// When one can neither be handed over nor kept: nothing is lost, and the next start tries again.
pub(super) fn hand_over_requests(recovery: &Recovery<'_>) -> io::Result<()> {
    // What waits for its worker has no time of its own, see `take_over`, and was not tried by the daemon that died.
    let was_tried = |slot: &SlotHeader| {
        slot.state() == Some(SlotState::Received) && slot.received_at_ns.load(Ordering::Relaxed) > 0
    };
    let landings = recovery.landings().map(|(index, slot)| (index, slot, was_tried(slot)));
    let mut waiting: Vec<(usize, &SlotHeader, bool)> =
        landings.filter(|(index, slot, _)| arm(recovery, *index, slot)).collect();
    waiting.sort_by_key(|(_, slot, _)| slot.sequence.load(Ordering::Relaxed));
    let (shared, left) = (recovery.shared, recovery.left);
    let was_in_order = left.header().phase() == Some(Phase::Ended);
    for (index, slot, was_tried) in waiting {
        if was_tried && !was_in_order {
            count_crash(slot);
        }
        Counters::add(&shared.counters().recovered);
        if take_over(left, &shared.table, index) {
            Counters::add(&shared.counters().recovered_rerun);
            shared.one_way.leave(index);
        } else {
            keep_as_letter(recovery, index, slot)?;
        }
        kill_point("recovery-rerun");
    }
    Ok(())
}

/// The new table has no slot for it, or none of its length: the server had more workers, or the machine longer messages.
fn keep_as_letter(recovery: &Recovery<'_>, index: usize, slot: &SlotHeader) -> io::Result<()> {
    let request = OneWayRequest { shared: recovery.shared, table: recovery.left, index, slot };
    let reason = "the server that took it died, and the next one has no room for it in its table";
    if !request.give_up(&request.body(), &Tries::default(), reason) {
        return Err(io::Error::other("a request that an earlier server had in hand can be kept nowhere"));
    }
    recovery.left.finish_landing(index);
    Ok(())
}
