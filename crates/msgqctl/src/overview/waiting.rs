//! Who waits on a queue, as it is shown, and whether more may wait than can be seen.

use crate::output::{counted, program_label, rough_age};
use crate::system::names::Named;
use msgq_core::escape::escape;
use msgq_core::queue::QueueStat;
use msgq_core::waiters::{Waiter, Waiters, WaitingCall};
use serde::Serialize;

/// A thread that waits in a call on a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WaiterRow {
    pub(crate) pid: i32,
    pub(crate) tid: i32,
    pub(crate) user: Named,
    /// Its name; escaped.
    pub(crate) program: String,
    /// Of what it sends, or what it waits for as in msgrcv(2); `null` where that cannot be seen.
    pub(crate) mtype: Option<i64>,
    /// Bytes that it sends, or has room for.
    pub(crate) msgsz: u64,
    /// How long it has slept at least; `null` where the kernel does not tell.
    pub(crate) asleep_ms: Option<u64>,
    /// It was stopped, or frozen with its container, and goes on to wait when it runs on.
    pub(crate) is_halted: bool,
}

impl WaiterRow {
    fn new(waiter: &Waiter, is_halted: bool, user: Named) -> Self {
        let (mtype, msgsz) = match waiter.call {
            WaitingCall::Send { mtype, msgsz, .. } => (mtype, msgsz),
            WaitingCall::Receive { msgtyp, msgsz, .. } => (msgtyp, msgsz),
        };
        Self {
            pid: waiter.pid,
            tid: waiter.tid,
            user,
            program: escape(waiter.command.as_bytes()),
            mtype,
            msgsz,
            asleep_ms: waiter.asleep_for.map(|asleep| u64::try_from(asleep.as_millis()).unwrap_or(u64::MAX)),
            is_halted,
        }
    }

    /// Who it is, in a sentence.
    pub(crate) fn label(&self) -> String {
        let halted = if self.is_halted { ", halted" } else { "" };
        format!("{} (PID {}{halted})", program_label(Some(&self.program)), self.pid)
    }

    /// Who it is and what it sends, or what it waits for: a line of its own.
    pub(crate) fn line(&self, sends: bool) -> String {
        let thread = if self.tid == self.pid { String::new() } else { format!(", thread {}", self.tid) };
        let (program, user) = (program_label(Some(&self.program)), self.user.label());
        let what = if sends { self.sent() } else { self.wanted() };
        let since = self.asleep_ms.map_or_else(String::new, |ms| format!(", asleep for {}", rough_age(ms)));
        let halted = if self.is_halted { "; stopped or frozen, it waits on when it runs again" } else { "" };
        format!("PID {}{thread} ({program}) of user {user}: {what}{since}{halted}", self.pid)
    }

    fn sent(&self) -> String {
        let mtype = self.mtype.map_or_else(String::new, |mtype| format!(" of type {mtype}"));
        format!("a message{mtype}, {}", counted(self.msgsz, "byte"))
    }

    fn wanted(&self) -> String {
        let wanted = match self.mtype {
            None => "a message".to_owned(),
            Some(0) => "any message".to_owned(),
            Some(mtype) if mtype < 0 => format!("the lowest type up to {}", mtype.unsigned_abs()),
            Some(mtype) => format!("type {mtype}"),
        };
        format!("{wanted}, up to {}", counted(self.msgsz, "byte"))
    }
}

/// Who waits for room, and who for messages; also who was halted meanwhile.
pub(crate) fn waiting_on(
    msqid: i32,
    waiters: &Waiters,
    mut user: impl FnMut(u32) -> Named,
) -> (Vec<WaiterRow>, Vec<WaiterRow>) {
    let halted = waiters.halted().iter().filter(|waiter| waiter.call.msqid() == msqid).map(|waiter| (waiter, true));
    let all = waiters.of(msqid).iter().map(|waiter| (waiter, false)).chain(halted);
    let (senders, receivers): (Vec<_>, Vec<_>) = all.partition(|(waiter, _)| waiter.call.is_send());
    let mut rows = |of: Vec<(&Waiter, bool)>| {
        of.into_iter().map(|(waiter, is_halted)| WaiterRow::new(waiter, is_halted, user(waiter.uid))).collect()
    };
    (rows(senders), rows(receivers))
}

/// Why it is not known whether more wait on a queue than were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnseenWaiters {
    /// This user may not look at all processes.
    Hidden,
    /// The time for one look was over before all processes were looked at.
    NotInTime,
}

impl UnseenWaiters {
    /// Who may use a queue for its owner alone is of the same user, or root.
    pub(super) fn of(waiters: &Waiters, stat: &QueueStat) -> Option<Self> {
        let own = nix::unistd::geteuid();
        let is_private = stat.mode & 0o066 == 0 && stat.uid == own.as_raw();
        let is_hidden = hidden_processes(waiters) > 0 && !is_private;
        if is_hidden || !waiters.somewhere.is_empty() {
            return Some(Self::Hidden);
        }
        (!waiters.is_complete).then_some(Self::NotInTime)
    }

    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Hidden => "whether somebody waits on it is hidden from this user",
            Self::NotInTime => {
                "whether somebody waits on it is not known: the time for a look at all processes was over"
            }
        }
    }
}

/// What is hidden from root too, such as the init of some containers, nobody can look at.
pub(super) fn hidden_processes(waiters: &Waiters) -> usize {
    if nix::unistd::geteuid().is_root() { 0 } else { waiters.hidden }
}
