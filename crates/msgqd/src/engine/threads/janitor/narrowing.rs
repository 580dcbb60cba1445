//! A queue that is *narrowed*: its size is so small for a moment that no message of those who wait for room fits, so that a
//! receive wakes none of them.
//!
//! A narrowing is over before the janitor looks at anything else. The size is changed only from what is expected, so that
//! one that somebody else sets meanwhile stays. A daemon that is killed meanwhile leaves a queue that is too small but
//! works, and whose size the next start sets.
//!
//! Whoever else looks at the size, to set it or to set it back later, holds the same lock: what is there for a moment is no
//! size that somebody gave the queue.

use crate::engine::kill_points::kill_point;
use msgq_core::limits;
use msgq_core::queue::Queue;
use nix::errno::Errno;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Narrowing<'a> {
    _held: MutexGuard<'a, ()>,
    queue: Queue,
    size: u64,
    narrowed: u64,
}

impl<'a> Narrowing<'a> {
    /// Lowers the queue's size. `None`, and nothing is changed, where it could not be set back, as only its owner may, and
    /// none above `kernel.msgmnb`, or where it is another one by now. `sizes` is held until it ends.
    pub(super) fn begin(sizes: &'a Mutex<()>, queue: &Queue, size: u64, narrowed: u64) -> Option<Self> {
        let held = sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let may_set_back = size <= limits::msgmnb() || matches!(queue.change_max_bytes(size, size), Ok(true));
        let is_narrowed = may_set_back && matches!(queue.change_max_bytes(size, narrowed), Ok(true));
        if is_narrowed {
            kill_point("narrowed");
        }
        is_narrowed.then_some(Self { _held: held, queue: *queue, size, narrowed })
    }
}

impl Drop for Narrowing<'_> {
    /// Gives the queue its size back, or as much of it as `kernel.msgmnb` still allows.
    fn drop(&mut self) {
        let Self { queue, size, narrowed, .. } = *self;
        let Err(error) = queue.change_max_bytes(narrowed, size) else { return };
        let allowed = size.min(limits::msgmnb());
        if error.errno() == Errno::EPERM && matches!(queue.change_max_bytes(narrowed, allowed), Ok(true)) {
            log::warn!(
                "the queue's size is {allowed} bytes now instead of {size}: {error}; kernel.msgmnb was lowered while clients \
                 kept the queue full; raise it again and restart msgqd"
            );
        }
    }
}
