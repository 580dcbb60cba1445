//! Queues for tests. Whoever needs one names this file as a module by its path: it is no part of any program.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each user needs a part of it; in a test a panic is the report"
)]

use msgq_core::queue::{Queue, QueueKey};
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Keys of this process that a test has: also where its queue is not there yet, or any more.
static TAKEN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn taken<T>(look: impl FnOnce(&mut BTreeSet<i32>) -> T) -> T {
    look(&mut TAKEN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A queue key that nobody used when it was chosen; whatever queue has it is removed at the end of the test.
#[derive(Debug)]
pub struct ScratchKey(QueueKey);

impl ScratchKey {
    /// Chooses a key.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicI32 = AtomicI32::new(0);
        let pid = std::process::id().cast_signed() & 0x1f_ffff;
        (0..4096)
            .filter_map(|_| QueueKey::new(0x2000_0000 + (pid << 8) + (NEXT.fetch_add(1, Ordering::Relaxed) & 0xff)))
            .find(|key| Queue::open(*key).is_err() && taken(|keys| keys.insert(key.raw())))
            .map(Self)
            .expect("256 keys are taken: remove the queues that ipcs -q lists as 0x2... or 0x3...")
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> QueueKey {
        self.0
    }
}

impl Default for ScratchKey {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ScratchKey {
    fn drop(&mut self) {
        if let Ok(queue) = Queue::open(self.0) {
            let _ = queue.remove();
        }
        taken(|keys| keys.remove(&self.0.raw()));
    }
}

/// A queue of its own for a test, removed at its end.
#[derive(Debug)]
pub struct ScratchQueue {
    queue: Queue,
    _key: ScratchKey,
}

impl ScratchQueue {
    /// Creates a queue for this user alone.
    #[must_use]
    pub fn new() -> Self {
        let key = ScratchKey::new();
        Self { queue: Queue::create(key.key(), 0o600).unwrap(), _key: key }
    }
}

impl Default for ScratchQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for ScratchQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}
