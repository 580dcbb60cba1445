//! The janitor: buries dead clients, keeps the queue free of what nobody will read, and moves what rests too long into
//! the outbox while others wait for room.
//!
//! It sleeps in epoll: the death of a client wakes it, and so does a worker that found the queue full. Beside that it
//! looks at the queue's fill, often under pressure and twice a second otherwise, and scans the messages only when there
//! are some. A scan looks at the oldest messages only, since each look is a walk from the head, and is bounded in time,
//! so that no flood can hold it.

use super::clients::wait_for_direct_sends;
use super::post::{adopt, check_offers, drop_line, expire};
use super::shared::Shared;
use super::threads::Waker;
use msgq_core::frame::REQUEST_MTYPE;
use msgq_core::identity::ClientPid;
use msgq_core::inflight::Counters;
use msgq_core::queue::{MessageBuffer, QueueError};
use nix::errno::Errno;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) struct Janitor {
    shared: Arc<Shared>,
    courier: Waker,
    buffer: MessageBuffer,
    seen: HashMap<ClientPid, Resting>,
    last_scan: Option<Instant>,
    last_expiry: Instant,
    can_copy: bool,
}

/// What rests in the queue for one client, as of the last scans.
#[derive(Debug, Clone, Copy)]
struct Resting {
    /// Of the oldest message.
    fingerprint: u64,
    count: usize,
    /// Since when the oldest message is the same.
    since: Instant,
    /// Since when the client has shown no sign of life either.
    silent_since: Instant,
}

/// What a look at the queue came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    Empty,
    Resting,
    MoreJunk,
}

/// What a scan found of one type.
#[derive(Debug, Clone, Copy)]
struct Found {
    fingerprint: u64,
    count: usize,
}

const UNDER_PRESSURE: Duration = Duration::from_millis(5);
const WHILE_SOMETHING_RESTS: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_millis(500);
const SCAN_PAUSE_UNDER_PRESSURE: Duration = Duration::from_millis(20);
const SCAN_PAUSE: Duration = Duration::from_millis(500);
/// Scans look at so many of the oldest messages, and no longer than this.
const SCAN_DEPTH: usize = 256;
const SCAN_TIME: Duration = Duration::from_millis(1);
/// All scans and removals of one round.
const ROUND_TIME: Duration = Duration::from_millis(20);
/// How long an answer may rest while others wait.
const REST_LIMIT: Duration = Duration::from_millis(50);
const PURGE_LIMIT: usize = 4096;
const EXPIRY_PAUSE: Duration = Duration::from_secs(1);
const CANCEL_LIMIT: Duration = Duration::from_secs(1);

impl Janitor {
    pub(super) fn new(shared: Arc<Shared>, courier: Waker) -> Self {
        let buffer = MessageBuffer::with_body_room(shared.settings.message_room);
        Self {
            shared,
            courier,
            buffer,
            seen: HashMap::new(),
            last_scan: None,
            last_expiry: Instant::now(),
            can_copy: true,
        }
    }

    pub(super) fn run(mut self) {
        let mut pause = IDLE;
        let mut dead = Vec::new();
        while !self.shared.is_stopping() {
            self.shared.clients.wait_for_deaths(pause, &mut dead);
            // Under pressure rounds follow each other anyway: nobody pays for another alarm.
            if pause > UNDER_PRESSURE {
                self.shared.rearm_alarm();
            } else {
                self.shared.mute_alarm();
            }
            for client in dead.drain(..) {
                self.bury(client);
            }
            let next = self.round();
            // Armed before the last look, so that whoever comes after that look sounds it again.
            if pause <= UNDER_PRESSURE && next > UNDER_PRESSURE {
                self.shared.rearm_alarm();
                pause = self.round();
            } else {
                pause = next;
            }
            self.shared.count_heartbeat();
        }
    }

    /// Looks after outbox and queue; returns how long the next round can wait.
    fn round(&mut self) -> Duration {
        let outbox_used = self.tend_outbox();
        let queue = self.tend_queue(outbox_used);
        match (outbox_used || self.shared.is_crowded(), queue) {
            (true, _) | (_, Fill::MoreJunk) => UNDER_PRESSURE,
            (false, Fill::Resting) => WHILE_SOMETHING_RESTS,
            (false, Fill::Empty) => IDLE,
        }
    }

    /// The order is an argument. First the death is noted: from then on no worker and no letter for the dead one gets
    /// through. Then those that got through before are waited for: direct sends and the courier. Then all that is there
    /// is dropped. Nothing can come after.
    fn bury(&mut self, client: ClientPid) {
        let shared = Arc::clone(&self.shared);
        shared.clients.forget_dead(client);
        wait_for_direct_sends(&shared, client);
        self.call_courier_off(client);
        let dropped = drop_line(&shared, client, &shared.counters().client_gone);
        let removed = self.remove(client.as_mtype(), PURGE_LIMIT, &shared.counters().orphans_dead_client);
        self.seen.remove(&client);
        if dropped + removed > 0 {
            shared.events.buried.info(|| {
                format!("client {client} died before it read {} answer(s), which were removed", dropped.max(removed))
            });
        }
    }

    fn call_courier_off(&self, client: ClientPid) {
        let limit = Instant::now() + CANCEL_LIMIT;
        self.shared.courier_cancel.store(client.get(), Ordering::SeqCst);
        while self.shared.courier_client.load(Ordering::SeqCst) == client.get() && Instant::now() < limit {
            self.courier.wake();
            std::thread::sleep(Duration::from_micros(100));
        }
        self.shared.courier_cancel.store(0, Ordering::SeqCst);
    }

    /// True when something waits in the outbox.
    fn tend_outbox(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut outbox = shared.outbox();
        if outbox.is_empty() {
            return false;
        }
        check_offers(&shared, &mut outbox);
        outbox.wake_parked(Instant::now());
        let ready = outbox.has_ready();
        drop(outbox);
        if ready {
            shared.wake_courier();
        }
        if self.last_expiry.elapsed() >= EXPIRY_PAUSE {
            self.last_expiry = Instant::now();
            expire(&shared);
        }
        true
    }

    fn tend_queue(&mut self, outbox_used: bool) -> Fill {
        let started = Instant::now();
        loop {
            let Ok(stat) = self.shared.queue().stat() else { return Fill::Empty };
            self.shared.note_fill(&stat);
            if stat.messages == 0 {
                self.seen.clear();
                return Fill::Empty;
            }
            let pressure = outbox_used || self.shared.is_crowded();
            let pause = if pressure { SCAN_PAUSE_UNDER_PRESSURE } else { SCAN_PAUSE };
            let is_due = self.last_scan.is_none_or(|last| last.elapsed() >= pause);
            if !self.can_copy || !is_due {
                return Fill::Resting;
            }
            // As long as a scan finds junk there may be more behind it.
            if self.scan(pressure) == 0 {
                self.last_scan = Some(Instant::now());
                return Fill::Resting;
            }
            if started.elapsed() >= ROUND_TIME {
                self.last_scan = None;
                return Fill::MoreJunk;
            }
        }
    }

    /// Looks at the oldest messages and acts on them; returns how many were removed for good.
    fn scan(&mut self, pressure: bool) -> usize {
        Counters::add(&self.shared.counters().scans);
        let Some((found, complete)) = self.look() else { return 0 };
        if complete {
            self.seen.retain(|client, _| found.contains_key(&client.as_mtype()));
        }
        found.iter().map(|(mtype, found)| self.judge(*mtype, *found, pressure)).sum()
    }

    /// The answers among the oldest messages by type, and whether these were all messages.
    fn look(&mut self) -> Option<(HashMap<i64, Found>, bool)> {
        let started = Instant::now();
        let queue = self.shared.queue();
        let mut found: HashMap<i64, Found> = HashMap::new();
        for index in 0..SCAN_DEPTH {
            match queue.peek(index, &mut self.buffer) {
                Ok(true) => {}
                Ok(false) => return Some((found, true)),
                Err(error) => {
                    self.cannot_look(&error);
                    return None;
                }
            }
            if self.buffer.mtype() != REQUEST_MTYPE {
                let fingerprint = fingerprint(self.buffer.body());
                found.entry(self.buffer.mtype()).or_insert(Found { fingerprint, count: 0 }).count += 1;
            }
            if started.elapsed() >= SCAN_TIME {
                break;
            }
        }
        Some((found, false))
    }

    fn cannot_look(&mut self, error: &QueueError) {
        match error.errno() {
            Errno::ENOSYS => {
                self.can_copy = false;
                log::warn!(
                    "{error}: answers of clients that msgqd never saw, and junk of other types, cannot be found"
                );
            }
            // kernel.msgmax was raised after the start.
            Errno::E2BIG => self.buffer = MessageBuffer::new(),
            _ => {}
        }
    }

    /// Decides over the messages of one type; returns how many were removed for good.
    fn judge(&mut self, mtype: i64, found: Found, pressure: bool) -> usize {
        let shared = Arc::clone(&self.shared);
        let counters = shared.counters();
        // To find that no more is there, the kernel walks over the whole queue: not for a message here and there.
        let limit = if found.count < SCAN_DEPTH / 4 { found.count } else { PURGE_LIMIT };
        let possible = ClientPid::from_mtype(mtype).filter(|client| !shared.clients.is_own(*client));
        let lives = |client: &ClientPid| shared.clients.is_known(*client) || shared.clients.find(*client).is_some();
        let Some(client) = possible.filter(lives) else {
            let removed = self.remove(mtype, limit, &counters.orphans_nobody);
            shared.events.orphans.info(|| {
                format!(
                    "removed {removed} message(s) of type {mtype} from the queue: no process or thread has this number; \
                     should they come again and again, `msgqctl stat` names the last sender"
                )
            });
            return removed;
        };
        let resting = self.note(client, found);
        if resting.silent_since.elapsed() >= shared.response_ttl() {
            self.seen.remove(&client);
            let removed = self.remove(mtype, limit, &counters.orphans_expired);
            shared.events.expired.warn(|| {
                format!(
                    "removed {removed} answer(s) that client {client} left unread in the queue for response_ttl_s = {}; \
                     see why it does not read (msgqctl explain {client}), or raise response_ttl_s",
                    shared.response_ttl().as_secs()
                )
            });
            return removed;
        }
        let is_held = shared.clients.is_held(client);
        let excess = is_held && found.count > shared.offers_of(client);
        if pressure && (excess || (!is_held && resting.since.elapsed() >= REST_LIMIT)) {
            self.call_courier_off(client);
            if adopt(&shared, client) {
                self.seen.remove(&client);
            }
        }
        0
    }

    fn note(&mut self, client: ClientPid, found: Found) -> Resting {
        let now = Instant::now();
        let asked = self.shared.clients.take_asked(client);
        let fresh = Resting { fingerprint: found.fingerprint, count: found.count, since: now, silent_since: now };
        let resting = match self.seen.get(&client) {
            Some(before) if before.fingerprint == found.fingerprint => {
                let silent = !asked && before.count == found.count;
                Resting { since: before.since, silent_since: if silent { before.silent_since } else { now }, ..fresh }
            }
            _ => fresh,
        };
        self.seen.insert(client, resting);
        resting
    }

    /// Removes messages of a type, at most `limit`.
    fn remove(&mut self, mtype: i64, limit: usize, counter: &AtomicU64) -> usize {
        let queue = self.shared.queue();
        let mut removed = 0;
        while removed < limit && matches!(queue.try_receive(mtype, &mut self.buffer), Ok(true)) {
            Counters::add(counter);
            removed += 1;
        }
        removed
    }
}

fn fingerprint(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
