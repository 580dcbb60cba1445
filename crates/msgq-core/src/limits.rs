//! Limits of the running kernel, read from `/proc/sys/kernel`, with the kernel's defaults where /proc hides them.

mod setting;

pub use setting::{LimitPlace, how_to_set_limit};

use std::fs;

/// The default of `kernel.msgmax` and so the largest body an untuned kernel accepts, in bytes (msgop(2)).
pub const DEFAULT_MSGMAX: usize = 8192;
/// The default of `kernel.msgmnb`, in bytes (msgget(2)).
pub const DEFAULT_MSGMNB: u64 = 16384;
/// One more than the largest PID that any Linux hands out (`PID_MAX_LIMIT` in `include/linux/threads.h`).
pub const PID_MAX_LIMIT: i32 = 4_194_304;

fn read<T: std::str::FromStr>(name: &str) -> Option<T> {
    fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.trim().parse().ok()
}

/// `kernel.msgmax`: the largest body that msgsnd accepts now, in bytes.
#[must_use]
pub fn msgmax() -> usize {
    read("msgmax").unwrap_or(DEFAULT_MSGMAX)
}

/// `kernel.msgmnb`: the largest `msg_qbytes` that needs no privilege, and the size of a new queue, in bytes.
#[must_use]
pub fn msgmnb() -> u64 {
    read("msgmnb").unwrap_or(DEFAULT_MSGMNB)
}

/// `kernel.msgmni`: how many queues may exist, where /proc shows it.
#[must_use]
pub fn msgmni() -> Option<u64> {
    read("msgmni")
}

/// `kernel.pid_max`: one more than the largest PID that the kernel hands out now.
#[must_use]
pub fn pid_max() -> i32 {
    read("pid_max").unwrap_or(PID_MAX_LIMIT)
}
