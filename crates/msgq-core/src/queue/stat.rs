//! What the kernel tells of a queue, and what can be changed of it: plain data.

use super::key::QueueKey;

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
