//! The queue engine: receives requests, hands them to the handler, gets the answers to their clients.
//!
//! Knows queues, tables and the handler trait; knows nothing of systemd, configuration files or kinds of handlers.

mod clients;
mod courier;
mod events;
mod janitor;
pub mod outbox;
mod post;
mod shared;
mod threads;
mod worker;

pub use shared::{EngineSettings, Recreate};

use crate::handler::Handler;
use msgq_core::identity::ClientPid;
use msgq_core::inflight::{Geometry, SlotState, Table};
use msgq_core::queue::Queue;
use shared::Shared;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use threads::Crew;

/// A running engine. Dropping it without [`Engine::stop`] leaves its threads running.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    crew: Crew,
}

impl Engine {
    /// Starts the threads. When this returns, all workers receive.
    ///
    /// `recreate` makes the queue anew when somebody removes it under the engine.
    ///
    /// # Errors
    /// When memory or threads cannot be had.
    pub fn start(
        queue: Queue,
        settings: EngineSettings,
        handler: Arc<dyn Handler>,
        recreate: Recreate,
    ) -> io::Result<Self> {
        let geometry = Geometry {
            workers: settings.workers,
            capacity: settings.outbox_capacity,
            message_room: settings.message_room,
        };
        let table = Table::anonymous(geometry)?;
        let shared = Arc::new(Shared::new(queue, settings, table, handler, recreate)?);
        if let Some(own) = ClientPid::new(std::process::id().cast_signed()) {
            shared.clients.refuse_own(own);
        }
        let mut crew = Crew::new();
        let courier = courier::Courier::new(Arc::clone(&shared));
        let courier = crew.spawn("courier", move || courier.run())?;
        let janitor = janitor::Janitor::new(Arc::clone(&shared), courier);
        crew.spawn("janitor", move || janitor.run())?;
        for index in 0..shared.settings.workers {
            let worker = worker::Worker::new(Arc::clone(&shared), index);
            crew.spawn(&format!("worker-{index}"), move || worker.run())?;
        }
        Ok(Self { shared, crew })
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

    /// How many requests are with a worker now.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        (0..self.shared.settings.workers)
            .filter_map(|worker| self.shared.table.landing(worker))
            .filter(|slot| slot.state() != Some(SlotState::Armed))
            .count()
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

    /// True when no request waits, none is in hand and no answer waits in the outbox. The caller has closed the door, so that this can come true.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let requests_wait = self.queue().rests(msgq_core::frame::REQUEST_MTYPE).unwrap_or(false);
        !requests_wait && self.in_hand() == 0 && self.shared.outbox().is_empty()
    }

    /// From now on a removed queue is not made anew.
    pub fn set_ending(&self) {
        self.shared.set_ending();
    }

    /// Stops all threads and waits for them, at most until `deadline`. False when one did not stop, which only a
    /// handler that does not return can cause.
    #[must_use]
    pub fn stop(mut self, deadline: Instant) -> bool {
        self.shared.set_stopping();
        self.crew.stop(deadline, Duration::from_millis(2))
    }
}
