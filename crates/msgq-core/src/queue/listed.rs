//! The kernel's list of queues, which every user may read: `/proc/sysvipc/msg` (proc_sysvipc(5)).

use super::handle::Queue;
use super::key::QueueKey;
use super::stat::QueueStat;
use std::collections::HashMap;
use std::io;

const LIST: &str = "/proc/sysvipc/msg";

/// A queue as the list shows it. Its size is not there; times are seconds since 1970, 0 for never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListedQueue {
    /// As msgget(2) takes it; 0 for `IPC_PRIVATE`.
    pub key: i32,
    /// The kernel's number for it.
    pub msqid: i32,
    /// The nine permission bits.
    pub mode: u32,
    /// User id of the owner.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// User id of the creator.
    pub cuid: u32,
    /// Group id of the creator.
    pub cgid: u32,
    /// Bytes of all bodies in the queue.
    pub bytes: u64,
    /// Messages in the queue.
    pub messages: u64,
    /// Process id of the last sender.
    pub last_send_pid: i32,
    /// Process or thread id of the last receiver.
    pub last_receive_pid: i32,
    /// When the last message was sent.
    pub last_send_time: i64,
    /// When the last message was received.
    pub last_receive_time: i64,
    /// When the queue was created or last changed.
    pub last_change_time: i64,
}

/// All queues of this IPC namespace.
///
/// # Errors
/// Where there is no such list: `/proc` is not mounted.
pub fn listed_queues() -> io::Result<Vec<ListedQueue>> {
    Ok(parse_queue_list(&std::fs::read_to_string(LIST)?))
}

/// The queue with this key, where the list can be read.
#[must_use]
pub fn find_listed_queue(key: QueueKey) -> Option<ListedQueue> {
    listed_queues().ok()?.into_iter().find(|row| row.key == key.raw())
}

/// What every queue of this IPC namespace is: with the size of those too that this user may not read, where the kernel tells it
/// (Linux 4.17). Elsewhere `max_bytes` is 0, which no queue's size is.
///
/// # Errors
/// As [`listed_queues`].
pub fn stat_of_every_queue() -> io::Result<Vec<QueueStat>> {
    let rows = listed_queues()?.into_iter();
    Ok(rows
        .filter_map(|row| match Queue::from_msqid(row.msqid).stat_of_any() {
            Ok(stat) => Some(stat),
            Err(error) => (!error.is_gone()).then(|| QueueStat::from(row)),
        })
        .collect())
}

/// What the list does not tell, the size, is 0 there.
impl From<ListedQueue> for QueueStat {
    fn from(row: ListedQueue) -> Self {
        Self {
            key: QueueKey::new(row.key),
            msqid: row.msqid,
            uid: row.uid,
            gid: row.gid,
            cuid: row.cuid,
            cgid: row.cgid,
            mode: row.mode,
            bytes: row.bytes,
            messages: row.messages,
            max_bytes: 0,
            last_send_pid: row.last_send_pid,
            last_receive_pid: row.last_receive_pid,
            last_send_time: row.last_send_time,
            last_receive_time: row.last_receive_time,
            last_change_time: row.last_change_time,
        }
    }
}

impl Queue {
    /// The queue as everybody may see it, also without read permission; `None` when it is gone, or the list cannot be read.
    #[must_use]
    pub fn listed(&self) -> Option<ListedQueue> {
        listed_queues().ok()?.into_iter().find(|row| row.msqid == self.id())
    }
}

fn parse_queue_list(list: &str) -> Vec<ListedQueue> {
    let mut lines = list.lines();
    let headings: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    lines.filter_map(|line| parse_queue(&headings.iter().copied().zip(line.split_whitespace()).collect())).collect()
}

fn parse_queue(fields: &HashMap<&str, &str>) -> Option<ListedQueue> {
    Some(ListedQueue {
        key: fields.get("key")?.parse().ok()?,
        msqid: fields.get("msqid")?.parse().ok()?,
        mode: u32::from_str_radix(fields.get("perms")?, 8).ok()? & 0o777,
        uid: fields.get("uid")?.parse().ok()?,
        gid: fields.get("gid")?.parse().ok()?,
        cuid: fields.get("cuid")?.parse().ok()?,
        cgid: fields.get("cgid")?.parse().ok()?,
        bytes: fields.get("cbytes")?.parse().ok()?,
        messages: fields.get("qnum")?.parse().ok()?,
        last_send_pid: fields.get("lspid")?.parse().ok()?,
        last_receive_pid: fields.get("lrpid")?.parse().ok()?,
        last_send_time: fields.get("stime")?.parse().ok()?,
        last_receive_time: fields.get("rtime")?.parse().ok()?,
        last_change_time: fields.get("ctime")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime
 305419896          3   660         200          2     0     7   990   991     0     0          0          5 1795409145
        -1          4  1600           0          0     0     0     0     0     0     0          0          0 1795409145
";

    #[test]
    fn every_line_is_a_queue_and_columns_are_found_by_their_headings() {
        let rows = parse_queue_list(LIST);
        assert_eq!(rows.len(), 2);
        let expected = ListedQueue {
            key: QueueKey::DEFAULT.raw(),
            msqid: 3,
            mode: 0o660,
            uid: 990,
            gid: 991,
            cuid: 0,
            cgid: 0,
            bytes: 200,
            messages: 2,
            last_send_pid: 0,
            last_receive_pid: 7,
            last_send_time: 0,
            last_receive_time: 5,
            last_change_time: 1_795_409_145,
        };
        assert_eq!(rows[0], expected);
        assert_eq!((rows[1].key, rows[1].mode), (-1, 0o600));
        assert_eq!(parse_queue_list(""), []);
    }
}
