//! What the janitor remembers of a client between two scans.

use std::time::Instant;

/// What rests in the queue for one client, as of the last scans.
#[derive(Debug, Clone, Copy)]
pub(super) struct RestingAnswers {
    /// Of the oldest message.
    pub(super) fingerprint: u64,
    pub(super) count: usize,
    /// Since when the oldest message is the same.
    pub(super) since: Instant,
    /// Since when the client has shown no sign of life either.
    pub(super) silent_since: Instant,
}
