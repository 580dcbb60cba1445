//! What `remove` removed, or would remove, as JSON and as text.

use super::contents::QueueContents;
use crate::output::{StyledText, Text, rough_age_s};
use crate::overview::{LastUse, QueueFacts, QueueRow, UnseenWaiters};
use serde::Serialize;

/// Result of `remove`.
#[derive(Debug, Serialize)]
pub(super) struct RemoveReport {
    /// Nothing was changed; `removed` is what would go.
    pub(super) is_dry_run: bool,
    pub(super) removed: Vec<RemovedQueue>,
    /// Where its messages were saved.
    pub(super) saved_to: Option<String>,
}

/// A queue that is gone.
#[derive(Debug, Serialize)]
pub(super) struct RemovedQueue {
    /// As it was.
    queue: QueueRow,
    /// What was in it; `null` where that could not be looked at.
    types: Option<Vec<RemovedType>>,
    /// False where a limit ended the look.
    types_are_complete: bool,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    what: String,
}

/// Messages of one type.
#[derive(Debug, Serialize)]
struct RemovedType {
    mtype: i64,
    messages: usize,
    bytes: usize,
}

impl RemovedQueue {
    pub(super) fn new(facts: &QueueFacts, contents: &QueueContents) -> Self {
        let types = contents.by_type.as_ref().map(|by_type| {
            let types = by_type.iter();
            types.map(|(mtype, it)| RemovedType { mtype: *mtype, messages: it.messages, bytes: it.bytes }).collect()
        });
        Self {
            queue: QueueRow::from(facts),
            types,
            types_are_complete: contents.is_complete,
            name: name(facts),
            what: contents.in_words(),
        }
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }
}

/// What a queue is called in a sentence.
pub(super) fn name(facts: &QueueFacts) -> String {
    let owner = facts.owner.label();
    match facts.stat.key {
        Some(key) => format!("queue {key} (msqid {}) of user {owner}", facts.stat.msqid),
        None => format!("the queue without a key with msqid {} of user {owner}", facts.stat.msqid),
    }
}

/// Who used it last, who waits, and who names it: a sentence.
pub(super) fn users(facts: &QueueFacts, now_s: i64) -> String {
    let last = |did: &str, last: &Option<LastUse>| match last {
        Some(last) => {
            let ago_s = u64::try_from(now_s.saturating_sub(last.at_s)).unwrap_or(0);
            format!("{} {did} last, {} ago", last.label(), rough_age_s(ago_s))
        }
        None => format!("nobody ever {did}"),
    };
    let waiting = match facts.senders.len() + facts.receivers.len() {
        0 => facts.unseen_waiters.map_or("nobody waits on it", UnseenWaiters::sentence).to_owned(),
        1 => "1 waits on it".to_owned(),
        waiters => format!("{waiters} wait on it"),
    };
    let named = match facts.configurations.as_slice() {
        [] => String::new(),
        files => format!("; named by {}", files.join(", ")),
    };
    format!("{}; {}; {waiting}{named}", last("sent", &facts.last_send), last("received", &facts.last_receive))
}

impl Text for RemoveReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        let did = if self.is_dry_run { "would remove" } else { "removed" };
        for removed in &self.removed {
            text.field(did, &format!("{}: {}", removed.name, removed.what));
        }
        if let Some(file) = &self.saved_to {
            text.unbroken_field("saved in", file);
        }
        text
    }
}
