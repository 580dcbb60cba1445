//! Whether there is a connection.

/// Whether there is a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// There is one. The number differs for each.
    Up(u64),
    /// There is none, and why.
    Down(String),
}

/// Why the gateway cannot even try to connect; a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConnectError(pub(super) String);
