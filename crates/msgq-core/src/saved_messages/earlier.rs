//! Lines of messages that are in the queue, as the file had them before more was added to it.
//!
//! What is saved, put back and saved again stands in two lines, and is one message. A look that decides what became of a message
//! in hand subtracts those that are in the queue for certain, so each may count once: the later line names the earlier one that
//! it takes the place of, in the same write. Messages of the same type and bytes are the same for this.

use super::line::{SavedMessage, SavedState};
use super::reading::SavedLine;
use std::collections::{HashMap, HashSet};

/// Where the lines begin, by type and body; of several the last is the first to be replaced.
#[derive(Debug, Default)]
pub(super) struct EarlierLines {
    lines: HashMap<(i64, Vec<u8>), Vec<u64>>,
}

impl EarlierLines {
    /// Of these lines those whose message is in the queue, and that none behind them takes the place of.
    pub(super) fn of(lines: Vec<SavedLine>) -> Self {
        let replaced = replaced_lines(&lines);
        let mut earlier = Self::default();
        for SavedLine { offset, message, .. } in lines {
            if is_in_queue(message.state) && !replaced.contains(&offset) {
                earlier.lines.entry((message.mtype, message.body)).or_default().push(offset);
            }
        }
        earlier
    }

    /// The line that a new copy of this message takes the place of.
    pub(super) fn take(&mut self, message: &SavedMessage) -> Option<u64> {
        if self.lines.is_empty() {
            return None;
        }
        self.lines.get_mut(&(message.mtype, message.body.clone()))?.pop()
    }
}

/// True where the queue has the message for certain, unless somebody received it.
pub(super) fn is_in_queue(state: SavedState) -> bool {
    matches!(state, SavedState::Saved | SavedState::Restored)
}

/// Where the lines begin that others took the place of.
pub(super) fn replaced_lines(lines: &[SavedLine]) -> HashSet<u64> {
    lines.iter().filter_map(|line| line.message.instead_of).collect()
}
