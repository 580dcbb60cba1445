//! What the threads of the engine have in common. Each part has its own methods and its own argument of ordering; here is
//! only which parts there are.

use super::alarm::JanitorAlarm;
use super::clients::Clients;
use super::congestion::Congestion;
use super::events::Events;
use super::heartbeat::Heartbeat;
use super::intake::Intake;
use super::lifecycle::{Lifecycle, Stage};
use super::one_way::OneWay;
use super::outbox::{Outbox, OutboxParts};
use super::parts::PartsMaker;
use super::reloadable::Reloadable;
use super::served_queue::{OwnedQueue, ServedQueue};
use super::settings::EngineSettings;
use crate::handler::Handler;
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use msgq_core::process::ClientNumber;
use msgq_core::queue::{Queue, QueueError, QueueRole, QueueStat};
use msgq_core::table::{Counters, Table};
use msgq_core::time::unix_time_us;
use std::io;
use std::sync::{Arc, Mutex};

#[derive(Debug)]
pub(super) struct Shared {
    /// The longest body that a landing slot holds, in bytes.
    pub(super) message_room: usize,
    pub(super) protocol: Arc<Protocol>,
    /// Answers longer than a message go out in several.
    sends_parts: bool,
    pub(super) table: Arc<Table>,
    pub(super) clients: Arc<Clients>,
    pub(super) events: Arc<Events>,
    pub(super) congestion: Arc<Congestion>,
    /// Where requests come from.
    pub(super) served: Arc<ServedQueue>,
    /// Held while the size of that queue is another one for a moment, and by who looks at it to set it.
    pub(super) sizes: Mutex<()>,
    /// Where answers go: the same, or a second queue.
    pub(super) answers: Arc<ServedQueue>,
    pub(super) alarm: Arc<JanitorAlarm>,
    pub(super) outbox: Outbox,
    pub(super) reloadable: Reloadable,
    pub(super) lifecycle: Lifecycle,
    pub(super) intake: Intake,
    pub(super) heartbeat: Heartbeat,
    pub(super) one_way: OneWay,
}

impl Shared {
    pub(super) fn new(
        queue: OwnedQueue,
        second: Option<OwnedQueue>,
        settings: &EngineSettings,
        handler: Arc<dyn Handler>,
        (table, one_way): (Table, OneWay),
    ) -> io::Result<Self> {
        let table = Arc::new(table);
        let clients = Arc::new(Clients::new(Arc::clone(&table))?);
        let role = if second.is_some() { QueueRole::Requests } else { QueueRole::Both };
        let served = Arc::new(ServedQueue::new(role, queue, &table));
        let second = second.map(|second| Arc::new(ServedQueue::new(QueueRole::Answers, second, &table)));
        let is_apart = second.is_some();
        let parts = OutboxParts {
            congestion: Arc::new(Congestion::new(Arc::clone(&table), is_apart)),
            answers: second.unwrap_or_else(|| Arc::clone(&served)),
            alarm: Arc::new(JanitorAlarm::new(clients.epoll())?),
            events: Arc::new(Events::new()),
            protocol: Arc::clone(&settings.protocol),
            clients,
            table,
        };
        let shared = Self {
            message_room: settings.message_room,
            protocol: Arc::clone(&settings.protocol),
            sends_parts: settings.parts,
            table: Arc::clone(&parts.table),
            clients: Arc::clone(&parts.clients),
            events: Arc::clone(&parts.events),
            congestion: Arc::clone(&parts.congestion),
            served,
            sizes: Mutex::new(()),
            answers: Arc::clone(&parts.answers),
            alarm: Arc::clone(&parts.alarm),
            outbox: Outbox::new(parts, settings.outbox_capacity),
            reloadable: Reloadable::new(handler, settings),
            lifecycle: Lifecycle::new(),
            intake: Intake::new(first_sequence(settings)),
            heartbeat: Heartbeat::default(),
            one_way,
        };
        shared.note_answers(&shared.answers.current().stat().map_err(io::Error::other)?);
        shared.served.note_sender(&shared.served.current().stat().map_err(io::Error::other)?);
        Ok(shared)
    }

    pub(super) fn counters(&self) -> &Counters {
        self.table.counters()
    }

    /// How answers are made that may be longer than a message, with their texts in this table; `None` where none goes out in
    /// parts.
    #[inline]
    pub(super) fn parts_maker<'a>(&'a self, table: &'a Table) -> Option<PartsMaker<'a>> {
        self.sends_parts.then(|| PartsMaker { protocol: &self.protocol, table, counters: self.counters() })
    }

    /// The type of answers to this client.
    pub(super) fn mtype_of(&self, client: ClientNumber) -> i64 {
        self.protocol.response_mtype(client.get())
    }

    /// True where answers do not go into the queue of requests.
    pub(super) fn answers_elsewhere(&self) -> bool {
        self.has_second_queue() || self.outbox.is_private()
    }

    /// True where answers have a queue of their own.
    pub(super) fn has_second_queue(&self) -> bool {
        self.answers.role() == QueueRole::Answers
    }

    /// Keeps what a look at the queue tells into which answers go.
    pub(super) fn note_answers(&self, stat: &QueueStat) {
        self.congestion.note_fill(stat);
        self.answers.note_sender(stat);
    }

    /// A worker found the queue full that its answer goes to.
    pub(super) fn note_full_queue(&self, client: ClientNumber, queue: &Queue) {
        if self.outbox.is_private() {
            return self.events.private_queue_full(self.counters(), &self.protocol, client, queue);
        }
        Counters::add(&self.counters().queue_full);
        self.congestion.begin();
    }

    /// The kernel refused an answer for good.
    pub(super) fn note_refused_answer(&self, client: ClientNumber, error: &QueueError) {
        if self.outbox.is_private() {
            return self.events.private_answer_refused(self.counters(), &self.protocol, client, error);
        }
        self.events.answer_refused(self.counters(), client, error);
        // It makes the queue anew if that is gone, where no worker waits in it and notices.
        self.alarm.sound();
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

/// Where the numbers of requests begin. One-way requests are given on under theirs: a handler that passes them to a store knows
/// by it which it had before, and so none is used twice, whatever became of the table that the last ones stood in.
fn first_sequence(settings: &EngineSettings) -> u64 {
    if settings.protocol.route() == ReplyRoute::Nowhere { unix_time_us() } else { 0 }
}
