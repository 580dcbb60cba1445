//! A call on a queue, read from what proc_pid_syscall(5) shows of a thread that waits in it.

use nix::libc;
use serde::Serialize;

/// A call that a thread waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum WaitingCall {
    /// msgsnd, for room.
    Send {
        /// The queue.
        msqid: i32,
        /// Type of its message, as it stands in the sender's memory now; `None` where that cannot be read.
        mtype: Option<i64>,
        /// Length of its message in bytes.
        msgsz: u64,
    },
    /// msgrcv, for a message.
    Receive {
        /// The queue.
        msqid: i32,
        /// What it waits for, as in msgrcv(2); `None` where the thread's memory, which has it, cannot be read.
        msgtyp: Option<i64>,
        /// Room for the message in bytes.
        msgsz: u64,
    },
}

impl WaitingCall {
    /// The queue.
    #[must_use]
    pub fn msqid(&self) -> i32 {
        match self {
            Self::Send { msqid, .. } | Self::Receive { msqid, .. } => *msqid,
        }
    }

    /// True of one that waits for room.
    #[must_use]
    pub fn is_send(&self) -> bool {
        matches!(self, Self::Send { .. })
    }
}

/// Where a number lies in the memory of the thread that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MemoryPlace {
    pub(super) address: u64,
    /// A `long` of the thread's program.
    pub(super) is_wide: bool,
}

/// A call without what is to be read from memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ParsedCall {
    pub(super) call: WaitingCall,
    /// Where the type of the message, or what is waited for, is to be read.
    pub(super) mtype_at: Option<MemoryPlace>,
}

/// The line of a thread that waits; `None` for other calls, and for programs of another architecture than are known here.
pub(super) fn parse_syscall(line: &str) -> Option<ParsedCall> {
    let mut words = line.split_whitespace();
    let number: libc::c_long = words.next()?.parse().ok()?;
    let hexadecimal = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    let arguments: Vec<u64> = words.map_while(hexadecimal).collect();
    match number {
        libc::SYS_msgsnd => {
            let [msqid, address, msgsz, ..] = arguments[..] else { return None };
            Some(sending(msqid, address, msgsz, size_of::<libc::c_long>() == 8))
        }
        libc::SYS_msgrcv => {
            let [msqid, _, msgsz, msgtyp, ..] = arguments[..] else { return None };
            Some(receiving(msqid, msgsz, Some(msgtyp.cast_signed())))
        }
        _ => of_i386(number, &arguments),
    }
}

fn sending(msqid: u64, address: u64, msgsz: u64, is_wide: bool) -> ParsedCall {
    let call = WaitingCall::Send { msqid: low_half(msqid), mtype: None, msgsz };
    ParsedCall { call, mtype_at: Some(MemoryPlace { address, is_wide }) }
}

fn receiving(msqid: u64, msgsz: u64, msgtyp: Option<i64>) -> ParsedCall {
    ParsedCall { call: WaitingCall::Receive { msqid: low_half(msqid), msgtyp, msgsz }, mtype_at: None }
}

/// The kernel takes an `int` from the register, whatever stands above it.
#[allow(clippy::cast_possible_truncation)]
fn low_half(register: u64) -> i32 {
    (register as u32).cast_signed()
}

/// Programs for i386 on x86-64: calls of their own since Linux 5.1, and ipc(2) in what is linked with an older libc.
#[cfg(target_arch = "x86_64")]
fn of_i386(number: libc::c_long, arguments: &[u64]) -> Option<ParsedCall> {
    const IPC: libc::c_long = 117;
    const MSGSND: libc::c_long = 400;
    const MSGRCV: libc::c_long = 401;
    const IPC_MSGSND: u64 = 11;
    const IPC_MSGRCV: u64 = 12;
    let narrow = |register: u64| i64::from(low_half(register));
    match (number, arguments) {
        (MSGSND, [msqid, address, msgsz, ..]) => Some(sending(*msqid, *address, *msgsz, false)),
        (MSGRCV, [msqid, _, msgsz, msgtyp, ..]) => Some(receiving(*msqid, *msgsz, Some(narrow(*msgtyp)))),
        // Calls of ipc(2) carry a version in the upper half.
        (IPC, [call, msqid, msgsz, _, address, ..]) if call & 0xffff == IPC_MSGSND => {
            Some(sending(*msqid, *address, *msgsz, false))
        }
        // In version 0 the address names a pair: buffer and type.
        (IPC, [IPC_MSGRCV, msqid, msgsz, _, pair, ..]) => {
            let msgtyp = MemoryPlace { address: pair + 4, is_wide: false };
            Some(ParsedCall { mtype_at: Some(msgtyp), ..receiving(*msqid, *msgsz, None) })
        }
        (IPC, [call, msqid, msgsz, _, _, msgtyp, ..]) if call & 0xffff == IPC_MSGRCV => {
            Some(receiving(*msqid, *msgsz, Some(narrow(*msgtyp))))
        }
        _ => None,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn of_i386(_: libc::c_long, _: &[u64]) -> Option<ParsedCall> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call_of(line: &str) -> Option<WaitingCall> {
        parse_syscall(line).map(|parsed| parsed.call)
    }

    #[test]
    fn the_call_that_somebody_waits_in_is_read_with_queue_type_and_size() {
        let line = format!("{} 0x5 0x7ffd 0x108 0x1267 0x0 0x0 0x7ffd 0x7f", libc::SYS_msgrcv);
        assert_eq!(call_of(&line), Some(WaitingCall::Receive { msqid: 5, msgtyp: Some(0x1267), msgsz: 264 }));
        let line = format!("{} 0x5 0x7ffd 0x108 0xffffffffffffff9c 0x0 0x0 0x7ffd 0x7f", libc::SYS_msgrcv);
        assert_eq!(call_of(&line), Some(WaitingCall::Receive { msqid: 5, msgtyp: Some(-100), msgsz: 264 }));
        let line = format!("{} 0x5 0x7ffd 0x108 0x0 0x0 0x0 0x7ffd 0x7f", libc::SYS_msgsnd);
        let parsed = parse_syscall(&line).unwrap();
        assert_eq!(parsed.call, WaitingCall::Send { msqid: 5, mtype: None, msgsz: 264 });
        assert_eq!(parsed.mtype_at, Some(MemoryPlace { address: 0x7ffd, is_wide: true }));
        for line in ["", "running", "0 0x0 0x1", "-1 0x7ffd 0x7f", &libc::SYS_msgsnd.to_string()] {
            assert_eq!(parse_syscall(line), None, "{line}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_calls_of_programs_for_i386_are_known_too() {
        let receive = |msgtyp| Some(WaitingCall::Receive { msqid: 5, msgtyp, msgsz: 264 });
        let send = Some(WaitingCall::Send { msqid: 5, mtype: None, msgsz: 264 });
        assert_eq!(call_of("400 0x5 0xffd0 0x108 0x0 0x0 0x0 0xffc0 0xf7"), send);
        assert_eq!(call_of("401 0x5 0xffd0 0x108 0xffffff9c 0x0 0x0 0xffc0 0xf7"), receive(Some(-100)));
        assert_eq!(call_of("117 0xb 0x5 0x108 0x0 0xffd0 0x0 0xffc0 0xf7"), send);
        assert_eq!(call_of("117 0x1000c 0x5 0x108 0x0 0xffd0 0x7 0xffc0 0xf7"), receive(Some(7)));
        let of_old_libc = parse_syscall("117 0xc 0x5 0x108 0x0 0xffd0 0x0 0xffc0 0xf7").unwrap();
        assert_eq!(of_old_libc.call, WaitingCall::Receive { msqid: 5, msgtyp: None, msgsz: 264 });
        assert_eq!(of_old_libc.mtype_at, Some(MemoryPlace { address: 0xffd4, is_wide: false }));
        assert_eq!(call_of("117 0x2 0x5 0x108 0x0 0xffd0 0x7 0xffc0 0xf7"), None);
    }
}
