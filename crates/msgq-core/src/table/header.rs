//! The head of a table: what it is, whose it is, and what its daemon does.

use super::geometry::Geometry;
use super::history::History;
use crate::escape::escape;
use crate::memory::{Shared, shared_struct};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// `msgqdTBL` in the byte order of the machine.
pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"msgqdTBL");
const TEXT_WORDS: usize = 4;
/// Words of a sentence: 256 bytes.
const SENTENCE_WORDS: usize = 32;
/// Words of a sentence with advice: 512 bytes.
const ADVICE_WORDS: usize = 64;

shared_struct! {
    /// In front of the table: what it is, whose it is, and what its daemon does.
    pub struct TableHeader {
        pub(super) magic: AtomicU64,
        pub(super) layout: AtomicU64,
        pub(super) boot_id: [AtomicU64; 2],
        ipc_namespace: AtomicU64,
        key: AtomicI32,
        msqid: AtomicI32,
        owner: AtomicI32,
        phase: AtomicU32,
        keeps_queue_on_failure: AtomicU32,
        owner_identity: AtomicU64,
        started_at_s: AtomicU64,
        beat_at_ns: AtomicU64,
        workers: AtomicU32,
        capacity: AtomicU32,
        clients: AtomicU32,
        message_room: AtomicU64,
        version: [AtomicU64; TEXT_WORDS],
        handler: [AtomicU64; TEXT_WORDS],
        trouble: [AtomicU64; SENTENCE_WORDS],
        last_error_at_s: AtomicU64,
        last_error: [AtomicU64; SENTENCE_WORDS],
        reloads_begun: AtomicU64,
        reloads_done: AtomicU64,
        refusal: [AtomicU64; ADVICE_WORDS],
        history: History,
    }
}

/// Stands in for a header that cannot be reached.
pub(super) static NOWHERE: TableHeader = TableHeader::ZERO;

/// What a daemon does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// It finishes what an earlier one had in hand.
    Starting = 1,
    /// It receives requests and answers them.
    Serving = 2,
    /// It was asked to end and finishes what it has.
    Draining = 3,
    /// It ended in order.
    Ended = 4,
}

/// Whose table it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Key of the queue; 0: none.
    pub key: i32,
    /// The kernel's number for the queue; changes when the queue is made anew.
    pub msqid: i32,
    /// Inode of the IPC namespace, as in `/proc/self/ns/ipc`; 0: unknown.
    pub ipc_namespace: u64,
    /// PID of the daemon that writes the table.
    pub owner: i32,
    /// The daemon's pidfs inode; 0: the kernel gives none.
    pub owner_identity: u64,
    /// Unix time of the start, in seconds.
    pub started_at_s: u64,
    /// Version of that daemon, as in its package.
    pub version: String,
    /// Name of its handler (`echo`, `exec`, ...); a reload may change it.
    pub handler: String,
}

impl TableHeader {
    /// What `on_failure` of the daemon's configuration says.
    pub fn set_keeps_queue_on_failure(&self, keeps: bool) {
        self.keeps_queue_on_failure.store(u32::from(keeps), Ordering::Relaxed);
    }

    /// Whether clients are left waiting when the service manager gives up on the daemon.
    #[must_use]
    pub fn keeps_queue_on_failure(&self) -> bool {
        self.keeps_queue_on_failure.load(Ordering::Relaxed) != 0
    }

    /// Writes all of it; `layout` is the stamp of this version.
    pub(super) fn write(&self, geometry: &Geometry, layout: u64, boot_id: [u64; 2], about: &About) {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        for (to, from) in self.boot_id.iter().zip(boot_id) {
            to.store(from, Ordering::Relaxed);
        }
        self.ipc_namespace.store(about.ipc_namespace, Ordering::Relaxed);
        self.key.store(about.key, Ordering::Relaxed);
        self.set_msqid(about.msqid);
        self.owner.store(about.owner, Ordering::Relaxed);
        self.owner_identity.store(about.owner_identity, Ordering::Relaxed);
        self.started_at_s.store(about.started_at_s, Ordering::Relaxed);
        self.workers.store(number(geometry.workers), Ordering::Relaxed);
        self.capacity.store(geometry.capacity, Ordering::Relaxed);
        self.clients.store(geometry.clients, Ordering::Relaxed);
        self.message_room.store(u64::try_from(geometry.message_room).unwrap_or(u64::MAX), Ordering::Relaxed);
        write_text(&self.version, &about.version);
        self.set_handler(&about.handler);
        self.set_phase(Phase::Starting);
        self.layout.store(layout, Ordering::Relaxed);
        // Last: whoever sees it sees a header that is complete.
        self.magic.store(MAGIC, Ordering::Release);
    }

    /// How many slots the writer made, whatever that is worth.
    pub(super) fn geometry(&self) -> Option<Geometry> {
        Some(Geometry {
            workers: usize::try_from(self.workers.load(Ordering::Relaxed)).ok()?,
            capacity: self.capacity.load(Ordering::Relaxed),
            message_room: usize::try_from(self.message_room.load(Ordering::Relaxed)).ok()?,
            clients: self.clients.load(Ordering::Relaxed),
        })
    }

    /// Whose table it is.
    #[must_use]
    pub fn about(&self) -> About {
        About {
            key: self.key.load(Ordering::Relaxed),
            msqid: self.msqid(),
            ipc_namespace: self.ipc_namespace.load(Ordering::Relaxed),
            owner: self.owner.load(Ordering::Relaxed),
            owner_identity: self.owner_identity.load(Ordering::Relaxed),
            started_at_s: self.started_at_s.load(Ordering::Relaxed),
            version: read_text(&self.version),
            handler: read_text(&self.handler),
        }
    }

    /// The queue that is served.
    #[must_use]
    pub fn msqid(&self) -> i32 {
        self.msqid.load(Ordering::Acquire)
    }

    /// Sets the queue that is served.
    pub fn set_msqid(&self, msqid: i32) {
        self.msqid.store(msqid, Ordering::Release);
    }

    /// Sets the handler's name; what is beyond 32 bytes is cut.
    pub fn set_handler(&self, name: &str) {
        write_text(&self.handler, name);
    }

    /// Why the operator's logic is down, in a sentence; empty while it works. Read while it is written it may be a mix.
    #[must_use]
    pub fn trouble(&self) -> String {
        read_text(&self.trouble)
    }

    /// Sets why the operator's logic is down; what is beyond 256 bytes is cut.
    pub fn set_trouble(&self, sentence: &str) {
        write_text(&self.trouble, sentence);
    }

    /// The last error that the daemon logged, and when (Unix time, in seconds); `None` when it logged none. Read while
    /// it is written it may be a mix.
    #[must_use]
    pub fn last_error(&self) -> Option<(u64, String)> {
        let at_s = self.last_error_at_s.load(Ordering::Acquire);
        (at_s != 0).then(|| (at_s, read_text(&self.last_error)))
    }

    /// Sets the last error; what is beyond 256 bytes is cut.
    pub fn set_last_error(&self, unix_time_s: u64, sentence: &str) {
        write_text(&self.last_error, sentence);
        self.last_error_at_s.store(unix_time_s, Ordering::Release);
    }

    /// How many reloads the daemon has begun: each reads the configuration after it is counted here.
    #[must_use]
    pub fn reloads_begun(&self) -> u64 {
        self.reloads_begun.load(Ordering::Acquire)
    }

    /// The daemon begins a reload.
    pub fn begin_reload(&self) {
        self.reloads_begun.fetch_add(1, Ordering::AcqRel);
    }

    /// How many reloads have an outcome, and why the last one was refused; empty when it was not.
    #[must_use]
    pub fn reloads_done(&self) -> (u64, String) {
        let done = self.reloads_done.load(Ordering::Acquire);
        (done, read_text(&self.refusal))
    }

    /// The reload that was begun last was refused for this reason, or for none; what is beyond 512 bytes is cut.
    pub fn end_reload(&self, refusal: &str) {
        write_text(&self.refusal, refusal);
        self.reloads_done.store(self.reloads_begun(), Ordering::Release);
    }

    /// How many answers had gone out at each second of the last minute.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What the daemon does, or did when it died; `None` when another program wrote there.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        let phases = [Phase::Starting, Phase::Serving, Phase::Draining, Phase::Ended];
        let phase = self.phase.load(Ordering::Acquire);
        phases.into_iter().find(|known| *known as u32 == phase)
    }

    /// Sets what the daemon does.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u32, Ordering::Release);
    }

    /// When the daemon last looked after itself, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn beat_at_ns(&self) -> u64 {
        self.beat_at_ns.load(Ordering::Relaxed)
    }

    /// Sets when the daemon last looked after itself.
    pub fn set_beat_at_ns(&self, now_ns: u64) {
        self.beat_at_ns.store(now_ns, Ordering::Relaxed);
    }
}

fn write_text(words: &[AtomicU64], text: &str) {
    let room = words.len() * 8;
    // Not in the middle of a character, which would be shown escaped.
    let ends = text.char_indices().map(|(at, character)| at + character.len_utf8());
    let end = ends.take_while(|end| *end <= room).last().unwrap_or(0);
    let mut bytes = text.as_bytes().get(..end).unwrap_or_default().to_vec();
    bytes.resize(room, 0);
    for (word, chunk) in words.iter().zip(bytes.as_chunks::<8>().0) {
        word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
    }
}

fn read_text(words: &[AtomicU64]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
    escape(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
}
