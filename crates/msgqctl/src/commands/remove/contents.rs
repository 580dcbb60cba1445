//! What is in a queue, by type, as far as one look shows it.

use crate::commands::saving::counts_by_type;
use crate::messages::browse_messages;
use crate::output::counted;
use msgq_core::orphan::Resting;
use msgq_core::queue::{Queue, QueueStat};
use std::collections::BTreeMap;

/// The messages of a queue.
pub(super) struct QueueContents {
    /// All, also what the look did not come to.
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// `None` where this user, or this kernel, cannot look.
    pub(super) by_type: Option<BTreeMap<i64, Resting>>,
    pub(super) is_complete: bool,
}

impl QueueContents {
    pub(super) fn look(stat: &QueueStat) -> Self {
        let mut by_type: BTreeMap<i64, Resting> = BTreeMap::new();
        let browsed = browse_messages(&Queue::known(stat.key, stat.msqid), |_, message| {
            let of_type = by_type.entry(message.mtype()).or_default();
            of_type.messages += 1;
            of_type.bytes += message.body().len();
        });
        let is_complete = browsed.as_ref().is_ok_and(|browsed| browsed.is_complete);
        Self { messages: stat.messages, bytes: stat.bytes, by_type: browsed.is_ok().then_some(by_type), is_complete }
    }

    /// `3 messages (120 bytes) of 1 type: 3 of type 100`.
    pub(super) fn in_words(&self) -> String {
        let all = || {
            let messages = usize::try_from(self.messages).unwrap_or(usize::MAX);
            format!("{} ({} bytes)", counted(messages, "message"), self.bytes)
        };
        match &self.by_type {
            Some(by_type) if by_type.is_empty() && self.is_complete => "it is empty".to_owned(),
            Some(by_type) if self.is_complete => counts_by_type(by_type, "message"),
            Some(by_type) => format!("{}, of which the oldest are {}", all(), counts_by_type(by_type, "message")),
            None => format!("{}, of types that this user may not see", all()),
        }
    }
}
