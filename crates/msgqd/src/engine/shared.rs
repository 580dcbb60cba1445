//! What all threads of the engine look at.

use super::clients::Clients;
use super::events::Events;
use super::flow::Flow;
use super::outbox::{Outbox, Phase};
use super::post;
use super::staff::Staff;
use crate::handler::Handler;
use msgq_core::identity::ClientPid;
use msgq_core::inflight::{Counters, Geometry, SlotHeader, SlotState, Table};
use msgq_core::limits;
use msgq_core::queue::{Queue, QueueError, QueueKey, QueueStat};
use nix::errno::Errno;
use rustix::event::{EventfdFlags, epoll, eventfd};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Makes the queue anew after somebody removed it; the error is a sentence for the log.
pub type Recreate = Box<dyn Fn() -> Result<Queue, String> + Send + Sync>;

/// What the engine needs to know, all of it fixed for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Threads that receive and handle, at the start.
    pub workers: usize,
    /// The most that there can ever be.
    pub worker_room: usize,
    /// Answers that may wait for room in the queue.
    pub outbox_capacity: u32,
    /// How long an answer may wait for its client, at the start.
    pub response_ttl: Duration,
    /// How long a worker may look for a request before it blocks, at the start.
    pub spin_limit: Duration,
    /// The longest body that can be received, in bytes: `kernel.msgmax`.
    pub message_room: usize,
    /// Clients that are watched at the same time, each by one descriptor.
    pub client_limit: usize,
}

impl EngineSettings {
    /// The table that an engine with these settings needs.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        Geometry {
            workers: self.worker_room.max(self.workers),
            capacity: self.outbox_capacity,
            message_room: self.message_room,
            clients: u32::try_from(self.client_limit).unwrap_or(u32::MAX),
        }
    }
}

pub(super) struct Shared {
    pub(super) settings: EngineSettings,
    pub(super) table: Arc<Table>,
    pub(super) staff: Staff,
    response_ttl_ns: AtomicU64,
    spin_limit_ns: AtomicU64,
    pub(super) pid_max: i32,
    pub(super) clients: Clients,
    pub(super) events: Events,
    pub(super) flow: Flow,
    /// The client whose answer the courier has in the send call; 0: none.
    pub(super) courier_client: AtomicI32,
    /// The client whose answer the courier must not send; 0: none.
    pub(super) courier_cancel: AtomicI32,
    /// Held by the worker that receives, where there are several: requests are numbered in the order of their receipt,
    /// so that a client that sends several gets its answers in that order.
    pub(super) receipt: Mutex<()>,
    outbox: Mutex<Outbox>,
    letters: Condvar,
    courier_waits: AtomicBool,
    alarm: OwnedFd,
    alarmed: AtomicBool,
    crowded: AtomicBool,
    congested: AtomicBool,
    /// Answers in the outbox, as of the last look.
    backlog: AtomicUsize,
    offer_limit: AtomicUsize,
    last_sender: AtomicI32,
    heartbeats: AtomicU64,
    key: Option<QueueKey>,
    msqid: AtomicI32,
    recreate: Recreate,
    recreating: Mutex<()>,
    intake_closed: AtomicBool,
    stopping: AtomicBool,
    aborting: AtomicBool,
    ending: AtomicBool,
    sequence: AtomicU64,
    clock: Clock,
}

/// Turns moments into what stands in the table. One reading of the clock serves both.
struct Clock {
    base: Instant,
    base_ns: u64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("settings", &self.settings).field("msqid", &self.msqid).finish()
    }
}

impl Shared {
    pub(super) fn new(
        queue: Queue,
        settings: EngineSettings,
        table: Table,
        handler: Arc<dyn Handler>,
        recreate: Recreate,
    ) -> io::Result<Self> {
        let table = Arc::new(table);
        let clients = Clients::new(Arc::clone(&table))?;
        let alarm = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(clients.epoll(), &alarm, epoll::EventData::new_u64(ALARM), epoll::EventFlags::IN)?;
        let shared = Self {
            settings,
            table,
            staff: Staff::new(handler, settings.workers, settings.worker_room),
            response_ttl_ns: AtomicU64::new(nanoseconds(settings.response_ttl)),
            spin_limit_ns: AtomicU64::new(nanoseconds(settings.spin_limit)),
            pid_max: limits::pid_max(),
            clients,
            events: Events::new(),
            flow: Flow::default(),
            courier_client: AtomicI32::new(0),
            courier_cancel: AtomicI32::new(0),
            receipt: Mutex::new(()),
            outbox: Mutex::new(Outbox::new(settings.outbox_capacity)),
            letters: Condvar::new(),
            courier_waits: AtomicBool::new(false),
            alarm,
            alarmed: AtomicBool::new(false),
            crowded: AtomicBool::new(false),
            congested: AtomicBool::new(false),
            backlog: AtomicUsize::new(0),
            offer_limit: AtomicUsize::new(1),
            last_sender: AtomicI32::new(0),
            heartbeats: AtomicU64::new(0),
            key: queue.key(),
            msqid: AtomicI32::new(queue.id()),
            recreate,
            recreating: Mutex::new(()),
            intake_closed: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            aborting: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            sequence: AtomicU64::new(0),
            clock: Clock { base: Instant::now(), base_ns: now_ns() },
        };
        shared.note_fill(&queue.stat().map_err(io::Error::other)?);
        Ok(shared)
    }

    /// True when this worker is to come to its end.
    pub(super) fn is_over_for(&self, worker: usize) -> bool {
        self.is_intake_closed() || self.staff.is_dismissed(worker)
    }

    pub(super) fn response_ttl(&self) -> Duration {
        Duration::from_nanos(self.response_ttl_ns.load(Ordering::Relaxed))
    }

    pub(super) fn set_response_ttl(&self, ttl: Duration) {
        self.response_ttl_ns.store(nanoseconds(ttl), Ordering::Relaxed);
    }

    pub(super) fn spin_limit(&self) -> Duration {
        Duration::from_nanos(self.spin_limit_ns.load(Ordering::Relaxed))
    }

    pub(super) fn set_spin_limit(&self, limit: Duration) {
        self.spin_limit_ns.store(nanoseconds(limit), Ordering::Relaxed);
    }

    pub(super) fn queue_with_id(&self, msqid: i32) -> Queue {
        Queue::known(self.key, msqid)
    }

    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the outbox up until letters come, at most for `limit`.
    pub(super) fn wait_for_letters<'a>(
        &self,
        outbox: MutexGuard<'a, Outbox>,
        limit: Duration,
    ) -> MutexGuard<'a, Outbox> {
        // Stored under the lock: whoever puts a letter in afterwards sees it, and whoever did before was noticed.
        self.courier_waits.store(true, Ordering::Relaxed);
        let woken = self.letters.wait_timeout(outbox, limit);
        let outbox = woken.unwrap_or_else(PoisonError::into_inner).0;
        self.courier_waits.store(false, Ordering::Relaxed);
        outbox
    }

    /// To be called after the outbox was changed and given up.
    pub(super) fn wake_courier(&self) {
        if self.courier_waits.swap(false, Ordering::Relaxed) {
            self.letters.notify_one();
        }
    }

    /// Wakes the janitor out of its sleep; once is enough until it has looked.
    pub(super) fn alarm_janitor(&self) {
        if !self.alarmed.swap(true, Ordering::SeqCst) {
            let _ = rustix::io::write(&self.alarm, &1_u64.to_ne_bytes());
        }
    }

    /// The janitor is about to look at everything: whoever comes from now on wakes it again.
    pub(super) fn rearm_alarm(&self) {
        // In this order: an alarm between the two is seen by the look, and leaves no flag behind without a wake-up.
        self.mute_alarm();
        self.alarmed.store(false, Ordering::SeqCst);
    }

    /// The janitor sleeps its time out, whoever sounded the alarm; nobody sounds it again until it is rearmed.
    pub(super) fn mute_alarm(&self) {
        let _ = rustix::io::read(&self.alarm, &mut [0_u8; 8]);
    }

    /// Keeps what the queue's fill means for the others.
    pub(super) fn note_fill(&self, stat: &QueueStat) {
        let is_crowded = |used: u64| used.saturating_mul(4) >= stat.max_bytes.saturating_mul(3);
        self.crowded.store(is_crowded(stat.bytes) || is_crowded(stat.messages), Ordering::Relaxed);
        // Half of the places, so that the other half is there for requests whatever the clients do with their offers.
        let places = stat.max_bytes / 2 / u64::try_from(msgq_core::frame::BODY_LEN_LP64).unwrap_or(u64::MAX);
        self.offer_limit.store(usize::try_from(places).unwrap_or(usize::MAX).max(1), Ordering::Relaxed);
        if stat.last_send_pid != nix::unistd::getpid().as_raw() {
            self.last_sender.store(stat.last_send_pid, Ordering::Relaxed);
        }
    }

    /// True when the queue is three quarters full.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// How many answers may rest in the queue by the courier's doing.
    pub(super) fn offer_limit(&self) -> usize {
        self.offer_limit.load(Ordering::Relaxed)
    }

    /// True from when a worker found the queue full until nothing in the outbox is ready to go.
    ///
    /// Meanwhile all answers go through the outbox. Every receive wakes all senders that wait for room; a worker that
    /// wins some of that room past them keeps the herd alive, since the client that it answers joins it again at once.
    /// Left to themselves the workers drain all requests into memory, and the herd is gone.
    pub(super) fn is_congested(&self) -> bool {
        self.congested.load(Ordering::Relaxed)
    }

    pub(super) fn begin_congestion(&self) {
        self.congested.store(true, Ordering::Relaxed);
    }

    pub(super) fn note_backlog(&self, outbox: &Outbox) {
        self.backlog.store(outbox.len(), Ordering::Relaxed);
    }

    pub(super) fn end_congestion(&self) {
        self.congested.store(false, Ordering::Relaxed);
    }

    /// True when more answers may be given out although the queue is congested.
    pub(super) fn has_room_for_answers(&self, queue: &Queue) -> bool {
        self.backlog.load(Ordering::Relaxed) <= SHORT_BACKLOG
            && queue.stat().is_ok_and(|stat| self.flow.room(&self.table, &stat) > 0)
    }

    /// True when room in the queue is wanted by somebody.
    pub(super) fn others_wait(&self, outbox: &Outbox) -> bool {
        outbox.has_ready() || self.courier_client.load(Ordering::SeqCst) != 0 || self.is_crowded()
    }

    /// How many answers of this client rest in the queue by the courier's doing.
    pub(super) fn offers_of(&self, client: ClientPid) -> usize {
        match self.outbox().phase(client) {
            Some(Phase::Offered { .. } | Phase::Sending(_)) => 1,
            _ => 0,
        }
    }

    /// True when a worker still has an earlier request of this client. Requests are numbered under `receipt`, so a
    /// worker that has a later one sees the earlier ones in their slots.
    pub(super) fn is_earlier_in_hand(&self, client: ClientPid, sequence: u64) -> bool {
        self.in_hand_of(client).any(|slot| slot.sequence.load(Ordering::Relaxed) < sequence)
    }

    /// Slots of workers that have a request of this client.
    pub(super) fn in_hand_of(&self, client: ClientPid) -> impl Iterator<Item = &SlotHeader> {
        self.table
            .landings()
            .filter(move |slot| slot.state() != Some(SlotState::Armed) && slot.client() == client.get())
    }

    pub(super) fn count_failure(&self, client: ClientPid, error: &QueueError) {
        if error.is_gone() {
            Counters::add(&self.counters().queue_removed);
            return;
        }
        Counters::add(&self.counters().send_failed);
        self.events.send_failed.error(|| match error.errno() {
            Errno::EACCES => format!("cannot answer client {client}: {error}; did somebody change the queue's mode?"),
            _ => format!("cannot answer client {client}: {error}"),
        });
    }

    pub(super) fn count_heartbeat(&self) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
        let (header, now_ns) = (self.table.header(), now_ns());
        header.set_beat_at_ns(now_ns);
        header.history().note(now_ns, || {
            let counters = self.table.counted();
            counters.answered + counters.answered_late
        });
    }

    pub(super) fn heartbeats(&self) -> u64 {
        self.heartbeats.load(Ordering::Relaxed)
    }

    pub(super) fn queue(&self) -> Queue {
        Queue::known(self.key, self.msqid.load(Ordering::Acquire))
    }

    pub(super) fn counters(&self) -> &Counters {
        self.table.counters()
    }

    /// Numbers of requests start at 1, since 0 in a slot means that there is none.
    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Requests are numbered from behind this one on.
    pub(super) fn continue_after(&self, sequence: u64) {
        self.sequence.fetch_max(sequence, Ordering::Relaxed);
    }

    /// A moment in nanoseconds of `CLOCK_MONOTONIC`, which [`Instant`] is made of on Linux.
    pub(super) fn nanoseconds(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.clock.base);
        self.clock.base_ns.saturating_add(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// True when no more requests are to be received.
    pub(super) fn is_intake_closed(&self) -> bool {
        self.intake_closed.load(Ordering::Acquire)
    }

    pub(super) fn close_intake(&self) {
        self.intake_closed.store(true, Ordering::Release);
    }

    /// Requests are received again. The workers have left, so nobody misses the change.
    pub(super) fn open_intake(&self) {
        self.intake_closed.store(false, Ordering::Release);
    }

    /// True when what handlers return is not to be used any more.
    pub(super) fn is_aborting(&self) -> bool {
        self.aborting.load(Ordering::SeqCst)
    }

    pub(super) fn set_aborting(&self) {
        self.aborting.store(true, Ordering::SeqCst);
    }

    pub(super) fn set_stopping(&self) {
        self.close_intake();
        self.stopping.store(true, Ordering::Release);
        self.letters.notify_all();
        self.alarm_janitor();
    }

    pub(super) fn set_ending(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// The last client that was seen to send, which may or may not be who removed the queue.
    fn last_sender(&self) -> String {
        let Some(client) = ClientPid::new(self.last_sender.load(Ordering::Relaxed)) else {
            return "nobody but the server was seen to send to it".to_owned();
        };
        match msgq_core::identity::process_name(client) {
            Some(name) => format!("the last client seen to send to it was PID {client} ({name})"),
            None => format!("the last client seen to send to it was PID {client}, which is gone or hidden"),
        }
    }

    /// Somebody removed `lost`. Makes it anew once, however many threads notice, and waits a little where that fails.
    pub(super) fn queue_lost(&self, lost: &Queue, error: &QueueError) {
        let _guard = self.recreating.lock().unwrap_or_else(PoisonError::into_inner);
        if self.queue().id() != lost.id() || self.is_stopping() {
            return;
        }
        if self.ending.load(Ordering::Acquire) {
            std::thread::sleep(RECREATE_PAUSE);
            return;
        }
        log::error!(
            "somebody removed the queue under the running server ({error}); {}; making it anew",
            self.last_sender()
        );
        match (self.recreate)() {
            Ok(queue) => {
                self.msqid.store(queue.id(), Ordering::Release);
                self.table.header().set_msqid(queue.id());
                post::drop_all(self);
                Counters::add(&self.counters().queue_recreated);
                log::warn!("serving the new queue, msqid {}; clients that were waiting got EIDRM", queue.id());
            }
            Err(reason) => {
                log::error!("cannot make the queue anew: {reason}; trying again");
                std::thread::sleep(RECREATE_PAUSE);
            }
        }
    }
}

/// What epoll says when the alarm, and no client's death, wakes the janitor: no PID.
const ALARM: u64 = u64::MAX;
/// With so few answers in the outbox, those that are sent past it delay nobody for long.
const SHORT_BACKLOG: usize = 16;
const RECREATE_PAUSE: Duration = Duration::from_millis(200);

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Now, in nanoseconds of `CLOCK_MONOTONIC`.
pub(super) fn now_ns() -> u64 {
    let Ok(now) = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC) else { return 0 };
    u64::try_from(Duration::from(now).as_nanos()).unwrap_or(u64::MAX)
}
