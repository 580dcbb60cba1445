//! System calls on pipes, which go on after a signal: the daemon's own wake signal interrupts any of them.

use rustix::event::{PollFd, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// What one read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::handler) enum Chunk {
    /// So many bytes, at least 1.
    Bytes(usize),
    /// Nothing at the moment.
    Empty,
    /// Nobody has the other end open any more.
    End,
}

/// Waits until one of `fds` is ready; false when `deadline` comes first.
pub(in crate::handler) fn poll_until(fds: &mut [PollFd<'_>], deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout =
            Timespec { tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        match poll(fds, Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads once from a non-blocking descriptor.
pub(in crate::handler) fn read_chunk(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Chunk> {
    loop {
        match rustix::io::read(&fd, &mut *buffer) {
            Ok(0) => return Ok(Chunk::End),
            Ok(len) => return Ok(Chunk::Bytes(len)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(Chunk::Empty),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Gives what is in a non-blocking pipe to `on_bytes`. Does not wait, and reads a bounded amount, so that a flood is no
/// endless loop. At the end of the pipe it is closed; one that cannot be read is of no more use than one that has ended.
pub(super) fn read_available(pipe: &mut Option<impl AsFd>, on_bytes: &mut dyn FnMut(&[u8])) {
    let mut page = [0; 4096];
    for _ in 0..READS_AT_ONCE {
        let Some(open) = pipe else { return };
        match read_chunk(open, &mut page) {
            Ok(Chunk::Bytes(len)) => on_bytes(page.get(..len).unwrap_or_default()),
            Ok(Chunk::Empty) => return,
            Ok(Chunk::End) | Err(_) => *pipe = None,
        }
    }
}

/// Reads in a row before anything else is looked at, of a page each: a full pipe of the usual size.
const READS_AT_ONCE: usize = 16;

/// `start` and `time` later; a time that no clock can hold counts as a hundred years.
pub(in crate::handler) fn after(start: Instant, time: Duration) -> Instant {
    start.checked_add(time).unwrap_or_else(|| start + Duration::from_secs(100 * 365 * 86400))
}
