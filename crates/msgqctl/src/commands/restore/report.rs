//! What `restore` put back, as JSON and as text.

use crate::output::{StyledText, Text, counted};
use crate::target::Target;
use msgq_core::queue::QueueKey;
use msgq_core::saved_messages::{RestoreEnd, Restored};
use serde::Serialize;

/// Result of `restore`.
#[derive(Debug, Serialize)]
pub(super) struct RestoreReport {
    file: String,
    /// The key of the queue; `null` for one without.
    key: Option<String>,
    msqid: i32,
    /// All that was missing is back, but for what is in doubt.
    is_complete: bool,
    /// How many messages were put back, and their bytes.
    messages: usize,
    bytes: usize,
    /// How many an earlier run had put back.
    back_before: usize,
    /// How many of the file were never missing: still in the queue, or received by somebody else.
    never_missing: usize,
    /// What stays in the file.
    left: Vec<LeftRow>,
    #[serde(skip)]
    queue_name: String,
}

/// A message that stays in the file.
#[derive(Debug, Serialize)]
struct LeftRow {
    /// The number of its line, from 1.
    line: usize,
    mtype: i64,
    bytes: usize,
    /// It may be in the queue as well.
    is_doubtful: bool,
}

impl RestoreReport {
    pub(super) fn new(file: String, target: &Target, restored: &Restored) -> Self {
        let left = restored.left.iter().map(|left| LeftRow {
            line: left.line,
            mtype: left.mtype,
            bytes: left.len,
            is_doubtful: left.is_doubtful,
        });
        Self {
            file,
            key: target.queue.key().as_ref().map(QueueKey::to_string),
            msqid: target.queue.id(),
            is_complete: matches!(restored.end, RestoreEnd::Complete),
            messages: restored.sent.messages,
            bytes: restored.sent.bytes,
            back_before: restored.back_before,
            never_missing: restored.never_missing,
            left: left.collect(),
            queue_name: target.name.to_string(),
        }
    }
}

impl Text for RestoreReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        let messages = counted(self.messages, "message");
        match self.messages {
            0 if self.left.is_empty() => text.line("nothing to put back"),
            _ => text.line(format!(
                "put back {messages} ({}) into queue {}",
                counted(self.bytes, "byte"),
                self.queue_name
            )),
        }
        if self.back_before > 0 {
            text.line(format!("  {} of the file back already", were(self.back_before)));
        }
        if self.never_missing > 0 {
            text.line(format!(
                "  {} of the file never missing: still in the queue, or received by another program",
                were(self.never_missing)
            ));
        }
        if !self.left.is_empty() {
            text.line(format!("  {} left in {}", were(self.left.len()), self.file));
        }
        text
    }
}

fn were(messages: usize) -> String {
    let verb = if messages == 1 { "was" } else { "were" };
    format!("{} {verb}", counted(messages, "message"))
}
