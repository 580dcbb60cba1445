//! What is asked of whom, and for how long.

use crate::server::Server;
use serde::Serialize;

/// What is asked of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Who answers.
    pub server: Server,
    /// Processes that ask, one request at a time each.
    pub clients: u32,
    /// Answers that rest in the queue for living clients that do not read.
    pub resting: u32,
    /// Whether server and clients share one CPU.
    pub pinned: bool,
}

impl Cell {
    /// Without anything special.
    #[must_use]
    pub fn new(server: Server, clients: u32) -> Self {
        Self { server, clients, resting: 0, pinned: false }
    }

    /// What `--only` looks at.
    #[must_use]
    pub fn label(&self) -> String {
        let resting = if self.resting > 0 { format!(", {} resting", self.resting) } else { String::new() };
        let pinned = if self.pinned { ", pinned" } else { "" };
        format!("{}, {} clients{resting}{pinned}", self.server.name, self.clients)
    }
}

/// How long things take, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Times {
    /// Load before anything counts, besides [`WARM_UP_MS_EACH`].
    pub warm_up_ms: u64,
    /// The time in which round trips count.
    pub round_ms: u64,
    /// How long clients may wait for their last answer; after that they are stuck.
    pub grace_ms: u64,
}

/// Further warm-up for each client, in milliseconds: hundreds that all begin at once are another thing than hundreds at work.
pub const WARM_UP_MS_EACH: u64 = 2;

impl Times {
    /// The whole warm-up with so many clients.
    #[must_use]
    pub fn whole_warm_up_ms(&self, clients: u32) -> u64 {
        self.warm_up_ms + WARM_UP_MS_EACH * u64::from(clients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_what_is_special() {
        let cell = Cell { resting: 100, pinned: true, ..Cell::new(Server::msgqd(), 8) };
        assert_eq!(cell.label(), "msgqd, 8 clients, 100 resting, pinned");
    }
}
