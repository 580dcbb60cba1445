//! What a server uses a queue for.

use std::fmt;

/// What a server uses a queue for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueRole {
    /// Requests come from it, and answers go into it.
    Both,
    /// Requests come from it, and nothing in it is an answer.
    Requests,
    /// Answers go into it, and nothing in it is a request.
    Answers,
}

impl fmt::Display for QueueRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Both => "queue",
            Self::Requests => "queue of requests",
            Self::Answers => "queue of answers",
        })
    }
}
