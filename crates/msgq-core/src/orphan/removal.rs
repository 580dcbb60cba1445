//! Taking messages of one type out of a queue for good, oldest first, within limits.

use super::survey::Resting;
use crate::layout::protocol::RequestTypes;
use crate::queue::{MessageBuffer, Queue, QueueError};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// When to stop removing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovalLimits {
    /// How long to go on.
    pub time: Duration,
    /// How many messages to remove, of all types together.
    pub messages: usize,
}

impl Default for RemovalLimits {
    /// Two seconds, and as many messages as a queue of the default size can hold (`msg_qbytes` empty ones).
    fn default() -> Self {
        Self { time: Duration::from_secs(2), messages: 16384 }
    }
}

/// All removals of one run together.
pub(super) struct Removal {
    queue: Queue,
    limits: RemovalLimits,
    buffer: MessageBuffer,
    start: Instant,
    count: usize,
    /// False once a limit ended it, so that there may be more.
    pub(super) is_complete: bool,
}

impl Removal {
    pub(super) fn start(queue: Queue, limits: RemovalLimits) -> Self {
        Self { queue, limits, buffer: MessageBuffer::new(), start: Instant::now(), count: 0, is_complete: true }
    }

    /// Removes up to `wanted` messages of a type, as msgrcv(2) is asked for it, as long as `may_go` says before each that
    /// it may.
    pub(super) fn remove_up_to(
        &mut self,
        msgtyp: i64,
        wanted: usize,
        may_go: impl Fn() -> bool,
        mut taken: impl FnMut(&MessageBuffer),
    ) -> Result<Resting, QueueError> {
        let mut removed = Resting::default();
        while removed.messages < wanted {
            if self.start.elapsed() >= self.limits.time || self.count >= self.limits.messages {
                self.is_complete = false;
                break;
            }
            if !may_go() || !self.queue.try_receive_any(msgtyp, &mut self.buffer)? {
                break;
            }
            removed.add(self.buffer.body().len());
            self.count += 1;
            taken(&self.buffer);
        }
        Ok(removed)
    }
}

/// What was removed, by type, and whether all of it is gone: false when a limit came first.
pub type RemovedByType = (BTreeMap<i64, Resting>, bool);

/// Removes so many messages of each type, oldest first, and at most so many of all together, as long as `may_go` says before
/// each that its type may go.
///
/// # Errors
/// EACCES without read permission, EIDRM or EINVAL when the queue is gone.
pub fn remove_of_types(
    queue: &Queue,
    by_type: &BTreeMap<i64, usize>,
    at_most: usize,
    limits: RemovalLimits,
    may_go: impl Fn(i64) -> bool,
) -> Result<RemovedByType, QueueError> {
    let mut removal = Removal::start(*queue, limits);
    let mut removed = BTreeMap::new();
    for (mtype, wanted) in by_type {
        let wanted = *wanted.min(&(at_most - removal.count));
        let of_type = removal.remove_up_to(*mtype, wanted, || may_go(*mtype), |_| {})?;
        removed.insert(*mtype, of_type);
    }
    Ok((removed, removal.is_complete))
}

/// Removes up to `at_most` requests in the order in which a server gets them, and shows each to `taken`: for an operator who knows that nobody will
/// ever serve them. Their clients wait in vain. False when a limit came first.
///
/// # Errors
/// EACCES without read permission, EIDRM or EINVAL when the queue is gone.
pub fn take_requests(
    queue: &Queue,
    types: &RequestTypes,
    at_most: usize,
    limits: RemovalLimits,
    taken: impl FnMut(&MessageBuffer),
) -> Result<bool, QueueError> {
    let mut removal = Removal::start(*queue, limits);
    removal.remove_up_to(types.msgtyp(), at_most, || true, taken)?;
    Ok(removal.is_complete)
}
