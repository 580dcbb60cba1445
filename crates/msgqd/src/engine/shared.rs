//! What the threads of the engine have in common. Each part has its own methods and its own argument of ordering; here is
//! only which parts there are.

use super::alarm::JanitorAlarm;
use super::clients::Clients;
use super::congestion::Congestion;
use super::events::Events;
use super::heartbeat::Heartbeat;
use super::intake::Intake;
use super::lifecycle::{Lifecycle, Stage};
use super::outbox::{Outbox, OutboxParts};
use super::reloadable::Reloadable;
use super::served_queue::{Recreate, ServedQueue};
use super::settings::EngineSettings;
use crate::handler::Handler;
use msgq_core::queue::{Queue, QueueStat};
use msgq_core::table::{Counters, Table};
use std::io;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Shared {
    /// The longest body that a landing slot holds, in bytes.
    pub(super) message_room: usize,
    pub(super) table: Arc<Table>,
    pub(super) clients: Arc<Clients>,
    pub(super) events: Arc<Events>,
    pub(super) congestion: Arc<Congestion>,
    pub(super) served: Arc<ServedQueue>,
    pub(super) alarm: Arc<JanitorAlarm>,
    pub(super) outbox: Outbox,
    pub(super) reloadable: Reloadable,
    pub(super) lifecycle: Lifecycle,
    pub(super) intake: Intake,
    pub(super) heartbeat: Heartbeat,
}

impl Shared {
    pub(super) fn new(
        queue: Queue,
        settings: EngineSettings,
        table: Table,
        handler: Arc<dyn Handler>,
        recreate: Recreate,
    ) -> io::Result<Self> {
        let stat = queue.stat().map_err(io::Error::other)?;
        let table = Arc::new(table);
        let clients = Arc::new(Clients::new(Arc::clone(&table))?);
        let parts = OutboxParts {
            congestion: Arc::new(Congestion::new(Arc::clone(&table))),
            served: Arc::new(ServedQueue::new(queue, recreate)),
            alarm: Arc::new(JanitorAlarm::new(clients.epoll())?),
            events: Arc::new(Events::new()),
            clients,
            table,
        };
        let shared = Self {
            message_room: settings.message_room,
            table: Arc::clone(&parts.table),
            clients: Arc::clone(&parts.clients),
            events: Arc::clone(&parts.events),
            congestion: Arc::clone(&parts.congestion),
            served: Arc::clone(&parts.served),
            alarm: Arc::clone(&parts.alarm),
            outbox: Outbox::new(parts, settings.outbox_capacity),
            reloadable: Reloadable::new(handler, &settings),
            lifecycle: Lifecycle::new(),
            intake: Intake::new(),
            heartbeat: Heartbeat::default(),
        };
        shared.note_queue(&stat);
        Ok(shared)
    }

    pub(super) fn counters(&self) -> &Counters {
        self.table.counters()
    }

    /// Keeps what a look at the queue tells.
    pub(super) fn note_queue(&self, stat: &QueueStat) {
        self.congestion.note_fill(stat);
        self.served.note_sender(stat);
    }

    /// True when this worker is to come to its end.
    pub(super) fn is_over_for(&self, worker: usize) -> bool {
        self.lifecycle.is_intake_closed() || self.reloadable.is_dismissed(worker)
    }

    /// All threads are to come to their end.
    pub(super) fn stop_threads(&self) {
        self.lifecycle.advance(Stage::Stopping);
        self.outbox.wake_for_the_end();
        self.alarm.sound();
    }
}
