//! Processes that use the same queues and have other numbers for themselves: containers with a PID namespace of their own and the
//! host's IPC namespace.
//!
//! `NSpid:` of proc_pid_status(5) lists the numbers of a process, from the PID namespace of this /proc to its own.

use crate::instance::ipc_namespace;
use crate::process::{ClientNumber, process_name};
use crate::queue_call::{QueueCall, queue_call_of};
use crate::waiters::visible_processes;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// The inode of the first PID namespace, `PROC_PID_INIT_INO` of `include/linux/proc_ns.h`.
const FIRST_PID_NAMESPACE: u64 = 0xefff_fffc;

/// A process of a PID namespace below this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InnerProcess {
    /// Its number here.
    pub pid: i32,
    /// Its number for itself.
    pub own_pid: i32,
    /// Name of its program, escaped; `None` where it is hidden.
    pub name: Option<String>,
}

/// The inode of this process's PID namespace, where that is not the first of the machine.
#[must_use]
pub fn own_pid_namespace() -> Option<u64> {
    let inode = fs::metadata("/proc/self/ns/pid").ok()?.ino();
    (inode != FIRST_PID_NAMESPACE).then_some(inode)
}

/// Processes of PID namespaces below this one that have this number for themselves, but for those that are seen to be in another
/// IPC namespace. The look ends after `limit`.
#[must_use]
pub fn namesakes_in_containers(number: i64, limit: Duration) -> Vec<InnerProcess> {
    inner_processes(limit).filter(|inner| i64::from(inner.own_pid) == number).collect()
}

/// What was seen of processes in PID namespaces below this one.
#[derive(Debug, Default)]
pub struct ContainerUsers {
    /// Those that wait in a call on the queue, each with that call.
    pub waiting: Vec<(InnerProcess, QueueCall)>,
    /// How many there are whose calls this user may not see.
    pub hidden: usize,
}

/// Processes of PID namespaces below this one that wait in a call on this queue. The look ends after `limit`.
#[must_use]
pub fn users_in_containers(msqid: i32, limit: Duration) -> ContainerUsers {
    let mut users = ContainerUsers::default();
    for inner in inner_processes(limit) {
        if let Some(call) = queue_call_of(inner.pid, |queue| queue == i64::from(msqid)) {
            users.waiting.push((inner, call));
        } else if is_call_hidden(inner.pid) {
            users.hidden += 1;
        }
    }
    users
}

/// True where this user may not see in which call a process waits.
#[must_use]
pub fn is_call_hidden(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/syscall")).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn inner_processes(limit: Duration) -> impl Iterator<Item = InnerProcess> {
    let deadline = Instant::now() + limit;
    visible_processes().take_while(move |_| Instant::now() < deadline).filter_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let own_pid = inner_number(&status)?;
        let name = || ClientNumber::new(pid).and_then(process_name);
        may_use_own_queues(pid).then(|| InnerProcess { pid, own_pid, name: name() })
    })
}

/// The number that a process has for itself: another one than here where its PID namespace is one below. `None` where that
/// cannot be seen.
pub(crate) fn number_for_itself(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(inner_number(&status).unwrap_or(pid))
}

/// Its own number, where it has another one here.
fn inner_number(status: &str) -> Option<i32> {
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_ascii_whitespace().skip(1).last()?.parse().ok()
}

fn may_use_own_queues(pid: i32) -> bool {
    fs::metadata(format!("/proc/{pid}/ns/ipc")).map_or(true, |theirs| theirs.ino() == ipc_namespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_another_number_only_in_a_namespace_below() {
        assert_eq!(inner_number("Name:\tx\nNSpid:\t4711\n"), None);
        assert_eq!(inner_number("Name:\tx\nNSpid:\t4711\t80\t7\nNSpgid:\t1\n"), Some(7));
        assert_eq!(inner_number(""), None);
    }
}
