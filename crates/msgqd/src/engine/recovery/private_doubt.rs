//! Answers to queues of clients' own that a daemon was sending when it died.
//!
//! In order of their weight, where the queue may be looked at: the answer rests in it, so it was sent. An earlier one rests
//! there, and this one does not, so it was not sent: who reads, reads in order. Its client asked again, so it has its answer.
//! Nobody, or another than the dead daemon, was the last to send to the queue, so the answer was not sent. Else it is taken
//! for sent, as nearly all are, and counted as ambiguous: from a queue of a client's own nothing is taken back, and one that
//! is sent twice would be the answer to the client's next request.

use super::in_doubt::{DoubtVerdict, VIEW_LIMITS, has_asked};
use super::left::Recovery;
use crate::engine::kill_points::kill_point;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{Browse, MTYPE_LEN, MessageBuffer, Queue, QueueStat, framed};
use msgq_core::table::Counters;

/// What rests in a queue of a client's own says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Rests,
    EarlierRests,
    Nothing,
}

pub(super) fn settle_private_doubt(
    recovery: &Recovery<'_>,
    queue: &Queue,
    client: ClientNumber,
    message: &[u8],
    asked_again: bool,
) -> DoubtVerdict {
    let counters = recovery.shared.counters();
    let look = look_for(queue, message);
    if look == Look::EarlierRests {
        return DoubtVerdict::Unsent;
    }
    kill_point("settling-doubt");
    if look == Look::Rests || asked_again || has_asked(recovery, client) {
        Counters::add(&counters.recovered_delivered);
        return DoubtVerdict::Delivered;
    }
    match queue.stat() {
        Ok(stat) if !may_be_sent(&stat, recovery.left.header().about().owner) => DoubtVerdict::Unsent,
        // One that is gone by now is said and counted by whoever sends.
        Err(error) if error.is_gone() => DoubtVerdict::Unsent,
        _ => {
            Counters::add(&counters.recovered_ambiguous);
            DoubtVerdict::Delivered
        }
    }
}

fn look_for(queue: &Queue, message: &[u8]) -> Look {
    let mut buffer = MessageBuffer::new();
    let mut browse = Browse::new(*queue, VIEW_LIMITS, &mut buffer);
    let mut look = Look::Nothing;
    while let Some((_, resting)) = browse.next_message() {
        if framed(resting.mtype(), resting.body()) == message {
            return Look::Rests;
        }
        if message.first_chunk::<MTYPE_LEN>() == Some(&resting.mtype().to_ne_bytes()) {
            look = Look::EarlierRests;
        }
    }
    // Of a queue that was not seen to its end nothing is known.
    if matches!(browse.is_complete(), Ok(true)) { look } else { Look::Nothing }
}

/// False where the last message of the queue is not one of this daemon's. A sender of another PID namespace is 0 here.
fn may_be_sent(stat: &QueueStat, daemon: i32) -> bool {
    let was_used = stat.last_send_time != 0;
    was_used && (stat.last_send_pid == 0 || stat.last_send_pid == daemon)
}
