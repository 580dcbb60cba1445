//! Who a client is, and whether it still lives. Works for an unprivileged daemon about other users' processes.
//!
//! A number is not an identity: the kernel hands PIDs out again. A pidfd is: it keeps meaning the process it was
//! opened for (pidfd_open(2)), and on kernels with pidfs (6.9 and later) the inode behind it is unique for the whole
//! uptime, so that it can be written down and compared later.
//!
//! A client may also be a thread that uses its thread id as mtype. A pidfd for a thread needs `PIDFD_THREAD` (6.9);
//! older kernels can only say whether the id is in use at all.

mod owner;

pub use owner::{ClientOwner, ClientUsers};

use crate::proc_text::proc_text;
use crate::sysv;
use nix::errno::Errno;
use nix::sys::signal;
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// `PIDFD_THREAD` of `include/uapi/linux/pidfd.h`: the same bit as `O_EXCL`.
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(rustix::fs::OFlags::EXCL.bits());
/// `PID_FS_MAGIC` of `include/uapi/linux/magic.h`: the inodes of a pidfd identify processes only on this file system.
const PID_FS_MAGIC: i64 = 0x5049_4446;

/// The number of a client: a PID or thread id, never 0, 1 or negative, since 0 and negative numbers select other messages in
/// msgrcv than they name, and 1 is init's; or any positive number behind which there is no process. Of the latter nobody
/// here ever says that a process is there, lives or is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientNumber {
    number: i64,
    is_process: bool,
}

impl ClientNumber {
    /// A process or thread; `None` for numbers that none of them may have as a client.
    #[must_use]
    pub fn new(raw: i32) -> Option<Self> {
        (raw > 1).then_some(Self { number: raw.into(), is_process: true })
    }

    /// An address without a process behind it; `None` for 0 and negative numbers.
    #[must_use]
    pub fn without_process(number: i64) -> Option<Self> {
        (number > 0).then_some(Self { number, is_process: false })
    }

    /// From a message type, which may be wider than any PID.
    #[must_use]
    pub fn from_mtype(mtype: i64) -> Option<Self> {
        i32::try_from(mtype).ok().and_then(Self::new)
    }

    /// The number, 1 or more; of a process or thread as the kernel knows it, 2 or more.
    #[must_use]
    pub fn get(self) -> i64 {
        self.number
    }

    /// The PID or thread id; `None` where no process is behind the number.
    #[must_use]
    pub fn pid(self) -> Option<i32> {
        if self.is_process { i32::try_from(self.number).ok() } else { None }
    }
}

impl fmt::Display for ClientNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(formatter)
    }
}

/// State of the process or thread behind a number, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs, sleeps or is stopped, and may read its answer.
    Alive,
    /// It has ended and waits for its parent; it will never read again.
    Zombie,
    /// There is nobody with this number.
    Dead,
    /// It is a thread of the kernel, which uses no queue.
    KernelThread,
}

/// A client that stays the same one even when its number is used again.
#[derive(Debug)]
pub struct ClientHandle {
    pidfd: Option<OwnedFd>,
    /// The number is that of a thread that leads no process.
    is_thread: bool,
}

impl ClientHandle {
    /// Takes hold of whoever has this number now; `None` when nobody has, or only a zombie.
    ///
    /// # Errors
    /// EMFILE or ENFILE when no descriptor is left.
    pub fn open(pid: ClientNumber) -> io::Result<Option<Self>> {
        match open_pidfd(pid)? {
            Holder::Nobody => Ok(None),
            Holder::WithoutPidfd { is_thread } => Ok(Some(Self { pidfd: None, is_thread })),
            Holder::Pidfd { pidfd, is_thread } => {
                let handle = Self { pidfd: Some(pidfd), is_thread };
                Ok(if handle.is_dead()? { None } else { Some(handle) })
            }
        }
    }

    /// True once the process or thread has ended; a zombie has. Stays true when the number is used again. Always false
    /// where there is no descriptor: see [`ClientHandle::pidfd`].
    ///
    /// # Errors
    /// ENOMEM, from poll(2).
    pub fn is_dead(&self) -> io::Result<bool> {
        let Some(pidfd) = &self.pidfd else { return Ok(false) };
        let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
        Ok(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? > 0)
    }

    /// A number that no other process has or will have until the machine restarts; `None` before Linux 6.9.
    #[must_use]
    pub fn identity(&self) -> Option<u64> {
        let pidfd = self.pidfd.as_ref()?;
        if rustix::fs::fstatfs(pidfd).ok()?.f_type != PID_FS_MAGIC {
            return None;
        }
        Some(rustix::fs::fstat(pidfd).ok()?.st_ino)
    }

    /// The descriptor, which polls readable at the death of the client; `None` for a thread before Linux 6.9, and for
    /// everybody before Linux 5.3 or where a sandbox forbids pidfd_open(2).
    #[must_use]
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }
}

/// Who has a number now.
enum Holder {
    Nobody,
    Pidfd { pidfd: OwnedFd, is_thread: bool },
    WithoutPidfd { is_thread: bool },
}

fn open_pidfd(pid: ClientNumber) -> io::Result<Holder> {
    let Some(raw) = pid.pid().and_then(rustix::process::Pid::from_raw) else { return Ok(Holder::Nobody) };
    match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Holder::Pidfd { pidfd, is_thread: false }),
        Err(rustix::io::Errno::SRCH) => Ok(Holder::Nobody),
        // The number of a thread that leads no process: ENOENT since Linux 6.9, EINVAL before.
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::INVAL) => open_thread(pid, raw),
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => Ok(holder_by_number(pid, false)),
        Err(error) => Err(error.into()),
    }
}

fn holder_by_number(pid: ClientNumber, is_thread: bool) -> Holder {
    if number_is_in_use(pid) { Holder::WithoutPidfd { is_thread } } else { Holder::Nobody }
}

fn open_thread(pid: ClientNumber, raw: rustix::process::Pid) -> io::Result<Holder> {
    match pidfd_open(raw, PIDFD_THREAD) {
        Ok(pidfd) => Ok(Holder::Pidfd { pidfd, is_thread: true }),
        Err(rustix::io::Errno::SRCH) => Ok(Holder::Nobody),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(holder_by_number(pid, true)),
        Err(error) => Err(error.into()),
    }
}

/// kill(pid, 0): ESRCH means that no process, thread or zombie has this number. It is a tenth of the price of a pidfd.
#[must_use]
pub fn number_is_in_use(pid: ClientNumber) -> bool {
    pid.pid().is_some_and(|pid| signal::kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH))
}

/// Whether the process or thread with this number lives, now.
///
/// # Errors
/// As [`ClientHandle::open`]; `Unsupported` for a number without a process behind it.
pub fn liveness(pid: ClientNumber) -> io::Result<Liveness> {
    if pid.pid().is_none() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    match open_pidfd(pid)? {
        Holder::Nobody => Ok(Liveness::Dead),
        Holder::WithoutPidfd { .. } => Ok(Liveness::Alive),
        Holder::Pidfd { pidfd, is_thread } => {
            let handle = ClientHandle { pidfd: Some(pidfd), is_thread };
            Ok(match handle.is_dead()? {
                true => Liveness::Zombie,
                false if handle.owner(pid).is_kernel_thread => Liveness::KernelThread,
                false => Liveness::Alive,
            })
        }
    }
}

/// Name of the program behind a number (`/proc/PID/comm`), escaped; `None` when it is gone or hidden, or no process is
/// behind it.
#[must_use]
pub fn process_name(pid: ClientNumber) -> Option<String> {
    let pid = pid.pid()?;
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(crate::escape::escape(name.strip_suffix(b"\n").unwrap_or(&name)))
}

/// False when the process with this number is seen to run as another user than `uid`: whoever names it as his server does
/// not tell the truth, or means another PID namespace. Root may name anybody.
#[must_use]
pub fn may_be_process_of(pid: i32, uid: u32) -> bool {
    uid == 0 || effective_user(pid).is_none_or(|user| user == uid)
}

/// The user as whom a process runs, where `/proc` shows it.
///
/// proc_pid_status(5): real, effective, saved and file system user id. The owner of `/proc/PID` would not do, which is root
/// for whatever must not be dumped.
#[must_use]
pub fn effective_user(pid: i32) -> Option<u32> {
    let status = proc_text(&format!("/proc/{pid}/status")).ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_whitespace().nth(1)?.parse().ok()
}

/// No program that this process starts gets a descriptor that is open now, but for standard input, output and error.
///
/// # Errors
/// `ENOSYS` before Linux 5.11.
pub fn keep_descriptors_from_programs() -> io::Result<()> {
    Ok(sysv::close_on_exec_from(3)?)
}

#[cfg(test)]
mod tests;
