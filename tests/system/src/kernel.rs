use crate::process::Process;
use nix::libc;
use std::collections::HashMap;
use std::process::Command;

/// The two calls of a client that may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCall {
    /// It waits for room.
    Send,
    /// It waits for its answer.
    Receive,
}

/// True when process `pid` sleeps inside that system call.
#[must_use]
pub fn is_blocked_in(pid: i32, call: ClientCall) -> bool {
    let wanted = match call {
        ClientCall::Send => libc::SYS_msgsnd,
        ClientCall::Receive => libc::SYS_msgrcv,
    };
    let current = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    current.split(' ').next() == Some(&wanted.to_string())
}

/// A line of a table about queues: the value of each column by its heading.
pub type QueueRow = HashMap<String, String>;

/// The line of /proc/sysvipc/msg about the queue with this msqid.
#[must_use]
pub fn proc_row(msqid: i32) -> Option<QueueRow> {
    row(&std::fs::read_to_string("/proc/sysvipc/msg").unwrap(), "msqid", msqid)
}

/// The line of `ipcs -q` about the queue with this msqid.
#[must_use]
#[track_caller]
pub fn ipcs_row(msqid: i32) -> Option<QueueRow> {
    let output = Process::run(Command::new("ipcs").arg("-q").env("LC_ALL", "C")).succeeded().stdout;
    row(output.split_once("Message Queues --------\n").unwrap().1, "msqid", msqid)
}

fn row(table: &str, id_column: &str, msqid: i32) -> Option<QueueRow> {
    let mut lines = table.lines();
    let headings: Vec<_> = lines.next()?.split_whitespace().collect();
    lines
        .map(|line| headings.iter().zip(line.split_whitespace()).map(|(h, v)| ((*h).into(), v.into())).collect())
        .find(|row: &QueueRow| row.get(id_column) == Some(&msqid.to_string()))
}
