//! Processes that wait on queues that are no more.
//!
//! A removal wakes everybody who waits, with EIDRM, but for who cannot run: a process that was stopped, or frozen with its
//! container, stays in its call and gets its error when it runs on. Nothing else can wait on such a queue.

use super::names::Names;
use crate::system::names::Named;
use msgq_core::escape::escape;
use msgq_core::queue::Queue;
use msgq_core::waiters::{Waiter, Waiters};
use serde::Serialize;

/// A process that waits on a queue that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StaleWaiter {
    pub(crate) pid: i32,
    pub(crate) user: Named,
    /// Its name; escaped.
    pub(crate) program: String,
    /// What it waits on, which the kernel does not know any more.
    pub(crate) msqid: i32,
    pub(crate) call: &'static str,
}

impl StaleWaiter {
    /// All of this IPC namespace whose calls this user may see.
    pub(super) fn all_of(waiters: &Waiters, names: &mut Names) -> Vec<Self> {
        // A queue that was made since the list was read is there.
        let is_gone =
            |waiter: &&Waiter| Queue::from_msqid(waiter.call.msqid()).stat_of_any().is_err_and(|error| error.is_gone());
        let stale = waiters.halted().iter().filter(is_gone).map(|waiter| Self {
            pid: waiter.pid,
            user: names.user(waiter.uid),
            program: escape(waiter.command.as_bytes()),
            msqid: waiter.call.msqid(),
            call: if waiter.call.is_send() { "msgsnd" } else { "msgrcv" },
        });
        stale.collect()
    }
}
