//! A thread that waits in a call on a queue: plain data.

use super::call::WaitingCall;
use serde::Serialize;
use std::time::Duration;

/// A thread that waits in a call on a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiter {
    /// Its process.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// The effective user of the process.
    pub uid: u32,
    /// Name of the program as its process gives it: text of others, to be escaped.
    pub command: String,
    /// What it waits for.
    pub call: WaitingCall,
    /// How long it has slept without being woken, which is no longer than it waits; `None` where the kernel does not tell.
    pub asleep_for: Option<Duration>,
    /// Another thread of its process runs, or waits for something that may end by itself.
    pub others_may_act: bool,
}

/// A thread that waits in a call on a queue, and this user may not see on which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaiterSomewhere {
    /// Its process.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// It waits for room to send; else for a message.
    pub is_sender: bool,
}
