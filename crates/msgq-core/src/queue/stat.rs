//! What the kernel tells of a queue, and what can be changed of it: plain data.

use super::key::{QueueKey, QueueName};
use nix::libc;

/// What IPC_STAT tells of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStat {
    /// The key it was created with; `None` for `IPC_PRIVATE`.
    pub key: Option<QueueKey>,
    /// The kernel's number for it.
    pub msqid: i32,
    /// User id of the owner.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// User id of the creator.
    pub cuid: u32,
    /// Group id of the creator.
    pub cgid: u32,
    /// The nine permission bits.
    pub mode: u32,
    /// Bytes of all bodies in the queue (`msg_cbytes`).
    pub bytes: u64,
    /// Messages in the queue (`msg_qnum`).
    pub messages: u64,
    /// Limit of `bytes`, and of `messages` too (`msg_qbytes`).
    pub max_bytes: u64,
    /// Process id of the last sender (`msg_lspid`); it proves nothing about any one message. 0: never.
    pub last_send_pid: i32,
    /// Process or thread id of the last receiver (`msg_lrpid`). 0: never.
    pub last_receive_pid: i32,
    /// When the last message was sent, in seconds since 1970. 0: never.
    pub last_send_time: i64,
    /// When the last message was received, in seconds since 1970. 0: never.
    pub last_receive_time: i64,
    /// When the queue was created or last changed by IPC_SET, in seconds since 1970.
    pub last_change_time: i64,
}

impl QueueStat {
    pub(super) fn of_status(msqid: i32, status: &libc::msqid_ds) -> Self {
        Self {
            key: QueueKey::new(status.msg_perm.__key),
            msqid,
            uid: status.msg_perm.uid,
            gid: status.msg_perm.gid,
            cuid: status.msg_perm.cuid,
            cgid: status.msg_perm.cgid,
            mode: u32::from(status.msg_perm.mode) & 0o777,
            bytes: status.__msg_cbytes,
            messages: status.msg_qnum,
            max_bytes: status.msg_qbytes,
            last_send_pid: status.msg_lspid,
            last_receive_pid: status.msg_lrpid,
            last_send_time: status.msg_stime,
            last_receive_time: status.msg_rtime,
            last_change_time: status.msg_ctime,
        }
    }

    /// What it is called in a sentence.
    #[must_use]
    pub fn name(&self) -> QueueName {
        self.key.map_or(QueueName::Msqid(self.msqid), QueueName::Key)
    }
}

/// What [`Queue::set`](crate::queue::Queue::set) changes; `None` leaves a value as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// The nine permission bits.
    pub mode: Option<u32>,
    /// User id of the new owner.
    pub uid: Option<u32>,
    /// Group id of the new owner.
    pub gid: Option<u32>,
    /// `msg_qbytes`; above `kernel.msgmnb` it needs CAP_SYS_RESOURCE (EPERM).
    pub max_bytes: Option<u64>,
}
