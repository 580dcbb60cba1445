//! Where answers go, and what a request says of the way to its client's own queue.

use std::fmt;

/// Where answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyRoute {
    /// Into the queue of the requests.
    #[default]
    Shared,
    /// Into a second queue, which all clients share.
    Separate,
    /// Into a queue of the client's own, which its request names.
    Private,
    /// Nowhere: requests are handled, and nothing is answered.
    Nowhere,
}

/// Where a request names the queue of its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyToRole {
    /// The path of the field, an integer.
    pub field: String,
    /// The field holds the queue's key instead of its msqid.
    pub is_key: bool,
}

/// A queue of a client's own, as a request names it. Nothing in it is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplyAddress {
    /// By its msqid.
    Msqid(i32),
    /// By its key; never `IPC_PRIVATE`.
    Key(u32),
}

impl fmt::Display for ReplyAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Msqid(msqid) => write!(formatter, "msqid {msqid}"),
            Self::Key(key) => write!(formatter, "key {key:#010x}"),
        }
    }
}

impl ReplyAddress {
    /// The number of the client where the address is all that is known of it: from 1.
    #[must_use]
    pub fn client_number(self) -> i64 {
        match self {
            Self::Msqid(msqid) => i64::from(msqid) + 1,
            Self::Key(key) => key.into(),
        }
    }
}
