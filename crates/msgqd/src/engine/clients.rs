//! Who the clients are. One look-up for each request, without a lock or a system call once a client is known.
//!
//! At its first request a client is taken hold of by a pidfd, which joins an epoll set; the pidfd says when the client
//! dies, whoever has its number afterwards. Beside it stands one byte for each number:
//!
//! ```text
//! bit 0      KNOWN   a pidfd watches this client
//! bit 1      HELD    answers of this client wait in the outbox; nothing may overtake them
//! bit 2      UNJUDGED  the client has asked, and was not yet looked at to see whether it reads
//! bit 3      ASKED   the client sent a request since the janitor last looked
//! bits 4-7   which holder of the number this is, modulo 16
//! ```
//!
//! **HELD and direct sends.** A worker that wants to send directly first stores SENDING in its slot, then loads HELD;
//! whoever sets HELD then looks at all slots and waits until none is SENDING to that client. Both are sequentially
//! consistent, so at least one of them sees the other: either the worker finds HELD and stays away, or the other side
//! finds SENDING and waits until that send, which never blocks, is over.
//!
//! Numbers without a process behind them are clients without a pidfd: nobody is ever dead, and each has one holder. There
//! are more of them than bytes, so that some share one. All that a shared byte says is true of one of them, and none
//! is the worse for it: HELD stays until no answer waits for any of them.

mod held_numbers;
mod users;
mod watched;

use crate::own_threads::is_own_thread;
use held_numbers::HeldNumbers;
use msgq_core::layout::protocol::ClientKind;
use msgq_core::limits;
use msgq_core::pid_flags::PidFlags;
use msgq_core::process::{ClientHandle, ClientNumber, ClientOwner, number_is_in_use};
use msgq_core::table::{SlotHeader, SlotState, Table};
use msgq_core::time::monotonic_ns;
use rustix::event::{Timespec, epoll};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use watched::{Watched, WatchedClient, owner_of_number};

const KNOWN: u8 = 1;
const HELD: u8 = 2;
const UNJUDGED: u8 = 4;
const ASKED: u8 = 8;
const GENERATION_SHIFT: u32 = 4;
const GENERATION_STEP: u8 = 1 << GENERATION_SHIFT;

/// Which holder of a number: the 4 bits, in the low bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u8);

impl Generation {
    pub(super) fn number(self) -> u32 {
        u32::from(self.0)
    }

    fn of(byte: u8) -> Self {
        Self(byte >> GENERATION_SHIFT)
    }
}

/// The number belongs to somebody else by now, or to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

#[derive(Debug)]
pub(super) struct Clients {
    kind: ClientKind,
    flags: PidFlags,
    held_numbers: HeldNumbers,
    /// 1 for a client that is known to have read an answer.
    readers: PidFlags,
    watched: Mutex<Watched>,
    epoll: OwnedFd,
    /// Holds the list of those who are watched, for whoever has to finish this daemon's work.
    table: Arc<Table>,
    /// Numbers of clients are below this one, as of the last reading.
    pid_max: AtomicI32,
    /// When that was, in nanoseconds of `CLOCK_MONOTONIC`.
    pid_max_read_at_ns: AtomicU64,
}

impl Clients {
    /// Watches at most as many clients at a time as the table has entries for.
    pub(super) fn new(table: Arc<Table>) -> io::Result<Self> {
        Ok(Self {
            kind: table.geometry().client_kind,
            held_numbers: HeldNumbers::default(),
            flags: PidFlags::new()?,
            readers: PidFlags::new()?,
            watched: Mutex::new(Watched::new(Arc::clone(&table))),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            table,
            pid_max: AtomicI32::new(limits::pid_max()),
            pid_max_read_at_ns: AtomicU64::new(monotonic_ns()),
        })
    }

    /// Watches at most so many from now on, and never more than the table has entries for. Those that are too many are let go,
    /// but for clients to whom an answer is due.
    pub(super) fn set_limit(&self, limit: usize) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.set_limit(limit);
        while watched.is_above_limit() {
            let Some(oldest) = watched.let_oldest_go(|client| self.forget_if_nothing_is_due(client)) else { return };
            self.set_reader(oldest, 0);
        }
    }

    /// Numbers of clients are below this one.
    pub(super) fn pid_max(&self) -> i32 {
        self.pid_max.load(Ordering::Relaxed)
    }

    /// What the clients' numbers are.
    pub(super) fn kind(&self) -> ClientKind {
        self.kind
    }

    /// Whether the kernel hands out this number. The limit may have been raised since it was read; a client that names
    /// numbers above it has it read again once a second at most.
    fn is_below_pid_max(&self, client: ClientNumber) -> bool {
        if client.get() < self.pid_max().into() {
            return true;
        }
        let (now_ns, read_at_ns) = (monotonic_ns(), self.pid_max_read_at_ns.load(Ordering::Relaxed));
        if now_ns.saturating_sub(read_at_ns) >= PID_MAX_LIFETIME_NS {
            self.pid_max_read_at_ns.store(now_ns, Ordering::Relaxed);
            self.pid_max.store(limits::pid_max(), Ordering::Relaxed);
        }
        client.get() < self.pid_max().into()
    }

    /// The client that a request names; `None` when none can have that number.
    pub(super) fn possible_client(&self, claimed: i64) -> Option<ClientNumber> {
        match self.kind {
            ClientKind::Process => ClientNumber::from_mtype(claimed).filter(|client| self.is_below_pid_max(*client)),
            ClientKind::Number => ClientNumber::without_process(claimed),
        }
    }

    fn byte(&self, client: ClientNumber) -> Option<&AtomicU8> {
        self.byte_in(&self.flags, client)
    }

    fn byte_in<'a>(&self, flags: &'a PidFlags, client: ClientNumber) -> Option<&'a AtomicU8> {
        match self.kind {
            ClientKind::Process => flags.of(client),
            ClientKind::Number => flags.at(PidFlags::shared_place(client.get())),
        }
    }

    fn load(&self, client: ClientNumber) -> u8 {
        self.byte(client).map_or(0, |byte| byte.load(Ordering::SeqCst))
    }

    /// Which holder of the number sent the request of this number; `None` when nobody has it. A known client costs one load. `is_due`
    /// looks whether the answer to an earlier one rests in the queue or waits in the outbox; asked at its second request.
    pub(super) fn admit(
        &self,
        client: ClientNumber,
        sequence: u64,
        is_due: impl FnOnce() -> bool,
    ) -> io::Result<Option<Generation>> {
        let Some(byte) = self.byte(client) else { return Ok(None) };
        let flags = byte.load(Ordering::SeqCst);
        if flags & KNOWN == 0 {
            let watched = self.watch(client)?;
            if watched.is_some() {
                byte.fetch_or(UNJUDGED, Ordering::Relaxed);
            }
            return Ok(watched);
        }
        if flags & (ASKED | UNJUDGED) != ASKED {
            byte.fetch_or(ASKED, Ordering::Relaxed);
            if flags & UNJUDGED != 0 {
                self.judge(client, sequence, is_due);
            }
        }
        Ok(Some(Generation::of(flags)))
    }

    /// Looks whether a client has read what was sent to it past the outbox, which sees nothing of that. Once, at the first request
    /// with none before it in hand: the answers to those are in the queue then, in the outbox, or read.
    #[cold]
    fn judge(&self, client: ClientNumber, sequence: u64, is_due: impl FnOnce() -> bool) {
        let limit = Instant::now() + DIRECT_SEND_TIME;
        let is_before = |slot: &SlotHeader| slot.sequence.load(Ordering::Relaxed) < sequence;
        let is_sent = |slot: &SlotHeader| slot.state() == Some(SlotState::Sending) && is_before(slot);
        // A client may have its answer, and ask again, before the worker goes on that sent it.
        while self.in_hand_of(client).any(is_sent) && Instant::now() < limit {
            std::thread::yield_now();
        }
        if self.is_earlier_in_hand(client, sequence) {
            return;
        }
        self.judge_no_more(client);
        if !is_due() {
            self.note_read(client);
        }
    }

    /// An answer of this client was dropped: that none rests for it is no sign that it reads.
    pub(super) fn judge_no_more(&self, client: ClientNumber) {
        if let Some(byte) = self.byte(client) {
            byte.fetch_and(!UNJUDGED, Ordering::Relaxed);
        }
    }

    /// Takes hold of a client; `None` when nobody has the number, or a thread of the server: these are not watched, so that
    /// they come here each time.
    pub(super) fn watch(&self, client: ClientNumber) -> io::Result<Option<Generation>> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(byte) = self.byte(client) else { return Ok(None) };
        if byte.load(Ordering::SeqCst) & KNOWN != 0 {
            return Ok(Some(Generation::of(byte.load(Ordering::SeqCst))));
        }
        if is_own_thread(client) {
            return Ok(None);
        }
        if watched.is_full()
            && let Some(oldest) = watched.let_oldest_go(|client| self.forget_if_nothing_is_due(client))
        {
            // Nobody sees it die, and of a byte that numbers share: what is known of one is not known of another.
            self.set_reader(oldest, 0);
        }
        if self.kind == ClientKind::Number {
            return Ok(Some(Self::list_number(&mut watched, client, byte)));
        }
        let Some(handle) = ClientHandle::open(client)? else { return Ok(None) };
        let Some(pidfd) = handle.pidfd() else {
            // Nothing to watch it by, so it is looked up at every request.
            return Ok(Some(Generation::of(byte.load(Ordering::SeqCst))));
        };
        let owner = handle.owner(client);
        if owner.is_kernel_thread {
            return Ok(None);
        }
        let data = epoll::EventData::new_u64(client.get().cast_unsigned());
        if watched.is_full() {
            return Err(io::Error::other("more clients wait for answers than can be watched"));
        }
        // The entry is taken only when the kernel watches: a failure must not use it up.
        epoll::add(&self.epoll, pidfd, data, epoll::EventFlags::IN)?;
        watched.enter(client, WatchedClient { handle: Some(handle), owner });
        // What is noted was read by one before it with the number, whose death nobody saw.
        self.set_reader(client, 0);
        let flags = byte.fetch_or(KNOWN | ASKED, Ordering::SeqCst);
        Ok(Some(Generation::of(flags)))
    }

    /// Lists a number without a process behind it, so that it can be asked for in the queue where nobody can look at messages. One for
    /// which there is no place is a client all the same.
    fn list_number(watched: &mut Watched, client: ClientNumber, byte: &AtomicU8) -> Generation {
        if !watched.is_full() {
            watched.enter(client, WatchedClient { handle: None, owner: owner_of_number(client) });
            byte.fetch_or(KNOWN | ASKED, Ordering::SeqCst);
        }
        Generation::of(byte.load(Ordering::SeqCst))
    }

    /// Clients that are watched, at most so many, from this place of their order on; the place counts on round and round.
    pub(super) fn some_watched(&self, from: usize, limit: usize) -> Vec<ClientNumber> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.some(from, limit)
    }

    /// As [`Clients::watch`]; without a descriptor to watch it by, a client lives as long as anybody has its number.
    pub(super) fn find(&self, client: ClientNumber) -> Option<Generation> {
        let unwatched = || (number_is_in_use(client) && !is_own_thread(client)).then(|| self.generation(client));
        self.watch(client).unwrap_or_else(|_| unwatched())
    }

    /// Takes the client's mark away unless an answer is due: then its death must be noticed, or the answer would go to the
    /// next process with that number.
    ///
    /// The mark goes first, so that whoever asks meanwhile comes to the caller's lock. An answer on its way into the outbox
    /// is HELD before its slot is given up, so the slots are looked at before HELD is.
    fn forget_if_nothing_is_due(&self, client: ClientNumber) -> bool {
        let Some(byte) = self.byte(client) else { return true };
        byte.fetch_and(!KNOWN, Ordering::SeqCst);
        let is_due = self.in_hand_of(client).next().is_some() || self.is_held(client);
        if is_due {
            byte.fetch_or(KNOWN, Ordering::SeqCst);
        }
        !is_due
    }

    /// True when the client that was admitted as `generation` is still the one that has the number, and lives.
    pub(super) fn is_same(&self, client: ClientNumber, generation: Generation) -> bool {
        if self.kind == ClientKind::Number {
            return true;
        }
        let flags = self.load(client);
        let known = flags & KNOWN != 0 || self.find(client).is_some();
        if !known || Generation::of(self.load(client)) != generation {
            return false;
        }
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.get(client).is_none_or(|entry| !entry.is_dead().unwrap_or(false))
    }

    /// Whose the client is. One that is not watched, a thread before Linux 6.9, is looked up each time.
    pub(super) fn owner(&self, client: ClientNumber) -> ClientOwner {
        if self.kind == ClientKind::Number {
            return owner_of_number(client);
        }
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = watched.get(client) {
            return entry.owner;
        }
        drop(watched);
        let nobody = ClientOwner { process: client.get(), uid: None, is_kernel_thread: false };
        ClientHandle::open(client).ok().flatten().map_or(nobody, |handle| handle.owner(client))
    }

    /// True for the number of a thread of the kernel, as far as that can be seen.
    pub(super) fn is_kernel_thread(client: ClientNumber) -> bool {
        ClientHandle::open(client).ok().flatten().is_some_and(|handle| handle.owner(client).is_kernel_thread)
    }

    /// Which holder of the number the client is now.
    pub(super) fn generation(&self, client: ClientNumber) -> Generation {
        Generation::of(self.load(client))
    }

    /// True when the worker may send directly: nothing of this client is held, and it is still the same. One load.
    pub(super) fn may_send_directly(&self, client: ClientNumber, generation: Generation) -> Result<bool, Gone> {
        let flags = self.load(client);
        if Generation::of(flags) == generation { Ok(flags & HELD == 0) } else { Err(Gone) }
    }

    pub(super) fn is_known(&self, client: ClientNumber) -> bool {
        self.load(client) & KNOWN != 0
    }

    pub(super) fn is_held(&self, client: ClientNumber) -> bool {
        self.load(client) & HELD != 0
    }

    /// True when the client asked something since the last call.
    pub(super) fn take_asked(&self, client: ClientNumber) -> bool {
        self.byte(client).is_some_and(|byte| byte.fetch_and(!ASKED, Ordering::Relaxed) & ASKED != 0)
    }

    /// The client has read an answer.
    pub(super) fn note_read(&self, client: ClientNumber) {
        self.set_reader(client, 1);
    }

    /// True when this client has read an answer, as far as anybody noticed.
    pub(super) fn has_read(&self, client: ClientNumber) -> bool {
        self.byte_in(&self.readers, client).is_some_and(|byte| byte.load(Ordering::Relaxed) != 0)
    }

    fn set_reader(&self, client: ClientNumber, value: u8) {
        if let Some(byte) = self.byte_in(&self.readers, client) {
            byte.store(value, Ordering::Relaxed);
        }
    }

    /// The caller has the outbox locked. Afterwards no answer of this client is sent but by the courier.
    pub(super) fn hold(&self, client: ClientNumber) {
        if self.kind == ClientKind::Number {
            self.held_numbers.hold(client);
        }
        if let Some(byte) = self.byte(client) {
            byte.fetch_or(HELD, Ordering::SeqCst);
        }
    }

    /// The caller has the outbox locked, and the client's line has ended.
    pub(super) fn release(&self, client: ClientNumber) {
        if self.kind == ClientKind::Number && self.held_numbers.release(client) {
            return;
        }
        if let Some(byte) = self.byte(client) {
            byte.fetch_and(!HELD, Ordering::SeqCst);
        }
    }

    /// Waits until no worker is in a direct send to `client`. HELD is set, or the client's generation is over, so none
    /// begins afterwards.
    pub(super) fn wait_for_direct_sends(&self, client: ClientNumber) {
        for slot in self.table.landings() {
            while slot.state() == Some(SlotState::Sending) && slot.client() == client.get() {
                std::thread::yield_now();
            }
        }
    }

    /// Slots of workers that have a request of this client.
    pub(super) fn in_hand_of(&self, client: ClientNumber) -> impl Iterator<Item = &SlotHeader> {
        self.table
            .landings()
            .filter(move |slot| slot.state() != Some(SlotState::Armed) && slot.client() == client.get())
    }

    /// True when a worker still has an earlier request of this client. Requests are numbered one at a time
    /// (`intake`), so a worker that has a later one sees the earlier ones in their slots.
    pub(super) fn is_earlier_in_hand(&self, client: ClientNumber, sequence: u64) -> bool {
        self.in_hand_of(client).any(|slot| slot.sequence.load(Ordering::Relaxed) < sequence)
    }

    /// The client is dead: its number may be anybody's from now on. False when whoever is watched under this number lives
    /// or nobody is: the report of a death is older than the look at it, and the dead one may have been let go to make room
    /// and its number taken by a new client meanwhile.
    pub(super) fn forget_dead(&self, client: ClientNumber) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if !watched.get(client).is_some_and(|entry| entry.is_dead().unwrap_or(true)) {
            return false;
        }
        watched.remove(client);
        self.set_reader(client, 0);
        if let Some(byte) = self.byte(client) {
            let next = |flags: u8| Some((flags & 0xf0).wrapping_add(GENERATION_STEP));
            let _ = byte.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        }
        true
    }

    /// Waits for deaths, at most `limit`, and adds them to `dead`.
    pub(super) fn wait_for_deaths(&self, limit: Duration, dead: &mut Vec<ClientNumber>) {
        let mut events = Vec::with_capacity(EVENTS);
        let timeout = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        if epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).is_err() {
            return;
        }
        let pids = events.iter().filter_map(|event| i32::try_from(event.data.u64()).ok());
        dead.extend(pids.filter_map(ClientNumber::new));
    }

    /// The epoll set, to add what else should wake its waiter.
    pub(super) fn epoll(&self) -> &OwnedFd {
        &self.epoll
    }
}

/// For so long a worker may be without a CPU after a send that takes microseconds.
const DIRECT_SEND_TIME: Duration = Duration::from_millis(100);
const EVENTS: usize = 256;
const PID_MAX_LIFETIME_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests;
