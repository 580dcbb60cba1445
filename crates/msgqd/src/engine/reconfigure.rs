//! Changing the engine while requests come in.

use super::Engine;
use super::threads::group::WAKE_PAUSE;
use crate::handler::Handler;
use crate::panics::{EndsProcess, caught};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Engine {
    /// Changes what can be changed while requests come in; without a handler it stays the same. Each request is answered
    /// by the old handler or by the new one. The old one is stopped once nothing is left in it.
    ///
    /// # Errors
    /// When there is no room for as many workers, an earlier change has not come to its end, or threads cannot be had.
    /// Nothing is changed then but for the last.
    pub fn reconfigure(
        &mut self,
        handler: Option<Arc<dyn Handler>>,
        workers: usize,
        response_ttl: Duration,
        spin_limit: Duration,
    ) -> Result<(), ReconfigureError> {
        let room = self.table().geometry().workers;
        if workers > room {
            return Err(ReconfigureError::TooManyWorkers { workers, room });
        }
        self.finish_retirements(Instant::now() + RETIREMENT_LIMIT)?;
        let reloadable = &self.shared.reloadable;
        reloadable.set_limits(response_ttl, spin_limit);
        reloadable.set_workers(workers);
        let (handler, is_new) = handler.map_or_else(|| (reloadable.handler(), false), |handler| (handler, true));
        self.table().header().set_handler(handler.name());
        let old = reloadable.replace_handler(handler);
        let mut superfluous = self.workers.split_off(workers);
        superfluous.wake();
        self.show_workers_the_change();
        let shared = Arc::clone(&self.shared);
        let retirement = std::thread::Builder::new().name("retirement".to_owned()).spawn(move || {
            let _end = EndsProcess;
            while !superfluous.stop(Instant::now() + WAKE_PAUSE * 100) && !shared.lifecycle.is_stopping() {}
            while is_new && Arc::strong_count(&old) > 1 && !shared.lifecycle.is_stopping() {
                std::thread::sleep(WAKE_PAUSE);
            }
            if is_new && let Err(panic) = caught(|| old.stop(Instant::now() + RETIREMENT_LIMIT)) {
                log::error!("the handler {} panicked when it was stopped: {panic}", old.name());
            }
        })?;
        self.retirements.push(retirement);
        Ok(self.hire(workers)?)
    }

    /// Wakes workers that wait for a request until they have seen the change; the others do when they are done.
    fn show_workers_the_change(&self) {
        let deadline = Instant::now() + RETIREMENT_LIMIT;
        while !self.shared.reloadable.all_have_seen(self.workers.len(), self.table()) && Instant::now() < deadline {
            self.workers.wake();
            std::thread::sleep(WAKE_PAUSE);
        }
    }

    /// A slot of a worker that has not left yet cannot be given to another.
    pub(super) fn finish_retirements(&mut self, deadline: Instant) -> Result<(), ReconfigureError> {
        while self.retirements.iter().any(|thread| !thread.is_finished()) {
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
    /// Requests still run in a handler that was replaced before.
    #[error("requests still run in the handler that was replaced by the last change; try again when they are done")]
    StillChanging,
    /// Threads cannot be had.
    #[error("no thread can be had: {0}")]
    Io(#[from] io::Error),
}

/// How long a change waits for the one before.
const RETIREMENT_LIMIT: Duration = Duration::from_secs(5);
