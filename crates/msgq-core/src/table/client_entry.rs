//! The list of clients that are watched.

use crate::memory::shared_struct;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

shared_struct! {
    /// A client that is watched, and who it is.
    pub struct ClientEntry {
        number: AtomicI64,
        identity: AtomicU64,
    }
}

impl ClientEntry {
    /// The client's number and its pidfs inode (0: the kernel gives none, or there is no process); `None` when the entry is free.
    #[must_use]
    pub fn get(&self) -> Option<(i64, u64)> {
        let number = self.number.load(Ordering::Acquire);
        (number != 0).then(|| (number, self.identity.load(Ordering::Relaxed)))
    }

    /// Enters a client. The number comes last, so that whoever sees it sees the identity.
    pub fn set(&self, number: i64, identity: u64) {
        self.identity.store(identity, Ordering::Relaxed);
        self.number.store(number, Ordering::Release);
    }

    /// Frees the entry, when its client is dead or no longer watched.
    pub fn clear(&self) {
        self.number.store(0, Ordering::Release);
    }
}
