//! What of a letter stands in lists.

use crate::output::{rough_age_s, shown_path};
use msgq_core::dead_letters::{DeadLetter, DeadLetters};
use msgq_core::escape::escape;
use msgq_core::time::unix_time_s;
use serde::Serialize;

/// A dead letter without its bytes.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LetterRow {
    pub(super) id: String,
    /// When it was given up, in seconds since 1970.
    pub(super) at_s: u64,
    pub(super) mtype: i64,
    /// Length of the body.
    pub(super) bytes: usize,
    /// The number of who sent it; `null` where the message names nobody.
    pub(super) client: Option<i64>,
    /// The request's number since the daemon's start.
    pub(super) request: u64,
    /// How often its handler was tried.
    pub(super) attempts: u32,
    /// Why the handler failed last.
    pub(super) reason: String,
    /// Where it is.
    pub(super) file: String,
}

impl LetterRow {
    pub(super) fn new(file: &DeadLetters, letter: &DeadLetter) -> Self {
        Self {
            id: letter.id.clone(),
            at_s: letter.at_s,
            mtype: letter.mtype,
            bytes: letter.body.len(),
            client: letter.client,
            request: letter.request,
            attempts: letter.attempts,
            reason: letter.reason.clone(),
            file: shown_path(file.path()),
        }
    }

    pub(super) fn age(&self) -> String {
        rough_age_s(unix_time_s().saturating_sub(self.at_s))
    }

    pub(super) fn client_label(&self) -> String {
        self.client.map_or_else(|| "-".to_owned(), |client| client.to_string())
    }

    /// One line in which nothing acts upon a terminal. The daemon has escaped what is of clients, so a backslash stays one.
    pub(super) fn shown_reason(&self) -> String {
        escape(self.reason.as_bytes()).replace("\\\\", "\\")
    }

    /// In a list of what was done with it.
    pub(super) fn summary(&self) -> String {
        let Self { id, mtype, bytes, .. } = self;
        let client = self.client.map_or_else(String::new, |client| format!(", of client {client}"));
        format!("  {id}  type {mtype}, {bytes} bytes{client}: {}", self.shown_reason())
    }
}
