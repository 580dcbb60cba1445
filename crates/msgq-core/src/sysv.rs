//! The four System V message queue calls, as they are, and three on descriptors.
//!
//! `queue` makes all calls of this room but four: `memory` receives straight into a region, `process` closes descriptors and
//! asks whose a pidfd is, `instance` asks for the identity of a namespace. It turns -1 into an [`Errno`] and nothing else: no
//! retry, no policy, no wording. Sources: msgop(2), msgctl(2), `ipc/msg.c` of the kernel.

use nix::errno::Errno;
use nix::libc::{self, c_int, c_long};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("msgq-core runs on 64-bit Linux; 32-bit programs are served as clients");

/// Length of the mtype field in front of every message body, in bytes.
pub const MTYPE_LEN: usize = size_of::<c_long>();

fn check(result: c_int) -> Result<c_int, Errno> {
    Errno::result(result)
}

pub(crate) fn msgget(key: i32, flags: c_int) -> Result<c_int, Errno> {
    // SAFETY: msgget takes two integers and touches no memory of ours.
    check(unsafe { libc::msgget(key, flags) })
}

/// Sends `message`, which is the mtype in native byte order followed by the body.
pub(crate) fn msgsnd(msqid: c_int, message: &[u8], flags: c_int) -> Result<(), Errno> {
    let body_len = message.len().checked_sub(MTYPE_LEN).ok_or(Errno::EINVAL)?;
    // SAFETY: the kernel reads MTYPE_LEN + body_len bytes from the pointer, which is exactly the slice.
    Errno::result(unsafe { raw::msgsnd(msqid, message.as_ptr().cast(), body_len, flags) }).map(drop)
}

/// Receives into `message` and returns the length of the body; the mtype stands in the first bytes.
pub(crate) fn msgrcv(msqid: c_int, message: &mut [u8], msgtyp: i64, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: pointer and length are those of one live, exclusive slice.
    unsafe { msgrcv_at(msqid, message.as_mut_ptr(), message.len(), msgtyp, flags) }
}

/// As [`msgrcv`], into `len` bytes at `message`.
///
/// # Safety
/// `len` bytes at `message` are writable, and nobody else uses them during the call.
pub(crate) unsafe fn msgrcv_at(
    msqid: c_int,
    message: *mut u8,
    len: usize,
    msgtyp: i64,
    flags: c_int,
) -> Result<usize, Errno> {
    let body_room = len.checked_sub(MTYPE_LEN).ok_or(Errno::EINVAL)?;
    // SAFETY: the kernel writes at most MTYPE_LEN + body_room = len bytes to the pointer, which the caller vouches for.
    let received = unsafe { raw::msgrcv(msqid, message.cast(), body_room, msgtyp, flags) };
    Errno::result(received).and_then(|length| usize::try_from(length).map_err(|_| Errno::EINVAL))
}

/// The calls without the C library's part. There they are points at which a thread can be cancelled (pthreads(7)), which
/// costs four locked instructions a request as soon as there is a second thread; nobody cancels threads here.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
mod raw {
    use nix::libc::{self, c_int, c_long, c_void};

    /// # Safety
    /// As msgsnd(2).
    pub(super) unsafe fn msgsnd(msqid: c_int, message: *const c_void, body_len: usize, flags: c_int) -> c_long {
        // SAFETY: the arguments are those of msgsnd(2), each as wide as a register, and the caller vouches for them.
        unsafe { libc::syscall(libc::SYS_msgsnd, c_long::from(msqid), message, body_len, c_long::from(flags)) }
    }

    /// # Safety
    /// As msgrcv(2).
    pub(super) unsafe fn msgrcv(
        msqid: c_int,
        message: *mut c_void,
        body_room: usize,
        msgtyp: c_long,
        flags: c_int,
    ) -> c_long {
        // SAFETY: the arguments are those of msgrcv(2), each as wide as a register, and the caller vouches for them.
        unsafe { libc::syscall(libc::SYS_msgrcv, c_long::from(msqid), message, body_room, msgtyp, c_long::from(flags)) }
    }
}

/// Elsewhere the kernel has them as parts of one call, ipc(2), which the C library knows best.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod raw {
    pub(super) use nix::libc::{msgrcv, msgsnd};
}

pub(crate) fn stat(msqid: c_int) -> Result<libc::msqid_ds, Errno> {
    let mut status = MaybeUninit::<libc::msqid_ds>::zeroed();
    // SAFETY: IPC_STAT writes one msqid_ds to the pointer, which has room for exactly that.
    check(unsafe { libc::msgctl(msqid, libc::IPC_STAT, status.as_mut_ptr()) })?;
    // SAFETY: msqid_ds consists of integers only, for which zeroed and kernel-written bytes are both valid.
    Ok(unsafe { status.assume_init() })
}

/// As [`stat`], also of a queue that this user may not read (`MSG_STAT_ANY` of msgctl(2), Linux 4.17). The kernel finds it by its
/// place in a list of its own, so the msqid of what stands there now comes with it.
pub(crate) fn stat_of_any(msqid: c_int) -> Result<(c_int, libc::msqid_ds), Errno> {
    let mut status = MaybeUninit::<libc::msqid_ds>::zeroed();
    // SAFETY: MSG_STAT_ANY writes one msqid_ds to the pointer, which has room for exactly that.
    let found = check(unsafe { libc::msgctl(msqid, MSG_STAT_ANY, status.as_mut_ptr()) })?;
    // SAFETY: msqid_ds consists of integers only, for which zeroed and kernel-written bytes are both valid.
    Ok((found, unsafe { status.assume_init() }))
}

const MSG_STAT_ANY: c_int = 13;

pub(crate) fn set(msqid: c_int, status: &mut libc::msqid_ds) -> Result<(), Errno> {
    // SAFETY: IPC_SET reads one msqid_ds from the pointer, which comes from a live reference.
    check(unsafe { libc::msgctl(msqid, libc::IPC_SET, std::ptr::from_mut(status)) }).map(drop)
}

pub(crate) fn remove(msqid: c_int) -> Result<(), Errno> {
    // SAFETY: IPC_RMID ignores the pointer, so null is allowed.
    check(unsafe { libc::msgctl(msqid, libc::IPC_RMID, std::ptr::null_mut()) }).map(drop)
}

/// A status in which nothing is set.
pub(crate) fn blank_status() -> libc::msqid_ds {
    // SAFETY: the struct consists of integers, for which zero is a value.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// A number that no other namespace has or had since the machine was started: `NS_GET_ID` of `include/uapi/linux/nsfs.h`,
/// Linux 6.18. `namespace` is open on a file in `/proc/PID/ns`.
pub(crate) fn namespace_id(namespace: BorrowedFd<'_>) -> Result<u64, Errno> {
    let mut id = 0_u64;
    // SAFETY: this request writes one u64 to the pointer, which comes from a live reference.
    Errno::result(unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_ID, std::ptr::from_mut(&mut id)) })?;
    Ok(id)
}

const NS_GET_ID: libc::Ioctl = libc::_IOR::<u64>(0xb7, 13);

/// All descriptors from `first` on are closed in programs that this process starts (close_range(2), Linux 5.11).
pub(crate) fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    let (first, last, flags) = (c_long::from(first), c_long::from(u32::MAX), c_long::from(libc::CLOSE_RANGE_CLOEXEC));
    // SAFETY: close_range takes three integers, and with this flag every descriptor stays open here.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }).map(drop)
}

/// Whose process or thread a pidfd is (`PIDFD_GET_INFO` of pidfd_open(2), Linux 6.13).
pub(crate) fn pidfd_info(pidfd: BorrowedFd<'_>) -> Result<libc::pidfd_info, Errno> {
    // SAFETY: the struct consists of integers, for which zero is a value.
    let mut info: libc::pidfd_info = unsafe { MaybeUninit::zeroed().assume_init() };
    info.mask = u64::from(libc::PIDFD_INFO_PID | libc::PIDFD_INFO_CREDS);
    // SAFETY: the request's number says how long the struct is into which the kernel writes, and it is that struct.
    check(unsafe { libc::ioctl(pidfd.as_raw_fd(), libc::PIDFD_GET_INFO, &raw mut info) })?;
    Ok(info)
}
