//! What `/proc` shows of the threads of one process.

use super::call::{ParsedCall, WaitingCall, parse_syscall};
use super::waiter::{Waiter, WaiterSomewhere};
use crate::instance::ipc_namespace;
use crate::proc_text::proc_text;
use crate::process::effective_user;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};

/// `PF_KTHREAD` of `include/linux/sched.h`, among the flags of proc_pid_stat(5).
const IS_KERNEL_THREAD: u64 = 0x0020_0000;

/// Functions of the kernel in which a thread sleeps until another one wakes it: one that may be blocked itself.
const WAITS_FOR_OTHERS: [&str; 5] = ["futex", "sigtimedwait", "sigsuspend", "pause", "do_wait"];

/// Functions in which a thread is that was stopped, frozen with its container, or halted by a debugger. It is in its call all the
/// same, and begins it anew when it runs on.
const HALTS: [&str; 5] = ["signal_stop", "get_signal", "freezer", "refrigerator", "ptrace_stop"];

/// Looks at a thread that seems to wait where it cannot be seen, before the last one.
const LOOKS: usize = 4;

/// What one process showed.
#[derive(Debug, Default)]
pub(super) struct ProcessLook {
    pub(super) waiters: Vec<Waiter>,
    pub(super) halted: Vec<Waiter>,
    pub(super) somewhere: Vec<WaiterSomewhere>,
    /// This user may not see whether it waits.
    pub(super) is_hidden: bool,
}

/// What one thread does.
enum ThreadLook {
    Waits(ParsedCall),
    IsHalted(ParsedCall),
    WaitsSomewhere {
        is_sender: bool,
    },
    /// In something that only others can end.
    WaitsForOthers,
    Acts,
    Hidden,
}

/// The processes that can be seen.
pub fn visible_processes() -> impl Iterator<Item = i32> {
    let names = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok())
}

/// The call on a queue that a thread waits in; the error is EACCES where this user may not look.
pub(crate) fn waiting_call(pid: i32, tid: i32) -> io::Result<Option<WaitingCall>> {
    let line = proc_text(&format!("/proc/{pid}/task/{tid}/syscall"))?;
    Ok(parse_syscall(&line).map(|parsed| with_memory(pid, parsed)))
}

pub(super) fn look_at_process(pid: i32) -> ProcessLook {
    let mut look = ProcessLook::default();
    let (mut calls, mut halted) = (Vec::new(), Vec::new());
    let mut others_may_act = false;
    for entry in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let Some(tid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        match look_at_thread(pid, tid) {
            ThreadLook::Waits(parsed) => calls.push((tid, parsed)),
            ThreadLook::IsHalted(parsed) => {
                halted.push((tid, parsed));
                others_may_act = true;
            }
            ThreadLook::WaitsSomewhere { is_sender } => look.somewhere.push(WaiterSomewhere { pid, tid, is_sender }),
            ThreadLook::WaitsForOthers => {}
            ThreadLook::Acts => others_may_act = true,
            ThreadLook::Hidden => {
                look.is_hidden = !is_without_programs(pid);
                break;
            }
        }
    }
    if (calls.is_empty() && halted.is_empty() && look.somewhere.is_empty()) || !is_here(pid) {
        return ProcessLook { is_hidden: look.is_hidden, ..ProcessLook::default() };
    }
    let (uid, command) = (effective_user(pid), command(pid));
    let Some((uid, command)) = uid.zip(command) else { return ProcessLook::default() };
    let waiter = |(tid, parsed): (i32, ParsedCall)| Waiter {
        pid,
        tid,
        uid,
        command: command.clone(),
        call: with_memory(pid, parsed),
        asleep_for: None,
        others_may_act,
    };
    look.waiters = calls.into_iter().map(waiter).collect();
    look.halted = halted.into_iter().map(waiter).collect();
    look
}

/// Between two readings a thread may go on to another call. It waits somewhere unseen only if several looks say so.
fn look_at_thread(pid: i32, tid: i32) -> ThreadLook {
    let mut looks = (0..LOOKS).map(|_| look_once_at_thread(pid, tid));
    let seen = looks.find(|look| !matches!(look, ThreadLook::WaitsSomewhere { .. }));
    seen.unwrap_or_else(|| look_once_at_thread(pid, tid))
}

fn look_once_at_thread(pid: i32, tid: i32) -> ThreadLook {
    let read = |name: &str| proc_text(&format!("/proc/{pid}/task/{tid}/{name}"));
    let wchan = read("wchan").unwrap_or_default();
    let is_sender = wchan.contains("msgsnd");
    let is_in_queue_call = is_sender || wchan.contains("msgrcv");
    if HALTS.iter().any(|function| wchan.contains(function)) {
        let parsed = read("syscall").ok().and_then(|line| parse_syscall(&line));
        return parsed.map_or(ThreadLook::Acts, ThreadLook::IsHalted);
    }
    // "0" is a thread that runs, one that this user may not look at, or a kernel that does not tell.
    if !is_in_queue_call && !matches!(wchan.as_str(), "" | "0") {
        let waits_for_others = WAITS_FOR_OTHERS.iter().any(|function| wchan.contains(function));
        return if waits_for_others { ThreadLook::WaitsForOthers } else { ThreadLook::Acts };
    }
    match read("syscall") {
        Ok(line) => match parse_syscall(&line) {
            Some(parsed) => ThreadLook::Waits(parsed),
            None if is_in_queue_call && line.trim() != "running" => ThreadLook::WaitsSomewhere { is_sender },
            None => ThreadLook::Acts,
        },
        Err(_) if is_in_queue_call => ThreadLook::WaitsSomewhere { is_sender },
        Err(error) if error.kind() == ErrorKind::PermissionDenied => ThreadLook::Hidden,
        Err(_) => ThreadLook::Acts,
    }
}

/// Another namespace has other queues with the same numbers. Of whom nothing more can be seen has ended meanwhile.
pub(crate) fn is_here(pid: i32) -> bool {
    std::fs::metadata(format!("/proc/{pid}/ns/ipc")).is_ok_and(|theirs| theirs.ino() == ipc_namespace())
}

/// True of kernel threads and of what has ended: they are in no call of a program.
fn is_without_programs(pid: i32) -> bool {
    let stat = proc_text(&format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else { return true };
    let mut fields = fields.split_whitespace();
    let is_over = fields.next().is_none_or(|state| matches!(state, "Z" | "X"));
    let flags: u64 = fields.nth(5).and_then(|flags| flags.parse().ok()).unwrap_or(0);
    is_over || flags & IS_KERNEL_THREAD != 0
}

fn command(pid: i32) -> Option<String> {
    let name = proc_text(&format!("/proc/{pid}/comm")).ok()?;
    Some(name.strip_suffix('\n').unwrap_or(&name).to_owned())
}

/// Who may read the arguments may read the memory too.
fn with_memory(pid: i32, parsed: ParsedCall) -> WaitingCall {
    let Some(place) = parsed.mtype_at else { return parsed.call };
    let number = || {
        let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
        if place.is_wide {
            let mut bytes = [0; 8];
            memory.read_exact_at(&mut bytes, place.address).ok()?;
            return Some(i64::from_ne_bytes(bytes));
        }
        let mut bytes = [0; 4];
        memory.read_exact_at(&mut bytes, place.address).ok()?;
        Some(i64::from(i32::from_ne_bytes(bytes)))
    };
    match parsed.call {
        WaitingCall::Send { msqid, msgsz, .. } => WaitingCall::Send { msqid, mtype: number(), msgsz },
        WaitingCall::Receive { msqid, msgsz, .. } => WaitingCall::Receive { msqid, msgtyp: number(), msgsz },
    }
}
