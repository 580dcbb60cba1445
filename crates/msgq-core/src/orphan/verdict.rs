//! Who is to read a message, and whether anybody ever will. Decides and does nothing.

use crate::layout::REQUEST_MTYPE;
use crate::limits::PID_MAX_LIMIT;
use crate::process::{ClientPid, Liveness, liveness};
use std::fmt;

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
    /// Its client lives, and the operator wants it removed all the same.
    Forced,
}

impl Reason {
    /// A stable name for machines, in `snake_case`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSuchProcess => "no_such_process",
            Self::Zombie => "zombie",
            Self::ImpossibleType => "impossible_type",
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

/// Judges a message by its type and by the state of the process or thread with that number; `None` when that could not be
/// found out.
pub(super) fn verdict(mtype: i64, liveness: Option<Liveness>) -> Verdict {
    if mtype == REQUEST_MTYPE {
        return Verdict::Request;
    }
    if reader_of(mtype).is_none() {
        return Verdict::Orphan(Reason::ImpossibleType);
    }
    match liveness {
        Some(Liveness::Dead) => Verdict::Orphan(Reason::NoSuchProcess),
        Some(Liveness::Zombie) => Verdict::Orphan(Reason::Zombie),
        Some(Liveness::Alive) => Verdict::KeepAlive,
        None => Verdict::KeepUnknown,
    }
}

/// Judges a message by its type and by who lives now.
pub(super) fn verdict_now(mtype: i64) -> Verdict {
    verdict(mtype, reader_of(mtype).and_then(|pid| liveness(pid).ok()))
}
