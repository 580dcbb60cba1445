//! Who waits in a call on a queue, and who takes requests off it, as `/proc` shows it to those who may look.

use crate::instance::ipc_namespace;
use crate::waiters::{WaitingCall, is_here, waiting_call};
use serde::Serialize;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;

/// Threads of one process that are looked at.
const MAX_THREADS: usize = 256;

/// A call that a process waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum QueueCall {
    /// For a message of this type.
    Msgrcv {
        /// The queue.
        msqid: i64,
        /// What it waits for, as in msgrcv(2).
        msgtyp: i64,
    },
    /// For room.
    Msgsnd {
        /// The queue.
        msqid: i64,
    },
}

/// Whether a process takes requests off a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestTaking {
    /// It waits for them.
    Yes,
    /// It does not wait for them now.
    No,
    /// This user may not look.
    Hidden,
}

/// The queue call that one of its threads waits in; `None` when there is none, or when this user may not look.
#[must_use]
pub fn queue_call_of(pid: i32, is_this_queue: impl Fn(i64) -> bool) -> Option<QueueCall> {
    queue_calls(pid).flatten().flatten().find(|call| match call {
        QueueCall::Msgrcv { msqid, .. } | QueueCall::Msgsnd { msqid } => is_this_queue(*msqid),
    })
}

/// Whether one of its threads waits for messages of any type, or of type 1, on this queue of this process's IPC namespace.
#[must_use]
pub fn request_taking(pid: i32, queue: i64) -> RequestTaking {
    taking(pid, queue, |msgtyp| msgtyp <= 1)
}

/// As [`request_taking`], where who waits with one of these `msgtyp` takes what is another's.
pub(crate) fn taking(pid: i32, queue: i64, takes: impl Fn(i64) -> bool) -> RequestTaking {
    for call in queue_calls(pid) {
        match call {
            Ok(Some(QueueCall::Msgrcv { msqid, msgtyp })) if msqid == queue && takes(msgtyp) => {
                return if is_here(pid) { RequestTaking::Yes } else { RequestTaking::No };
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return RequestTaking::Hidden,
            _ => {}
        }
    }
    RequestTaking::No
}

/// Another namespace has other queues with the same numbers.
pub(crate) fn is_elsewhere(pid: i32) -> bool {
    std::fs::metadata(format!("/proc/{pid}/ns/ipc")).is_ok_and(|theirs| theirs.ino() != ipc_namespace())
}

/// The queue call that each of its threads waits in, where it waits in one.
fn queue_calls(pid: i32) -> impl Iterator<Item = io::Result<Option<QueueCall>>> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().take(MAX_THREADS);
    let numbers = threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok());
    numbers.map(move |tid| Ok(waiting_call(pid, tid)?.and_then(QueueCall::of)))
}

impl QueueCall {
    /// `None` where what is waited for cannot be told.
    fn of(call: WaitingCall) -> Option<Self> {
        match call {
            WaitingCall::Receive { msqid, msgtyp, .. } => Some(Self::Msgrcv { msqid: msqid.into(), msgtyp: msgtyp? }),
            WaitingCall::Send { msqid, .. } => Some(Self::Msgsnd { msqid: msqid.into() }),
        }
    }
}
