//! Who is to read a message, and whether anybody ever will. Decides and does nothing.

use crate::layout::protocol::{ClientKind, Protocol};
use crate::limits::PID_MAX_LIMIT;
use crate::process::{ClientNumber, Liveness, liveness};
use std::fmt;

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The server takes it: a request, or what has a type between those of requests.
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
    /// A thread of the kernel has this number.
    KernelThread,
    /// Linux gives nobody a number like this type, or no answer has it.
    ImpossibleType,
    /// Its client lives, and the operator wants it removed all the same.
    Forced,
    /// The operator named its type, on a queue where nobody can be called its reader.
    Named,
}

impl Reason {
    /// A stable name for machines, in `snake_case`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSuchProcess => "no_such_process",
            Self::Zombie => "zombie",
            Self::KernelThread => "kernel_thread",
            Self::ImpossibleType => "impossible_type",
            Self::Forced => "forced",
            Self::Named => "named",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoSuchProcess => "no process or thread has this number",
            Self::Zombie => "the client has ended (zombie)",
            Self::KernelThread => "a thread of the kernel has this number",
            Self::ImpossibleType => "no client can have this number",
            Self::Forced => "removed by force, the client is alive",
            Self::Named => "its type was named",
        })
    }
}

/// The client that may read messages of this type; `None` for requests and, where clients are processes, for numbers that Linux
/// gives nobody as a process or thread id (`PID_MAX_LIMIT`, whatever `kernel.pid_max` is now: it can be changed at any time).
#[must_use]
pub fn reader_of(protocol: &Protocol, mtype: i64) -> Option<ClientNumber> {
    client_of(protocol.client_kind(), protocol.client_of_response(mtype)?)
}

/// The client with this number; `None` for numbers that no client of this kind can have.
#[must_use]
pub fn client_of(kind: ClientKind, number: i64) -> Option<ClientNumber> {
    match kind {
        ClientKind::Process => ClientNumber::from_mtype(number).filter(|pid| pid.get() < PID_MAX_LIMIT.into()),
        ClientKind::Number => ClientNumber::without_process(number),
    }
}

/// Judges a message by its type and by the state of the process or thread with that number; `None` when that could not be
/// found out.
pub(super) fn verdict(protocol: &Protocol, mtype: i64, liveness: Option<Liveness>) -> Verdict {
    if protocol.request_types().receives(mtype) {
        return Verdict::Request;
    }
    if reader_of(protocol, mtype).is_none() {
        return Verdict::Orphan(Reason::ImpossibleType);
    }
    match liveness {
        Some(Liveness::Dead) => Verdict::Orphan(Reason::NoSuchProcess),
        Some(Liveness::Zombie) => Verdict::Orphan(Reason::Zombie),
        Some(Liveness::KernelThread) => Verdict::Orphan(Reason::KernelThread),
        Some(Liveness::Alive) => Verdict::KeepAlive,
        None => Verdict::KeepUnknown,
    }
}

/// Judges a message by its type and by who lives now.
pub(super) fn verdict_now(protocol: &Protocol, mtype: i64) -> Verdict {
    verdict(protocol, mtype, reader_of(protocol, mtype).and_then(|pid| liveness(pid).ok()))
}
