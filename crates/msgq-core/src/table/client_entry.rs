//! The list of clients that are watched.

use crate::memory::shared_struct;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

shared_struct! {
    /// A client that is watched, and who it is.
    pub struct ClientEntry {
        pid: AtomicI32,
        reserved: AtomicU32,
        identity: AtomicU64,
    }
}

impl ClientEntry {
    /// The client's number and its pidfs inode (0: the kernel gives none); `None` when the entry is free.
    #[must_use]
    pub fn get(&self) -> Option<(i32, u64)> {
        let pid = self.pid.load(Ordering::Acquire);
        (pid != 0).then(|| (pid, self.identity.load(Ordering::Relaxed)))
    }

    /// Enters a client. The number comes last, so that whoever sees it sees the identity.
    pub fn set(&self, pid: i32, identity: u64) {
        self.identity.store(identity, Ordering::Relaxed);
        self.pid.store(pid, Ordering::Release);
    }

    /// Frees the entry, when its client is dead or no longer watched.
    pub fn clear(&self) {
        self.pid.store(0, Ordering::Release);
    }
}
