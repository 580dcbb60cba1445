//! The queue engine: receives requests, hands them to the handler, gets the answers to their clients.
//!
//! Knows queues, tables and the handler trait; knows nothing of systemd, configuration files or kinds of handlers.

mod admission;
mod clients;
mod courier;
mod events;
mod flow;
mod janitor;
pub mod outbox;
mod post;
mod recovery;
mod shared;
mod spin;
mod staff;
mod test_switches;
mod threads;
mod worker;

pub use shared::{EngineSettings, Recreate};

use crate::handler::Handler;
use msgq_core::config::OnCrash;
use msgq_core::identity::ClientPid;
use msgq_core::inflight::{Phase, SlotState, Table};
use msgq_core::queue::{Queue, QueueError};
use shared::Shared;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use test_switches::kill_point;
use threads::Crew;

/// Where the engine keeps what it holds for clients.
pub struct Storage {
    /// An empty table of the geometry that the settings ask for.
    pub table: Table,
    /// The table of an earlier daemon that is known to be dead.
    pub left: Option<Table>,
    /// What is done with requests in it.
    pub on_crash: OnCrash,
    /// Puts the new table into the place of the earlier one.
    pub publish: Box<dyn FnOnce() -> io::Result<()>>,
}

impl Storage {
    /// A table in private memory, and nothing left of an earlier daemon.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn anonymous(settings: &EngineSettings) -> io::Result<Self> {
        let table = Table::anonymous(settings.geometry())?;
        Ok(Self { table, left: None, on_crash: OnCrash::Retry, publish: Box::new(|| Ok(())) })
    }
}

/// A running engine. Dropping it without [`Engine::stop`] leaves its threads running.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    workers: Crew,
    others: Crew,
    retirements: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Finishes what an earlier daemon left, and starts the threads. When this returns, all workers receive.
    ///
    /// `recreate` makes the queue anew when somebody removes it under the engine.
    ///
    /// # Errors
    /// When memory or threads cannot be had, or the table cannot be published.
    pub fn start(
        queue: Queue,
        settings: EngineSettings,
        handler: Arc<dyn Handler>,
        recreate: Recreate,
        storage: Storage,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(queue, settings, storage.table, handler, recreate)?);
        if let Some(own) = ClientPid::new(std::process::id().cast_signed()) {
            shared.clients.refuse_own(own);
        }
        if let Some(left) = storage.left {
            recovery::recover(&shared, &left, storage.on_crash);
        }
        kill_point("recovery-before-publish");
        (storage.publish)()?;
        kill_point("recovery-published");
        let mut others = Crew::new();
        let courier = courier::Courier::new(Arc::clone(&shared));
        let courier = others.spawn("courier", move || courier.run())?;
        let janitor = janitor::Janitor::new(Arc::clone(&shared), courier);
        others.spawn("janitor", move || janitor.run())?;
        let workers = settings.workers;
        let mut engine = Self { shared, workers: Crew::new(), others, retirements: Vec::new() };
        engine.hire(workers)?;
        // A sign of life goes first, or the daemon looks as if it hung until the janitor's first round.
        engine.shared.count_heartbeat();
        engine.table().header().set_phase(Phase::Serving);
        Ok(engine)
    }

    /// Starts workers until there are as many.
    fn hire(&mut self, workers: usize) -> io::Result<()> {
        for index in self.workers.len()..workers {
            let worker = worker::Worker::new(Arc::clone(&self.shared), index);
            self.workers.spawn(&format!("worker-{index}"), move || worker.run())?;
        }
        Ok(())
    }

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
        self.shared.set_response_ttl(response_ttl);
        self.shared.set_spin_limit(spin_limit);
        self.shared.staff.set_workers(workers);
        let (handler, is_new) = handler.map_or_else(|| (self.shared.staff.handler(), false), |handler| (handler, true));
        self.table().header().set_handler(handler.name());
        let old = self.shared.staff.replace(handler);
        let mut superfluous = self.workers.split_off(workers);
        superfluous.wake();
        self.show_workers_the_change();
        let shared = Arc::clone(&self.shared);
        let retirement = std::thread::Builder::new().name("retirement".to_owned()).spawn(move || {
            while !superfluous.stop(Instant::now() + WAKE_PAUSE * 100, WAKE_PAUSE) && !shared.is_stopping() {}
            while is_new && Arc::strong_count(&old) > 1 && !shared.is_stopping() {
                std::thread::sleep(WAKE_PAUSE);
            }
            if is_new {
                old.stop(Instant::now() + RETIREMENT_LIMIT);
            }
        })?;
        self.retirements.push(retirement);
        Ok(self.hire(workers)?)
    }

    /// Wakes workers that wait for a request until they have seen the change; the others do when they are done.
    fn show_workers_the_change(&self) {
        let deadline = Instant::now() + RETIREMENT_LIMIT;
        while !self.shared.staff.all_have_seen(self.workers.len(), self.table()) && Instant::now() < deadline {
            self.workers.wake();
            std::thread::sleep(WAKE_PAUSE);
        }
    }

    /// A slot of a worker that has not left yet cannot be given to another.
    fn finish_retirements(&mut self, deadline: Instant) -> Result<(), ReconfigureError> {
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

    /// The queue that is served now; another one than at the start if it was removed meanwhile.
    #[must_use]
    pub fn queue(&self) -> Queue {
        self.shared.queue()
    }

    /// The table with the books.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.shared.table
    }

    /// What answers now.
    #[must_use]
    pub fn handler(&self) -> Arc<dyn Handler> {
        self.shared.staff.handler()
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

    /// How many requests are with a worker now.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        self.shared.table.landings().filter(|slot| slot.state() != Some(SlotState::Armed)).count()
    }

    /// How many answers wait in the outbox.
    #[must_use]
    pub fn in_outbox(&self) -> usize {
        self.shared.outbox().len()
    }

    /// A number that grows as long as the engine looks after itself.
    #[must_use]
    pub fn heartbeats(&self) -> u64 {
        self.shared.heartbeats()
    }

    /// Reports log lines that were suppressed; to be called now and then.
    pub fn flush_events(&self) {
        self.shared.events.flush();
    }

    /// True when nothing is left to do or to fetch: the workers have left, and the queue, they and the outbox are empty.
    /// To be asked again until it is so, by whoever has closed the queue for new requests.
    ///
    /// A worker may be between the return of its msgrcv and its first note of the request, which nobody else can see.
    /// So the workers leave before the look that counts. Some clients no mode keeps out: where a request of theirs came
    /// meanwhile, the workers come back.
    ///
    /// # Errors
    /// When the queue cannot be looked at; it was removed, for example.
    pub fn finish_when_drained(&mut self) -> Result<bool, QueueError> {
        if self.workers.is_empty() {
            return self.look_without_workers();
        }
        if !self.shared.is_intake_closed() {
            if !self.holds_nothing()? {
                return Ok(false);
            }
            self.shared.close_intake();
        }
        if !self.workers.stop(Instant::now() + WAKE_PAUSE, WAKE_PAUSE) {
            return Ok(false);
        }
        kill_point("drain-workers-left");
        self.look_without_workers()
    }

    fn look_without_workers(&mut self) -> Result<bool, QueueError> {
        if self.queue().rests(msgq_core::frame::REQUEST_MTYPE)? {
            self.shared.open_intake();
            if let Err(error) = self.hire(self.shared.staff.workers()) {
                let events = &self.shared.events;
                events
                    .receive_failed
                    .error(|| format!("requests wait, and no thread can be had for a worker: {error}"));
            }
            return Ok(false);
        }
        self.holds_nothing()
    }

    /// True when no worker has a request and neither the outbox nor the queue holds anything.
    ///
    /// The order of the looks is an argument. They follow the way of a request, so it cannot overtake them: what is not
    /// seen at one place any more is seen at the next. Only from the queue into the outbox answers go back, under the
    /// outbox's lock, which is held during both of these looks.
    fn holds_nothing(&self) -> Result<bool, QueueError> {
        if self.in_hand() > 0 {
            return Ok(false);
        }
        kill_point("drain-between-looks");
        let outbox = self.shared.outbox();
        Ok(outbox.is_empty() && self.queue().stat()?.messages == 0)
    }

    /// From now on a removed queue is not made anew.
    pub fn set_ending(&self) {
        self.shared.set_ending();
    }

    /// Receives no more requests, and waits until those in hand are answered or in the outbox, at most until
    /// `deadline`. What the queue holds waits there. False when a worker did not come to its end.
    #[must_use]
    pub fn stop_receiving(&mut self, deadline: Instant) -> bool {
        self.shared.close_intake();
        self.workers.stop(deadline, WAKE_PAUSE)
    }

    /// Stops all threads and waits for them until `deadline`; then what is left in the handler is called off, and its
    /// requests stay in the table. False when a worker does not come back from the handler even so.
    #[must_use]
    pub fn stop(mut self, deadline: Instant) -> bool {
        self.shared.set_stopping();
        let mut workers = self.workers.stop(deadline, WAKE_PAUSE);
        if !workers {
            self.shared.set_aborting();
            self.shared.staff.handler().abort();
            workers = self.workers.stop(Instant::now() + ABORT_LIMIT, WAKE_PAUSE);
        }
        let others = self.others.stop(deadline, WAKE_PAUSE);
        self.shared.staff.handler().stop(deadline.max(Instant::now() + HANDLER_END));
        let retired = self.finish_retirements(deadline.max(Instant::now() + HANDLER_END)).is_ok();
        workers && others && retired
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

/// Time between two signals to a thread that is to stop.
const WAKE_PAUSE: Duration = Duration::from_millis(2);
/// How long a change waits for the one before.
const RETIREMENT_LIMIT: Duration = Duration::from_secs(5);
/// How long workers may take to leave a handler that was called off.
const ABORT_LIMIT: Duration = Duration::from_secs(5);
/// How long a handler may take at least to end what it started.
const HANDLER_END: Duration = Duration::from_secs(1);
