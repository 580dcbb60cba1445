//! What `/proc` tells of a process, where this user may look: whose it is, whether it is stopped, the queue call that it
//! waits in, its namespaces and open files. Every room may call it; it sends no signals.

use crate::system::names::Named;
use nix::libc;
use serde::Serialize;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Threads of one client that are looked at.
const MAX_THREADS: usize = 256;

/// A call that a client waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub(crate) enum QueueCall {
    /// For a message of this type.
    Msgrcv { msqid: i64, msgtyp: i64 },
    /// For room.
    Msgsnd { msqid: i64 },
}

/// Whose process it is.
pub(crate) fn user_of_process(pid: i32) -> Option<Named> {
    uid_of_process(pid).map(Named::user)
}

/// The number of that user.
pub(crate) fn uid_of_process(pid: i32) -> Option<u32> {
    Some(std::fs::metadata(format!("/proc/{pid}")).ok()?.uid())
}

/// True for one that was stopped by a signal or a debugger.
pub(crate) fn is_process_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| matches!(fields.trim_start().chars().next(), Some('T' | 't')))
}

/// The queue call that one of its threads waits in; `None` when there is none, or when this user may not look.
pub(crate) fn queue_call_of(pid: i32, is_this_queue: impl Fn(i64) -> bool) -> Option<QueueCall> {
    queue_calls(pid).flatten().flatten().find(|call| match call {
        QueueCall::Msgrcv { msqid, .. } | QueueCall::Msgsnd { msqid } => is_this_queue(*msqid),
    })
}

/// Whether a process takes requests off a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestTaking {
    Yes,
    No,
    /// This user may not look.
    Hidden,
}

/// Inode of a namespace (`ipc`, `pid`) of a process or of `self`; EACCES without PTRACE_MODE_READ_FSCREDS
/// (namespaces(7)).
pub(crate) fn process_namespace(process: &str, kind: &str) -> io::Result<u64> {
    Ok(std::fs::metadata(format!("/proc/{process}/ns/{kind}"))?.ino())
}

/// True when a process has this file open.
pub(crate) fn has_file_open(pid: i32, file: &Path) -> io::Result<bool> {
    let file = std::fs::metadata(file)?;
    let mut open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let is_it = |path: &Path| std::fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (file.dev(), file.ino()));
    Ok(open.any(|entry| is_it(&entry.path())))
}

/// Whether one of its threads waits for messages of any type, or of type 1, on this queue.
pub(crate) fn request_taking(pid: i32, queue: i64) -> RequestTaking {
    for call in queue_calls(pid) {
        match call {
            Ok(Some(QueueCall::Msgrcv { msqid, msgtyp })) if msqid == queue && msgtyp <= 1 => {
                return RequestTaking::Yes;
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return RequestTaking::Hidden,
            _ => {}
        }
    }
    RequestTaking::No
}

/// The queue call that each of its threads waits in, where it waits in one.
fn queue_calls(pid: i32) -> impl Iterator<Item = io::Result<Option<QueueCall>>> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().take(MAX_THREADS);
    threads.map(|thread| Ok(parse_syscall(&std::fs::read_to_string(thread.path().join("syscall"))?)))
}

/// proc_pid_syscall(5): the number of the call and its arguments in hexadecimal.
fn parse_syscall(line: &str) -> Option<QueueCall> {
    let mut words = line.split_whitespace();
    let call: libc::c_long = words.next()?.parse().ok()?;
    let arguments: Vec<u64> =
        words.map_while(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok()).collect();
    let msqid = i64::try_from(*arguments.first()?).ok()?;
    match call {
        libc::SYS_msgrcv => Some(QueueCall::Msgrcv { msqid, msgtyp: arguments.get(3)?.cast_signed() }),
        libc::SYS_msgsnd => Some(QueueCall::Msgsnd { msqid }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_that_somebody_waits_in_is_read_with_its_queue_and_type() {
        let line = format!("{} 0x5 0x7ffd 0x108 0x1267 0x0 0x0 0x7ffd 0x7f", libc::SYS_msgrcv);
        assert_eq!(parse_syscall(&line), Some(QueueCall::Msgrcv { msqid: 5, msgtyp: 0x1267 }));
        let line = format!("{} 0x5 0x7ffd 0x108 0x0 0x0 0x0 0x7ffd 0x7f", libc::SYS_msgsnd);
        assert_eq!(parse_syscall(&line), Some(QueueCall::Msgsnd { msqid: 5 }));
        for line in ["", "running", "0 0x0 0x1", "-1 0x7ffd 0x7f"] {
            assert_eq!(parse_syscall(line), None, "{line}");
        }
    }
}
