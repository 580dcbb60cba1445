//! Errors of calls on a queue, in words.

use super::key::QueueKey;
use crate::sysv;
use nix::errno::Errno;
use std::fmt;

/// A failed call, with the queue it was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueError {
    pub(super) call: &'static str,
    pub(super) key: Option<QueueKey>,
    pub(super) msqid: Option<i32>,
    pub(super) errno: Errno,
}

impl QueueError {
    /// The errno, for callers that must tell cases apart.
    #[must_use]
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// True when the queue is gone: removed while waiting (EIDRM) or before the call (EINVAL, for calls that take a
    /// msqid), or not there at all (ENOENT).
    ///
    /// EINVAL alone does not tell: a body longer than `kernel.msgmax` answers it too, and an owner that no user can be.
    /// So the kernel is asked whether it knows the msqid.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match (self.errno, self.msqid) {
            (Errno::EIDRM | Errno::ENOENT, _) => true,
            (Errno::EINVAL, Some(msqid)) => matches!(sysv::stat(msqid), Err(Errno::EINVAL | Errno::EIDRM)),
            _ => false,
        }
    }

    /// True when the caller lacks a permission on the queue.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self.errno, Errno::EACCES | Errno::EPERM)
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on queue ", self.call)?;
        match (self.key, self.msqid) {
            (Some(key), Some(msqid)) => write!(formatter, "{key} (msqid {msqid})")?,
            (Some(key), None) => write!(formatter, "{key}")?,
            (None, Some(msqid)) => write!(formatter, "with msqid {msqid}")?,
            (None, None) => write!(formatter, "(unknown)")?,
        }
        write!(formatter, ": {} ({:?})", describe(self.call, self.errno), self.errno)
    }
}

impl std::error::Error for QueueError {}

fn describe(call: &str, errno: Errno) -> &'static str {
    match (call, errno) {
        (_, Errno::EACCES) => "permission denied",
        (_, Errno::EPERM) => "only the queue's owner, its creator or a process with the capability may do this",
        (_, Errno::EIDRM) => "the queue was removed meanwhile",
        ("msgget", Errno::ENOENT) => "there is no queue with this key",
        ("msgget", Errno::EEXIST) => "a queue with this key exists already",
        ("msgget", Errno::ENOSPC) => "the system has as many queues as kernel.msgmni allows",
        ("msgsnd", Errno::EAGAIN) => "the queue is full (msg_qbytes)",
        ("msgsnd", Errno::EINVAL) => "no such queue, a type below 1, or a body longer than kernel.msgmax",
        ("msgrcv", Errno::E2BIG) => "the message is longer than the buffer and stays in the queue",
        ("msgrcv", Errno::ENOSYS) => "this kernel has no MSG_COPY (it needs CONFIG_CHECKPOINT_RESTORE)",
        (_, Errno::EINVAL) => "no such queue any more",
        _ => errno.desc(),
    }
}
