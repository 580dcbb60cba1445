//! One client's line: its phase, and how it treats its answers.

use super::chain::Chain;
use super::rounds::Standing;
use msgq_core::process::ClientOwner;
use std::time::{Duration, Instant};

/// What is to be done with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::outbox) enum LinePhase {
    /// Its head may be sent.
    Ready,
    /// The courier has this slot in the send call.
    Sending(u32),
    /// This slot's answer rests in the queue.
    Offered {
        /// The slot.
        slot: u32,
        /// Since when it rests.
        since: Instant,
    },
    /// Nothing is to be done before this moment.
    Parked(Instant),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) phase: LinePhase,
    pub(super) chain: Chain,
    /// Slots in the line, the one that is sent or offered included.
    pub(super) held: u32,
    pub(super) owner: ClientOwner,
    /// Offers in a row that were not read and taken back.
    pub(super) unread: u32,
    /// The client has read an answer before.
    pub(super) has_read: bool,
    /// Since when it could have read one: it rested in the queue, or filled the client's own.
    pub(super) rested_since: Option<Instant>,
    /// A look showed that nothing rests in the queue for the client, and nothing was put there since.
    pub(super) nothing_rests: bool,
    /// Parts of its head have gone out: it is not dropped for another answer.
    pub(super) has_started: bool,
}

/// Shortest and longest pause between two offers of the same answer.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Shortest pause between two tries of a client whose own queue is full.
const FIRST_RETRY: Duration = Duration::from_millis(2);
/// The longest one for a client that has read answers before and may be busy, or without a CPU.
const READERS_PAUSE: Duration = Duration::from_millis(80);
/// So many offers that were not read, in more than two seconds, and such a client counts as silent.
const BUSY_READER: u32 = 24;
/// So many for one that was never seen to read: the first one can find it between its request and its read.
const NO_READER: u32 = 2;

impl Line {
    pub(super) fn new(owner: ClientOwner, has_read: bool) -> Self {
        Self {
            phase: LinePhase::Ready,
            chain: Chain::default(),
            held: 0,
            owner,
            unread: 0,
            has_read,
            rested_since: None,
            nothing_rests: false,
            has_started: false,
        }
    }

    /// How much this line has to answer for at the limit: what the courier has in the send call does not count, as its
    /// client may have it already; a line of which nothing waits has nothing to give.
    pub(super) fn weight(&self) -> u32 {
        if self.chain.is_empty() { 0 } else { self.held - u32::from(matches!(self.phase, LinePhase::Sending(_))) }
    }

    /// True when the client leaves its answers unread: the first ones that it ever got here, or for seconds after others.
    pub(super) fn is_silent(&self) -> bool {
        self.unread >= if self.has_read { BUSY_READER } else { NO_READER }
    }

    pub(super) fn standing(&self) -> Standing {
        match (self.is_silent(), self.has_read) {
            (true, _) => Standing::Silent,
            (false, true) => Standing::Reader,
            (false, false) => Standing::Newcomer,
        }
    }

    /// The pause before the next try of a client whose own queue is full, doubled with each one in a row.
    pub(super) fn pause_of_full_queue(&self) -> Duration {
        FIRST_RETRY.saturating_mul(1 << self.unread.min(10)).min(LONGEST_PAUSE)
    }

    /// The pause before the next offer, doubled with each one that was not read.
    pub(super) fn pause(&self) -> Duration {
        let longest = if self.is_silent() { LONGEST_PAUSE } else { READERS_PAUSE };
        FIRST_PAUSE.saturating_mul(1 << self.unread.min(10)).min(longest)
    }
}
