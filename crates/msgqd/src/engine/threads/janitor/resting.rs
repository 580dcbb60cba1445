//! What the janitor sees of the answers of one client, and remembers between two scans.

use std::time::Instant;

/// What a scan found of one type.
#[derive(Debug, Clone, Copy)]
pub(super) struct TypeSeen {
    /// Of the oldest message.
    pub(super) fingerprint: u64,
    pub(super) count: usize,
}

impl TypeSeen {
    /// False when something was read since `before`, as far as a look shows.
    pub(super) fn is_as_unread_as(&self, before: &Self) -> bool {
        self.fingerprint == before.fingerprint && self.count >= before.count
    }
}

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
