//! Who the clients are. One look-up for each request, without a lock or a system call once a client is known.
//!
//! At its first request a client is taken hold of by a pidfd, which joins an epoll set; the pidfd says when the client
//! dies, whoever has its number afterwards. Beside it stands one byte for each number:
//!
//! ```text
//! bit 0      KNOWN   a pidfd watches this client
//! bit 1      HELD    answers of this client wait in the outbox; nothing may overtake them
//! bit 2      OURS    the number is a thread of the daemon itself
//! bit 3      ASKED   the client sent a request since the janitor last looked
//! bits 4-7   which holder of the number this is, modulo 16
//! ```
//!
//! **HELD and direct sends.** A worker that wants to send directly first stores SENDING in its slot, then loads HELD;
//! whoever sets HELD then looks at all slots and waits until none is SENDING to that client. Both are sequentially
//! consistent, so at least one of them sees the other: either the worker finds HELD and stays away, or the other side
//! finds SENDING and waits until that send, which never blocks, is over.

use msgq_core::limits;
use msgq_core::pid_flags::PidFlags;
use msgq_core::process::{ClientHandle, ClientPid, number_is_in_use};
use msgq_core::table::{SlotHeader, SlotState, Table};
use msgq_core::time::monotonic_ns;
use rustix::event::{Timespec, epoll};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const KNOWN: u8 = 1;
const HELD: u8 = 2;
const OURS: u8 = 4;
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
    flags: PidFlags,
    watched: Mutex<Watched>,
    epoll: OwnedFd,
    /// Holds the list of those who are watched, for whoever has to finish this daemon's work.
    table: Arc<Table>,
    /// Numbers of clients are below this one, as of the last reading.
    pid_max: AtomicI32,
    /// When that was, in nanoseconds of `CLOCK_MONOTONIC`.
    pid_max_read_at_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Watched {
    handles: HashMap<ClientPid, Entry>,
    /// In the order of their arrival; may name clients that are gone.
    arrivals: VecDeque<ClientPid>,
    /// Free entries of the table's list.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    handle: ClientHandle,
    index: u32,
}

impl Clients {
    /// Watches at most as many clients at a time as the table has entries for.
    pub(super) fn new(table: Arc<Table>) -> io::Result<Self> {
        let free = (0..table.geometry().clients).rev().collect();
        Ok(Self {
            flags: PidFlags::new()?,
            watched: Mutex::new(Watched { free, ..Watched::default() }),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            table,
            pid_max: AtomicI32::new(limits::pid_max()),
            pid_max_read_at_ns: AtomicU64::new(monotonic_ns()),
        })
    }

    /// Numbers of clients are below this one.
    pub(super) fn pid_max(&self) -> i32 {
        self.pid_max.load(Ordering::Relaxed)
    }

    /// Whether the kernel hands out this number. The limit may have been raised since it was read; a client that names
    /// numbers above it has it read again once a second at most.
    fn is_below_pid_max(&self, client: ClientPid) -> bool {
        if client.get() < self.pid_max() {
            return true;
        }
        let (now_ns, read_at_ns) = (monotonic_ns(), self.pid_max_read_at_ns.load(Ordering::Relaxed));
        if now_ns.saturating_sub(read_at_ns) >= PID_MAX_LIFETIME_NS {
            self.pid_max_read_at_ns.store(now_ns, Ordering::Relaxed);
            self.pid_max.store(limits::pid_max(), Ordering::Relaxed);
        }
        client.get() < self.pid_max()
    }

    /// The PID that a request names as that of a client; `None` when no client can have it.
    pub(super) fn possible_client(&self, claimed_pid: i32) -> Option<ClientPid> {
        ClientPid::new(claimed_pid).filter(|client| self.is_below_pid_max(*client) && !self.is_own(*client))
    }

    fn byte(&self, client: ClientPid) -> Option<&AtomicU8> {
        self.flags.of(client)
    }

    fn load(&self, client: ClientPid) -> u8 {
        self.byte(client).map_or(0, |byte| byte.load(Ordering::SeqCst))
    }

    /// The daemon's own thread is no client.
    pub(super) fn refuse_own(&self, client: ClientPid) {
        if let Some(byte) = self.byte(client) {
            byte.fetch_or(OURS, Ordering::SeqCst);
        }
    }

    /// The thread ends: its number may be a client's.
    pub(super) fn admit_own(&self, former: ClientPid) {
        if let Some(byte) = self.byte(former) {
            byte.fetch_and(!OURS, Ordering::SeqCst);
        }
    }

    pub(super) fn is_own(&self, client: ClientPid) -> bool {
        self.load(client) & OURS != 0
    }

    /// Which holder of the number asks; `None` when nobody has it. A known client costs one load.
    pub(super) fn admit(&self, client: ClientPid) -> io::Result<Option<Generation>> {
        let Some(byte) = self.byte(client) else { return Ok(None) };
        let flags = byte.load(Ordering::SeqCst);
        if flags & KNOWN == 0 {
            return self.watch(client);
        }
        if flags & ASKED == 0 {
            byte.fetch_or(ASKED, Ordering::Relaxed);
        }
        Ok(Some(Generation::of(flags)))
    }

    /// Takes hold of a client; `None` when nobody has the number.
    pub(super) fn watch(&self, client: ClientPid) -> io::Result<Option<Generation>> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(byte) = self.byte(client) else { return Ok(None) };
        if byte.load(Ordering::SeqCst) & KNOWN != 0 {
            return Ok(Some(Generation::of(byte.load(Ordering::SeqCst))));
        }
        if watched.free.is_empty() {
            self.forget_oldest(&mut watched);
        }
        let Some(handle) = ClientHandle::open(client)? else { return Ok(None) };
        let Some(pidfd) = handle.pidfd() else {
            // Nothing to watch it by, so it is looked up at every request.
            return Ok(Some(Generation::of(byte.load(Ordering::SeqCst))));
        };
        let data = epoll::EventData::new_u64(u64::from(client.get().cast_unsigned()));
        let Some(index) = watched.free.last().copied() else {
            return Err(io::Error::other("more clients wait for answers than can be watched"));
        };
        // The entry is taken only when the kernel watches: a failure must not use it up.
        epoll::add(&self.epoll, pidfd, data, epoll::EventFlags::IN)?;
        watched.free.pop();
        if let Some(entry) = self.table.client(index) {
            entry.set(client.get(), handle.identity().unwrap_or(0));
        }
        watched.handles.insert(client, Entry { handle, index });
        watched.arrivals.push_back(client);
        let flags = byte.fetch_or(KNOWN | ASKED, Ordering::SeqCst);
        Ok(Some(Generation::of(flags)))
    }

    /// As [`Clients::watch`]; without a descriptor to watch it by, a client lives as long as anybody has its number.
    pub(super) fn find(&self, client: ClientPid) -> Option<Generation> {
        let unwatched = || number_is_in_use(client).then(|| self.generation(client));
        self.watch(client).unwrap_or_else(|_| unwatched())
    }

    /// Makes room for one more client by letting one go for which nothing is in hand or in the outbox. Should it have an
    /// answer in the queue and die, the janitor's scan finds it.
    fn forget_oldest(&self, watched: &mut Watched) {
        for _ in 0..watched.arrivals.len() {
            let Some(client) = watched.arrivals.pop_front() else { return };
            if !watched.handles.contains_key(&client) {
                continue;
            }
            if !self.forget_if_nothing_is_due(client) {
                watched.arrivals.push_back(client);
                continue;
            }
            self.unwatch(watched, client);
            return;
        }
    }

    /// Takes the client's mark away unless an answer is due: then its death must be noticed, or the answer would go to the
    /// next process with that number.
    ///
    /// The mark goes first, so that whoever asks meanwhile comes to the caller's lock. An answer on its way into the outbox
    /// is HELD before its slot is given up, so the slots are looked at before HELD is.
    fn forget_if_nothing_is_due(&self, client: ClientPid) -> bool {
        let Some(byte) = self.byte(client) else { return true };
        byte.fetch_and(!KNOWN, Ordering::SeqCst);
        let is_due = self.in_hand_of(client).next().is_some() || self.is_held(client);
        if is_due {
            byte.fetch_or(KNOWN, Ordering::SeqCst);
        }
        !is_due
    }

    fn unwatch(&self, watched: &mut Watched, client: ClientPid) {
        let Some(entry) = watched.handles.remove(&client) else { return };
        if let Some(listed) = self.table.client(entry.index) {
            listed.clear();
        }
        watched.free.push(entry.index);
    }

    /// True when the client that was admitted as `generation` is still the one that has the number, and lives.
    pub(super) fn is_same(&self, client: ClientPid, generation: Generation) -> bool {
        let flags = self.load(client);
        let known = flags & KNOWN != 0 || self.find(client).is_some();
        if !known || Generation::of(self.load(client)) != generation {
            return false;
        }
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.handles.get(&client).is_none_or(|entry| !entry.handle.is_dead().unwrap_or(false))
    }

    /// Which holder of the number the client is now.
    pub(super) fn generation(&self, client: ClientPid) -> Generation {
        Generation::of(self.load(client))
    }

    /// True when the worker may send directly: nothing of this client is held, and it is still the same. One load.
    pub(super) fn may_send_directly(&self, client: ClientPid, generation: Generation) -> Result<bool, Gone> {
        let flags = self.load(client);
        if Generation::of(flags) == generation { Ok(flags & HELD == 0) } else { Err(Gone) }
    }

    pub(super) fn is_known(&self, client: ClientPid) -> bool {
        self.load(client) & KNOWN != 0
    }

    pub(super) fn is_held(&self, client: ClientPid) -> bool {
        self.load(client) & HELD != 0
    }

    /// True when the client asked something since the last call.
    pub(super) fn take_asked(&self, client: ClientPid) -> bool {
        self.byte(client).is_some_and(|byte| byte.fetch_and(!ASKED, Ordering::Relaxed) & ASKED != 0)
    }

    /// The caller has the outbox locked. Afterwards no answer of this client is sent but by the courier.
    pub(super) fn hold(&self, client: ClientPid) {
        if let Some(byte) = self.byte(client) {
            byte.fetch_or(HELD, Ordering::SeqCst);
        }
    }

    /// The caller has the outbox locked, and the client's line has ended.
    pub(super) fn release(&self, client: ClientPid) {
        if let Some(byte) = self.byte(client) {
            byte.fetch_and(!HELD, Ordering::SeqCst);
        }
    }

    /// Waits until no worker is in a direct send to `client`. HELD is set, or the client's generation is over, so none
    /// begins afterwards.
    pub(super) fn wait_for_direct_sends(&self, client: ClientPid) {
        for slot in self.table.landings() {
            while slot.state() == Some(SlotState::Sending) && slot.client() == client.get() {
                std::thread::yield_now();
            }
        }
    }

    /// Slots of workers that have a request of this client.
    pub(super) fn in_hand_of(&self, client: ClientPid) -> impl Iterator<Item = &SlotHeader> {
        self.table
            .landings()
            .filter(move |slot| slot.state() != Some(SlotState::Armed) && slot.client() == client.get())
    }

    /// True when a worker still has an earlier request of this client. Requests are numbered one at a time
    /// (`intake`), so a worker that has a later one sees the earlier ones in their slots.
    pub(super) fn is_earlier_in_hand(&self, client: ClientPid, sequence: u64) -> bool {
        self.in_hand_of(client).any(|slot| slot.sequence.load(Ordering::Relaxed) < sequence)
    }

    /// The client is dead: its number may be anybody's from now on. False when whoever is watched under this number lives
    /// or nobody is: the report of a death is older than the look at it, and the dead one may have been let go to make room
    /// and its number taken by a new client meanwhile.
    pub(super) fn forget_dead(&self, client: ClientPid) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if !watched.handles.get(&client).is_some_and(|entry| entry.handle.is_dead().unwrap_or(true)) {
            return false;
        }
        self.unwatch(&mut watched, client);
        // Names of the dead are dropped once they are the majority, so that the list stays as short as the map.
        if watched.arrivals.len() > 2 * watched.handles.len() + 64 {
            let Watched { handles, arrivals, .. } = &mut *watched;
            arrivals.retain(|client| handles.contains_key(client));
        }
        if let Some(byte) = self.byte(client) {
            let next = |flags: u8| Some((flags & (OURS | 0xf0)).wrapping_add(GENERATION_STEP));
            let _ = byte.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        }
        true
    }

    /// Waits for deaths, at most `limit`, and adds them to `dead`.
    pub(super) fn wait_for_deaths(&self, limit: Duration, dead: &mut Vec<ClientPid>) {
        let mut events = Vec::with_capacity(EVENTS);
        let timeout = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        if epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).is_err() {
            return;
        }
        let pids = events.iter().filter_map(|event| i32::try_from(event.data.u64()).ok());
        dead.extend(pids.filter_map(ClientPid::new));
    }

    /// The epoll set, to add what else should wake its waiter.
    pub(super) fn epoll(&self) -> &OwnedFd {
        &self.epoll
    }
}

const EVENTS: usize = 256;
const PID_MAX_LIFETIME_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use msgq_core::table::Geometry;

    #[test]
    fn a_pid_max_that_was_raised_later_is_read_again_once_a_second_at_most() {
        let geometry = Geometry { workers: 1, capacity: 1, message_room: 8192, clients: 1 };
        let clients = Clients::new(Arc::new(Table::anonymous(geometry).unwrap())).unwrap();
        clients.pid_max.store(2, Ordering::Relaxed);
        let own = std::process::id().cast_signed();
        assert_eq!(clients.possible_client(own), None, "it was read a moment ago");
        clients.pid_max_read_at_ns.store(0, Ordering::Relaxed);
        assert!(clients.possible_client(own).is_some());
    }

    #[test]
    fn a_client_whose_request_is_in_hand_is_not_forgotten_for_a_newer_one() {
        let geometry = Geometry { workers: 1, capacity: 1, message_room: 8192, clients: 1 };
        let clients = Clients::new(Arc::new(Table::anonymous(geometry).unwrap())).unwrap();
        let (dies, newer) = (Sleeper::start(), Sleeper::start());
        let (asked, other) = (dies.client(), newer.client());
        let generation = clients.admit(asked).unwrap().unwrap();
        let slot = clients.table.landing(0).unwrap();
        slot.set_client(asked.get());
        slot.set_state(SlotState::Received);
        assert!(clients.admit(other).is_err(), "there is no room for another one");
        assert!(
            clients.is_known(asked),
            "its death would not be noticed, and its answer goes to whoever has its number"
        );

        drop(dies);
        let mut dead = Vec::new();
        clients.wait_for_deaths(Duration::from_secs(60), &mut dead);
        assert_eq!(dead, [asked]);
        clients.forget_dead(asked);
        assert_eq!(clients.may_send_directly(asked, generation), Err(Gone));
        assert!(clients.admit(other).unwrap().is_some());
    }

    /// A process that is a client; killed when dropped.
    struct Sleeper(std::process::Child);

    impl Sleeper {
        fn start() -> Self {
            let nothing = std::process::Stdio::null;
            let mut command = std::process::Command::new("sleep");
            Self(command.arg("60").stdin(nothing()).stdout(nothing()).stderr(nothing()).spawn().unwrap())
        }

        fn client(&self) -> ClientPid {
            ClientPid::new(self.0.id().cast_signed()).unwrap()
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn a_client_that_the_kernel_does_not_watch_takes_no_place_of_others() {
        let geometry = Geometry { workers: 1, capacity: 1, message_room: 8192, clients: 2 };
        let mut clients = Clients::new(Arc::new(Table::anonymous(geometry).unwrap())).unwrap();
        let no_epoll_set = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
        let epoll = std::mem::replace(&mut clients.epoll, no_epoll_set);
        let own = ClientPid::new(std::process::id().cast_signed()).unwrap();
        for _ in 0..6 {
            assert!(clients.watch(own).is_err());
        }
        clients.epoll = epoll;
        assert!(clients.watch(own).unwrap().is_some());
        assert!(clients.is_known(own));
    }

    #[test]
    fn a_death_that_is_told_late_does_not_end_a_new_client_with_the_number() {
        let geometry = Geometry { workers: 1, capacity: 1, message_room: 8192, clients: 1 };
        let clients = Clients::new(Arc::new(Table::anonymous(geometry).unwrap())).unwrap();
        let own = ClientPid::new(std::process::id().cast_signed()).unwrap();
        let generation = clients.watch(own).unwrap().unwrap();
        assert!(!clients.forget_dead(own));
        assert!(clients.is_known(own) && clients.is_same(own, generation));
    }
}
