//! What waits in a queue by type, as JSON and as text: all that can be said where nobody knows what a type means.

use crate::output::{StyledText, counted};
use msgq_core::orphan::{Resting, Survey};
use serde::Serialize;

/// Types that the text shows; JSON shows all.
const ROWS: usize = 10;

/// The messages in the queue.
#[derive(Debug, Serialize)]
pub(super) struct MessagesByType {
    /// False when a limit ended the look, so that there may be more.
    pub(super) is_complete: bool,
    pub(super) looked_at: usize,
    /// The most messages first.
    pub(super) types: Vec<TypeRow>,
}

/// The messages of one type.
#[derive(Debug, Serialize)]
pub(super) struct TypeRow {
    pub(super) mtype: i64,
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl MessagesByType {
    pub(super) fn of_survey(survey: &Survey) -> Self {
        let row = |mtype: i64, resting: Resting| {
            let Resting { messages, bytes } = resting;
            TypeRow { mtype, messages, bytes }
        };
        let all = survey.requests.iter().chain(&survey.responses);
        let mut types: Vec<TypeRow> = all.map(|(mtype, resting)| row(*mtype, *resting)).collect();
        types.sort_by_key(|row| std::cmp::Reverse(row.messages));
        Self { is_complete: survey.is_complete, looked_at: survey.looked_at, types }
    }

    pub(super) fn write(&self, text: &mut StyledText) {
        let (messages, types) = (counted(self.looked_at, "message"), counted(self.types.len(), "type"));
        text.field("waiting", &format!("{messages} of {types}; for whom is not known"));
        write_incomplete(self.is_complete, self.looked_at, text);
        for TypeRow { mtype, messages, bytes } in self.types.iter().take(ROWS) {
            let (messages, bytes) = (counted(*messages, "message"), counted(*bytes, "byte"));
            text.field("", &format!("type {mtype}: {messages}, {bytes}"));
        }
        if let Some(more) = self.types.len().checked_sub(ROWS).filter(|more| *more > 0) {
            text.field("", &format!("{} with fewer; --json shows them all", counted(more, "more type")));
        }
    }
}

/// That there may be more than was looked at.
pub(super) fn write_incomplete(is_complete: bool, looked_at: usize, text: &mut StyledText) {
    if !is_complete {
        let (oldest, were) = match looked_at {
            1 => ("message".to_owned(), "was"),
            _ => (counted(looked_at, "message"), "were"),
        };
        text.field("", &format!("only the oldest {oldest} {were} looked at: there may be more"));
    }
}
