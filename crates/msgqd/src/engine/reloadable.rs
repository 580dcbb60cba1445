//! What changes while requests come in: the handler, how many workers there are, and some limits.
//!
//! Each change of the handler has a number. A worker reads the number first and takes the handler then, so that a handler
//! which is newer than its number is taken again, and an older one is never kept.

use super::settings::EngineSettings;
use crate::handler::Handler;
use msgq_core::table::{SlotState, Table};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Limits that a reload changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReloadableLimits {
    /// How long an answer may wait for its client.
    pub response_ttl: Duration,
    /// How long a worker may look for a request before it blocks.
    pub spin_limit: Duration,
    /// How often a one-way request is tried until it is given up.
    pub attempts: u32,
}

impl std::fmt::Debug for Reloadable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reloadable").field("version", &self.version).finish_non_exhaustive()
    }
}

pub(super) struct Reloadable {
    handler: Mutex<Arc<dyn Handler>>,
    version: AtomicU64,
    /// The version that each worker has.
    seen: Vec<AtomicU64>,
    /// Workers from this index on come to their end.
    workers: AtomicUsize,
    several: AtomicBool,
    response_ttl_ns: AtomicU64,
    spin_limit_ns: AtomicU64,
    attempts: AtomicU32,
}

impl Reloadable {
    pub(super) fn new(handler: Arc<dyn Handler>, settings: &EngineSettings) -> Self {
        let workers = settings.workers;
        Self {
            handler: Mutex::new(handler),
            version: AtomicU64::new(0),
            seen: (0..settings.worker_room.max(workers)).map(|_| AtomicU64::new(0)).collect(),
            workers: AtomicUsize::new(workers),
            several: AtomicBool::new(workers > 1),
            response_ttl_ns: AtomicU64::new(nanoseconds(settings.response_ttl)),
            spin_limit_ns: AtomicU64::new(nanoseconds(settings.spin_limit)),
            attempts: AtomicU32::new(settings.attempts),
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
    pub(super) fn replace_handler(&self, handler: Arc<dyn Handler>) -> Arc<dyn Handler> {
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

    /// How many workers there are to be.
    pub(super) fn workers(&self) -> usize {
        self.workers.load(Ordering::Acquire)
    }

    /// True when this worker is to come to its end.
    pub(super) fn is_dismissed(&self, worker: usize) -> bool {
        worker >= self.workers()
    }

    /// True unless there is one worker and always was: the order of receipt then needs no lock.
    pub(super) fn has_several_workers(&self) -> bool {
        self.several.load(Ordering::Relaxed)
    }

    pub(super) fn set_workers(&self, workers: usize) {
        // Before the second one begins, and for good: the first may be in the middle of a request without the lock, which
        // is as good as with it as long as nobody else numbers requests.
        if workers > 1 {
            self.several.store(true, Ordering::SeqCst);
        }
        self.workers.store(workers, Ordering::Release);
    }

    /// How long an answer may wait for its client.
    pub(super) fn response_ttl(&self) -> Duration {
        Duration::from_nanos(self.response_ttl_ns.load(Ordering::Relaxed))
    }

    /// How long a worker may look for a request before it blocks.
    pub(super) fn spin_limit(&self) -> Duration {
        Duration::from_nanos(self.spin_limit_ns.load(Ordering::Relaxed))
    }

    /// How often a one-way request is tried until it is given up.
    pub(super) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(super) fn set_limits(&self, limits: ReloadableLimits) {
        self.response_ttl_ns.store(nanoseconds(limits.response_ttl), Ordering::Relaxed);
        self.spin_limit_ns.store(nanoseconds(limits.spin_limit), Ordering::Relaxed);
        self.attempts.store(limits.attempts, Ordering::Relaxed);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
