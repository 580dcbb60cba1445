//! Errors of calls on a queue, in words.

use super::key::QueueKey;
use super::refused_call::{CallRefusal, NO_MSQID, try_call};
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

    /// The name of the call, as in msgctl(IPC_SET).
    #[must_use]
    pub fn call_name(&self) -> &'static str {
        self.call
    }

    /// The queue that the call was about; `None` where there is none with the key.
    #[must_use]
    pub fn msqid(&self) -> Option<i32> {
        self.msqid
    }

    /// The key that led to it, if one did.
    #[must_use]
    pub fn key(&self) -> Option<QueueKey> {
        self.key
    }

    /// True when it was a message that could not be sent.
    #[must_use]
    pub fn is_of_sending(&self) -> bool {
        self.call == "msgsnd"
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
        matches!(self.errno, Errno::EACCES | Errno::EPERM) && self.refusal().is_none()
    }

    /// Why the call fails on every queue, where it does: the kernel has none, or a sandbox refuses the call.
    #[must_use]
    pub fn refusal(&self) -> Option<CallRefusal> {
        CallRefusal::of(self.call, self.errno)
    }

    /// True when the kernel takes messages and cannot show them.
    #[must_use]
    pub fn is_without_msg_copy(&self) -> bool {
        self.errno == Errno::ENOSYS && self.refusal().is_none()
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.call)?;
        match (self.key, self.msqid) {
            (None, Some(NO_MSQID)) => {}
            (Some(key), Some(msqid)) => write!(formatter, " on queue {key} (msqid {msqid})")?,
            (Some(key), None) => write!(formatter, " on queue {key}")?,
            (None, Some(msqid)) => write!(formatter, " on queue with msqid {msqid}")?,
            (None, None) => write!(formatter, " on queue (IPC_PRIVATE)")?,
        }
        match self.refusal() {
            Some(refusal) => write!(formatter, ": {refusal} ({:?}); {}", self.errno, refusal.advice()),
            None => write!(formatter, ": {} ({:?})", describe(self.call, self.errno), self.errno),
        }
    }
}

impl std::error::Error for QueueError {}

/// The first of the four calls that is refused to this process whatever the queue is; nothing is sent, taken or changed.
#[must_use]
pub fn find_refused_call() -> Option<QueueError> {
    ["msgget", "msgctl(IPC_STAT)", "msgrcv", "msgsnd"].into_iter().find_map(|call| {
        let errno = try_call(call).err()?;
        CallRefusal::of(call, errno)?;
        Some(QueueError { call, key: None, msqid: Some(NO_MSQID), errno })
    })
}

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
