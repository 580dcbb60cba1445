//! Who answers: the handler, how many workers there are to be, and how both change while requests come in.

use crate::handler::Handler;
use msgq_core::inflight::{SlotState, Table};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) struct Staff {
    handler: Mutex<Arc<dyn Handler>>,
    version: AtomicU64,
    /// The version that each worker has.
    seen: Vec<AtomicU64>,
    /// Workers from this index on come to their end.
    limit: AtomicUsize,
    several: AtomicBool,
}

impl Staff {
    /// So many workers to begin with, and never more than `room`.
    pub(super) fn new(handler: Arc<dyn Handler>, workers: usize, room: usize) -> Self {
        Self {
            handler: Mutex::new(handler),
            version: AtomicU64::new(0),
            seen: (0..room.max(workers)).map(|_| AtomicU64::new(0)).collect(),
            limit: AtomicUsize::new(workers),
            several: AtomicBool::new(workers > 1),
        }
    }

    pub(super) fn handler(&self) -> Arc<dyn Handler> {
        Arc::clone(&self.handler.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Grows with every change, so that a worker sees with one load whether it has the current handler.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Puts a handler, new or the same, into its place, and returns the one that was there.
    pub(super) fn replace(&self, handler: Arc<dyn Handler>) -> Arc<dyn Handler> {
        let mut current = self.handler.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *current, handler);
        self.version.fetch_add(1, Ordering::Release);
        before
    }

    /// A worker has taken the handler of this version.
    pub(super) fn note_seen(&self, worker: usize, version: u64) {
        if let Some(seen) = self.seen.get(worker) {
            seen.store(version, Ordering::Release);
        }
    }

    /// True when each of the first `workers` has the current handler, or is busy and takes it before its next request.
    pub(super) fn all_have_seen(&self, workers: usize, table: &Table) -> bool {
        let version = self.version();
        let is_busy = |worker| table.landing(worker).is_some_and(|slot| slot.state() != Some(SlotState::Armed));
        let mut seen = self.seen.iter().enumerate().take(workers);
        seen.all(|(worker, seen)| seen.load(Ordering::Acquire) == version || is_busy(worker))
    }

    /// True when this worker is to come to its end.
    pub(super) fn is_dismissed(&self, worker: usize) -> bool {
        worker >= self.limit.load(Ordering::Acquire)
    }

    /// True unless there is one worker and always was: the order of receipt then needs no lock.
    pub(super) fn has_several_workers(&self) -> bool {
        self.several.load(Ordering::Relaxed)
    }

    /// How many workers there are to be.
    pub(super) fn workers(&self) -> usize {
        self.limit.load(Ordering::Acquire)
    }

    pub(super) fn set_workers(&self, workers: usize) {
        // Before the second one begins, and for good: the first may be in the middle of a request without the lock, which
        // is as good as with it as long as nobody else numbers requests.
        if workers > 1 {
            self.several.store(true, Ordering::SeqCst);
        }
        self.limit.store(workers, Ordering::Release);
    }
}
