//! The queue engine: receives requests, hands them to the handler, gets the answers to their clients.
//!
//! Knows queues, tables and the handler trait; knows nothing of systemd, configuration files or kinds of handlers.

mod admission;
mod alarm;
mod clients;
mod congestion;
mod consumption;
mod drained;
mod events;
mod foreign_messages;
mod heartbeat;
mod intake;
mod kill_points;
mod lifecycle;
mod one_way;
mod outbox;
mod outcome;
mod parts;
mod private_queues;
mod queue_loss;
mod reconfigure;
mod recovery;
mod reloadable;
mod served_queue;
mod settings;
mod shared;
mod storage;
mod threads;

pub use one_way::WriteDeadLetter;
pub use reconfigure::{PreparedChange, ReconfigureError};
pub use reloadable::ReloadableLimits;
pub use served_queue::{OwnedQueue, Recreate};
pub use settings::EngineSettings;
pub use storage::Storage;

use crate::handler::Handler;
use crate::panics::caught;
use kill_points::kill_point;
use lifecycle::Stage;
use msgq_core::layout::protocol::Protocol;
use msgq_core::queue::Queue;
use msgq_core::table::{Phase, SlotState, Table};
use one_way::OneWay;
use recovery::recover;
use served_queue::ServedQueue;
use shared::Shared;
use std::io;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use threads::courier::Courier;
use threads::group::ThreadGroup;
use threads::janitor::Janitor;
use threads::private_courier::PrivateCourier;
use threads::worker::Worker;

/// A running engine. Dropping it without [`Engine::stop`] leaves its threads running.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    workers: ThreadGroup,
    others: ThreadGroup,
    retirements: Vec<JoinHandle<()>>,
    /// Handlers that were replaced; those that are still there may have requests.
    replaced: Vec<Weak<dyn Handler>>,
}

impl Engine {
    /// Finishes what an earlier daemon left, and starts the threads. When this returns, all workers receive.
    ///
    /// `recreate` makes the queue anew when somebody removes it under the engine.
    ///
    /// # Errors
    /// When memory or threads cannot be had, or the table cannot be published; `Interrupted` when the start was called off
    /// while it finished what was left.
    pub fn start(
        queue: Queue,
        settings: &EngineSettings,
        handler: Arc<dyn Handler>,
        recreate: Recreate,
        storage: Storage,
    ) -> io::Result<Self> {
        Self::start_with_second_queue(OwnedQueue { queue, recreate }, None, settings, handler, storage)
    }

    /// As [`Engine::start`]; answers go into the second queue where there is one.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start_with_second_queue(
        queue: OwnedQueue,
        second: Option<OwnedQueue>,
        settings: &EngineSettings,
        handler: Arc<dyn Handler>,
        storage: Storage,
    ) -> io::Result<Self> {
        let one_way = OneWay::new(storage.write_dead_letter, storage.on_crash);
        let shared = Arc::new(Shared::new(queue, second, settings, handler, (storage.table, one_way))?);
        for served in [&shared.served, &shared.answers] {
            if storage.may_hold_foreign_messages.contains(&served.role()) {
                served.foreign_messages.leave_alone_what_rests(&served.current(), &settings.protocol);
            }
        }
        if let Some(left) = storage.left {
            recover(&shared, &left, storage.on_crash, &storage.called_off)?;
        }
        kill_point("recovery-before-publish");
        (storage.publish)()?;
        kill_point("recovery-published");
        let mut engine = Self {
            shared,
            workers: ThreadGroup::new(),
            others: ThreadGroup::new(),
            retirements: Vec::new(),
            replaced: Vec::new(),
        };
        if let Err(error) = engine.start_threads(settings.workers) {
            let _ = engine.stop(Instant::now() + ABORT_LIMIT);
            return Err(error);
        }
        // A sign of life goes first, or the daemon looks as if it hung until the janitor's first round.
        engine.shared.heartbeat.beat(engine.table());
        engine.table().header().set_phase(Phase::Serving);
        Ok(engine)
    }

    fn start_threads(&mut self, workers: usize) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let courier = if self.shared.outbox.is_private() {
            self.others.spawn("courier", move || PrivateCourier::new(shared).run())?
        } else {
            self.others.spawn("courier", move || Courier::new(shared).run())?
        };
        let janitor = Janitor::new(Arc::clone(&self.shared), courier);
        self.others.spawn("janitor", move || janitor.run())?;
        self.hire(workers)
    }

    /// Starts workers until there are as many.
    fn hire(&mut self, workers: usize) -> io::Result<()> {
        let stack_size = self.handler().stack_size();
        for index in self.workers.len()..workers {
            let worker = Worker::new(Arc::clone(&self.shared), index);
            self.workers.spawn_with_stack(&format!("worker-{index}"), stack_size, move || worker.run())?;
        }
        Ok(())
    }

    /// The queue that requests come from now; another one than at the start if it was removed meanwhile.
    #[must_use]
    pub fn queue(&self) -> Queue {
        self.shared.served.current()
    }

    /// Watches at most so many clients from now on, with a descriptor each, so that a handler that replaces another has what it
    /// needs. Never more than it was started for.
    pub(crate) fn limit_clients(&self, limit: usize) {
        self.shared.clients.set_limit(limit);
    }

    /// While this is held the queue that requests come from has the size that somebody gave it, and not a smaller one for a
    /// moment, as the engine makes it under a flood. Waits for the end of such a moment.
    pub(crate) fn hold_sizes(&self) -> MutexGuard<'_, ()> {
        self.shared.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Engine::hold_sizes`], and `None` instead of waiting.
    #[must_use]
    pub(crate) fn try_hold_sizes(&self) -> Option<MutexGuard<'_, ()>> {
        match self.shared.sizes.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The second queue, into which answers go now, where there is one.
    #[must_use]
    pub fn second_queue(&self) -> Option<Queue> {
        self.shared.has_second_queue().then(|| self.shared.answers.current())
    }

    /// The queues in which messages rest that may be another program's and are left alone, and how many.
    #[must_use]
    pub fn foreign_messages(&self) -> Vec<(Queue, usize)> {
        let second = self.shared.has_second_queue().then_some(&self.shared.answers);
        let queues = [Some(&self.shared.served), second].into_iter().flatten();
        let count = |served: &Arc<ServedQueue>| {
            let queue = served.current();
            (queue, served.foreign_messages.count_in(&queue, &self.shared.protocol))
        };
        queues.map(count).filter(|(_, messages)| *messages > 0).collect()
    }

    /// The table with the counters.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.shared.table
    }

    /// What answers now.
    #[must_use]
    pub fn handler(&self) -> Arc<dyn Handler> {
        self.shared.reloadable.handler()
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The table, for after the engine's end.
    #[must_use]
    pub fn table_handle(&self) -> Arc<Table> {
        Arc::clone(&self.shared.table)
    }

    /// What requests and answers look like.
    #[must_use]
    pub fn protocol(&self) -> &Protocol {
        &self.shared.protocol
    }

    /// How many requests are with a worker now.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        self.shared.table.landings().filter(|slot| slot.state() != Some(SlotState::Armed)).count()
    }

    /// How many answers wait in the outbox.
    #[must_use]
    pub fn in_outbox(&self) -> usize {
        self.shared.outbox.len()
    }

    /// A number that grows as long as the engine looks after itself.
    #[must_use]
    pub fn heartbeats(&self) -> u64 {
        self.shared.heartbeat.count()
    }

    /// A number that grows with each round of the janitor, also while something else stands still.
    #[must_use]
    pub(crate) fn janitor_rounds(&self) -> u64 {
        self.shared.heartbeat.rounds()
    }

    /// Reports log lines that were suppressed; to be called now and then.
    pub fn flush_events(&self) {
        self.shared.events.flush();
    }

    /// From now on no removed queue is made anew. When this returns, nobody is in the middle of that.
    pub fn set_ending(&self) {
        self.shared.lifecycle.advance(Stage::Ending);
        self.shared.served.await_replacement();
        self.shared.answers.await_replacement();
    }

    /// Receives no more requests, and waits until those in hand are answered or in the outbox, at most until
    /// `deadline`. What the queue holds waits there. False when a worker did not come to its end.
    #[must_use]
    pub fn stop_receiving(&mut self, deadline: Instant) -> bool {
        self.shared.lifecycle.advance(Stage::Closed);
        self.workers.stop(deadline)
    }

    /// Stops all threads and waits for them until `deadline`; then what is left in the handler is called off, and its
    /// requests stay in the table. False when a worker does not come back from the handler even so.
    #[must_use]
    pub fn stop(mut self, deadline: Instant) -> bool {
        self.shared.stop_threads();
        let mut workers = self.workers.stop(deadline);
        if !workers || self.finish_retirements(deadline).is_err() {
            self.shared.lifecycle.advance(Stage::Aborting);
            let called_off = self.replaced.iter().filter_map(Weak::upgrade).chain([self.handler()]);
            for handler in called_off {
                if let Err(panic) = caught(|| handler.abort()) {
                    log::error!("the handler {} panicked when it was called off: {panic}", handler.name());
                }
            }
            workers = self.workers.stop(Instant::now() + ABORT_LIMIT);
        }
        let others = self.others.stop(deadline);
        stop_handler(&*self.handler(), deadline.max(Instant::now() + HANDLER_END));
        let retired = self.finish_retirements(deadline.max(Instant::now() + HANDLER_END)).is_ok();
        workers && others && retired
    }
}

/// How long workers may take to leave a handler that was called off.
const ABORT_LIMIT: Duration = Duration::from_secs(5);
/// How long a handler may take at least to end what it started.
const HANDLER_END: Duration = Duration::from_secs(1);

fn stop_handler(handler: &dyn Handler, deadline: Instant) {
    if let Err(panic) = caught(|| handler.stop(deadline)) {
        log::error!("the handler {} panicked when it was stopped: {panic}", handler.name());
    }
}
