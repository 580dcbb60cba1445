//! Changing the engine while requests come in.
//!
//! A change is prepared first and then carried out. All that can fail is in the first step, which can be undone; so a change
//! that is refused has changed nothing.

mod retirement;

use super::Engine;
use super::reloadable::ReloadableLimits;
use super::threads::group::WAKE_PAUSE;
use crate::handler::Handler;
use retirement::Retirement;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A change for which all is there that it needs; made by [`Engine::prepare`].
#[derive(Debug)]
pub struct PreparedChange {
    workers: usize,
    workers_before: usize,
    retirement: Retirement,
}

impl Engine {
    /// Makes ready for a change to as many workers, which [`Engine::carry_out`] makes and [`Engine::call_off`] takes back.
    /// Where there will be more workers, the new ones are there already, with the old handler.
    ///
    /// # Errors
    /// When there is no room for as many workers, an earlier change has not come to its end, or threads cannot be had.
    /// Nothing is changed then.
    pub fn prepare(&mut self, workers: usize) -> Result<PreparedChange, ReconfigureError> {
        let room = self.table().geometry().workers;
        if workers > room {
            return Err(ReconfigureError::TooManyWorkers { workers, room });
        }
        self.finish_retirements(Instant::now())?;
        let change = PreparedChange { workers, workers_before: self.workers.len(), retirement: Retirement::start()? };
        if workers > change.workers_before {
            self.shared.reloadable.set_workers(workers);
            // A single worker receives without a turn: no second one may start before it knows of that.
            self.shared.reloadable.replace_handler(self.handler());
            self.show_workers_the_change();
            if let Err(error) = self.hire(workers) {
                self.call_off(change);
                return Err(error.into());
            }
        }
        Ok(change)
    }

    /// Makes the change; without a handler it stays the same. Each request is answered by the old handler or by the new
    /// one. The old one is stopped once nothing is left in it.
    pub fn carry_out(&mut self, change: PreparedChange, handler: Option<Arc<dyn Handler>>, limits: ReloadableLimits) {
        self.shared.reloadable.set_limits(limits);
        let old = handler.map(|handler| {
            self.table().header().set_handler(handler.name());
            self.shared.reloadable.replace_handler(handler)
        });
        self.replaced.retain(|handler| handler.strong_count() > 0);
        self.replaced.extend(old.as_ref().map(Arc::downgrade));
        self.keep_workers(change.workers, change.retirement, old);
    }

    /// Everything stays as it was before the change was prepared.
    pub fn call_off(&mut self, change: PreparedChange) {
        self.keep_workers(change.workers_before, change.retirement, None);
    }

    /// True when earlier changes have come to their end, so that another one can be made.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.retirements.iter().all(std::thread::JoinHandle::is_finished)
    }

    /// The workers from this number on leave when they are done, and the old handler is stopped when nobody has it.
    fn keep_workers(&mut self, workers: usize, retirement: Retirement, old: Option<Arc<dyn Handler>>) {
        self.shared.reloadable.set_workers(workers);
        let superfluous = self.workers.split_off(workers);
        superfluous.wake();
        self.show_workers_the_change();
        self.retirements.push(retirement.of(Arc::clone(&self.shared), superfluous, old));
    }

    /// Wakes workers that wait for a request until they have seen the change; the others do when they are done.
    fn show_workers_the_change(&self) {
        let deadline = Instant::now() + SEEING_LIMIT;
        while !self.shared.reloadable.all_have_seen(self.workers.len(), self.table()) && Instant::now() < deadline {
            self.workers.wake();
            std::thread::sleep(WAKE_PAUSE);
        }
    }

    /// A slot of a worker that has not left yet cannot be given to another.
    pub(super) fn finish_retirements(&mut self, deadline: Instant) -> Result<(), ReconfigureError> {
        while !self.is_settled() {
            if Instant::now() >= deadline {
                return Err(ReconfigureError::StillChanging);
            }
            std::thread::sleep(WAKE_PAUSE);
        }
        for thread in self.retirements.drain(..) {
            let _ = thread.join();
        }
        Ok(())
    }
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ReconfigureError {
    /// The table has no slots for as many.
    #[error("{workers} workers do not fit into the table, which was made for at most {room}; restart to have more")]
    TooManyWorkers {
        /// Asked for.
        workers: usize,
        /// Possible.
        room: usize,
    },
    /// Requests still run in a handler that was replaced before, or its programs have not ended.
    #[error(
        "the change before is not through: requests still run with the handler or the workers that it replaced, or their \
         programs are still ending; try again when they are done"
    )]
    StillChanging,
    /// Threads cannot be had.
    #[error("no thread can be had: {0}")]
    Io(#[from] io::Error),
}

/// How long the workers that wait for a request may take to see a change: they are woken again and again.
const SEEING_LIMIT: Duration = Duration::from_secs(5);
