//! Sizes of queues that the kernel does not allow this process: what becomes of the queue, and the words for it.

use msgq_core::limits;
use msgq_core::queue::{Queue, QueueKey};

/// What becomes of a queue that is to be larger than the kernel allows this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLarge {
    /// Nothing is changed: whoever asked for this size hears of it, and nobody is served by the queue yet, or all are.
    Refuse,
    /// It gets what is allowed. A limit that was lowered must not keep clients from being served.
    ServeSmaller,
}

/// A size that only a privileged process may set.
pub(super) fn above_limit(key: QueueKey, max_bytes: u64, limit: u64) -> String {
    format!(
        "max_bytes = {max_bytes} for queue {key} is above the kernel's limit of {limit} (kernel.msgmnb), and this process \
         lacks CAP_SYS_RESOURCE; lower max_bytes, or raise the limit with: {}",
        limits::how_to_set_limit("kernel.msgmnb", max_bytes)
    )
}

/// The kernel made no other change of the queue than with a smaller size.
pub(super) fn size_lowered(queue: &Queue, before: u64, limit: u64) -> String {
    format!(
        "the size of queue msqid {} went from {before} to {limit} bytes: kernel.msgmnb was lowered to that, and this process \
         lacks CAP_SYS_RESOURCE, so the kernel refuses every change of a larger queue; raise it again with: {}",
        queue.id(),
        limits::how_to_set_limit("kernel.msgmnb", before)
    )
}
