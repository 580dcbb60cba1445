//! Orphans: messages in the queue that nobody will ever read. What counts as one, who rests there, and how to remove it.
//!
//! [`verdict`] decides and does nothing; [`Survey`] looks and takes nothing; [`sweep`] removes.
//!
//! The kernel gives a message no sender and no time, so all that can be known of a response is its type: the number of
//! the client that is to read it. A number is not an identity. If a living process has the number of a dead client, its
//! predecessor's answers are kept here; only a daemon that held on to the client by pidfd from the start can tell.

mod survey;
mod sweep;

pub use survey::{Resting, Survey};
pub use sweep::{Kept, Removed, SweepError, SweepOptions, SweepReport, sweep};

use crate::frame::REQUEST_MTYPE;
use crate::identity::{ClientPid, Liveness};
use crate::limits::PID_MAX_LIMIT;
use std::fmt;
use std::time::Duration;

/// What is known of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Its type.
    pub mtype: i64,
    /// State of the process or thread with that number; `None` when it could not be found out.
    pub liveness: Option<Liveness>,
    /// For how long it is known to rest in the queue; `None` when nobody watched.
    pub age: Option<Duration>,
}

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A request: the server's business.
    Request,
    /// Its client lives and may read it.
    KeepAlive,
    /// It could not be found out whether its client lives.
    KeepUnknown,
    /// Nobody will read it.
    Orphan(Reason),
}

/// Why nobody will read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// No process or thread has this number.
    NoSuchProcess,
    /// Its client has ended and only waits for its parent.
    Zombie,
    /// Linux gives nobody a number like this type.
    ImpossibleType,
    /// It rested longer than it was allowed to.
    Expired,
    /// Its client lives, and the operator wants it removed all the same.
    Forced,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 5] = [Self::NoSuchProcess, Self::Zombie, Self::ImpossibleType, Self::Expired, Self::Forced];

    /// A stable name for machines, in `snake_case`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSuchProcess => "no_such_process",
            Self::Zombie => "zombie",
            Self::ImpossibleType => "impossible_type",
            Self::Expired => "expired",
            Self::Forced => "forced",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoSuchProcess => "no process or thread has this number",
            Self::Zombie => "the client has ended (zombie)",
            Self::ImpossibleType => "no process can have this number",
            Self::Expired => "expired",
            Self::Forced => "removed by force, the client is alive",
        })
    }
}

/// The number of the client that may read messages of this type; `None` for requests and for types that Linux gives
/// nobody as a process or thread id (`PID_MAX_LIMIT`, whatever `kernel.pid_max` is now: it can be changed at any time).
#[must_use]
pub fn reader_of(mtype: i64) -> Option<ClientPid> {
    ClientPid::from_mtype(mtype).filter(|pid| pid.get() < PID_MAX_LIMIT)
}

/// Judges one message. `ttl` is how long an unread response may rest; `None` for ever.
#[must_use]
pub fn verdict(evidence: &Evidence, ttl: Option<Duration>) -> Verdict {
    if evidence.mtype == REQUEST_MTYPE {
        return Verdict::Request;
    }
    if reader_of(evidence.mtype).is_none() {
        return Verdict::Orphan(Reason::ImpossibleType);
    }
    let is_expired = matches!((evidence.age, ttl), (Some(age), Some(ttl)) if age >= ttl);
    match evidence.liveness {
        Some(Liveness::Dead) => Verdict::Orphan(Reason::NoSuchProcess),
        Some(Liveness::Zombie) => Verdict::Orphan(Reason::Zombie),
        _ if is_expired => Verdict::Orphan(Reason::Expired),
        Some(Liveness::Alive) => Verdict::KeepAlive,
        None => Verdict::KeepUnknown,
    }
}

#[cfg(test)]
mod tests;
