//! The kernel's list of queues, which every user may read: `/proc/sysvipc/msg` (proc_sysvipc(5)).

use msgq_core::queue::QueueKey;
use std::collections::HashMap;
use std::io;

const LIST: &str = "/proc/sysvipc/msg";

/// A queue as the list shows it. Its size is not there; times are seconds since 1970, 0 for never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ListedQueue {
    pub(crate) key: i32,
    pub(crate) msqid: i32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) last_receive_pid: i32,
    pub(crate) last_send_time: i64,
    pub(crate) last_receive_time: i64,
    pub(crate) last_change_time: i64,
}

/// All queues of this IPC namespace.
pub(crate) fn listed_queues() -> io::Result<Vec<ListedQueue>> {
    Ok(parse_queue_list(&std::fs::read_to_string(LIST)?))
}

/// The queue with this key, where the list can be read.
pub(crate) fn find_listed_queue(key: QueueKey) -> Option<ListedQueue> {
    listed_queues().ok()?.into_iter().find(|row| row.key == key.raw())
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
 305419896          3   660           0          0     0     7   990   991     0     0          0          5 1795409145
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
