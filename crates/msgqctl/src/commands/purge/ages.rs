//! How old the answers are that rest in the queue. The kernel keeps no time for a message; a msgqd knows the age of the
//! answers that it offers.

use crate::daemon::age_ms;
use msgq_core::queue::split_framed;
use msgq_core::table::{SlotState, Table};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Answers that rest in the queue as far as the server's table knows, with their ages, by type.
#[derive(Default)]
pub(super) struct AnswerAges(HashMap<i64, Vec<(Vec<u8>, Duration)>>);

impl AnswerAges {
    pub(super) fn read(table: &Table) -> Self {
        let now_ns = table.read_at_ns();
        let mut message = table.response_room();
        let mut found: Vec<(u64, i64, Vec<u8>, Duration)> = Vec::new();
        for index in 0..table.geometry().capacity {
            let Some(slot) = table.response(index) else { continue };
            // A daemon that died in the send call may have sent it: what rests in the queue shows.
            if !matches!(slot.state(), Some(SlotState::Offered | SlotState::Sending)) {
                continue;
            }
            let len = table.read_response(index, &mut message);
            let Some((mtype, body)) = message.get(..len).and_then(split_framed) else { continue };
            let age = Duration::from_millis(age_ms(slot, now_ns));
            found.push((slot.sequence.load(Ordering::Relaxed), mtype, body.to_vec(), age));
        }
        found.sort_by_key(|(sequence, ..)| *sequence);
        let mut ages = Self::default();
        for (_, mtype, body, age) in found {
            ages.0.entry(mtype).or_default().push((body, age));
        }
        ages
    }

    /// The age of a message that rests in the queue; each answer of the table stands for one message.
    pub(super) fn take_age(&mut self, mtype: i64, body: &[u8]) -> Option<Duration> {
        let known = self.0.get_mut(&mtype)?;
        let at = known.iter().position(|(answer, _)| answer == body)?;
        Some(known.remove(at).1)
    }
}
