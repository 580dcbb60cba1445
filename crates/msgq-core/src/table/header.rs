//! The head of a table: what it is, whose it is, and what its daemon does.

use super::geometry::Geometry;
use super::history::History;
use crate::escape::escape;
use crate::layout::protocol::ClientKind;
use crate::memory::{Shared, shared_struct};
use crate::queue::QueueRole;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// `msgqdTBL` in the byte order of the machine.
pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"msgqdTBL");
/// In `left_at_end`; no version had a number there that could be taken for it.
const NOTHING_LEFT: u32 = u32::from_ne_bytes(*b"none");
const TEXT_WORDS: usize = 4;
/// Words of a sentence: 256 bytes.
const SENTENCE_WORDS: usize = 32;
/// Words of a sentence with advice: 512 bytes.
const ADVICE_WORDS: usize = 64;

shared_struct! {
    /// In front of the table: what it is, whose it is, and what its daemon does.
    ///
    /// The first 64 bytes mean the same in every version, so that a newer one can tell what an older one left.
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
        left_at_end: AtomicU32,
        owner_identity: AtomicU64,
        started_at_s: AtomicU64,
        beat_at_ns: AtomicU64,
        workers: AtomicU32,
        capacity: AtomicU32,
        clients: AtomicU32,
        foreign_messages: AtomicU32,
        message_room: AtomicU64,
        request_len: AtomicU64,
        response_len: AtomicU64,
        protocol_digest: AtomicU64,
        client_kind: AtomicU64,
        long_slots: AtomicU64,
        ipc_namespace_id: AtomicU64,
        version: [AtomicU64; TEXT_WORDS],
        handler: [AtomicU64; TEXT_WORDS],
        trouble: [AtomicU64; SENTENCE_WORDS],
        last_error_at_s: AtomicU64,
        last_error: [AtomicU64; SENTENCE_WORDS],
        reloads_begun: AtomicU64,
        reloads_done: AtomicU64,
        refusal: [AtomicU64; ADVICE_WORDS],
        reply_key: AtomicI32,
        reply_msqid: AtomicI32,
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
    /// Key of the second queue, into which answers go; 0: there is none.
    pub reply_key: i32,
    /// The kernel's number for the second queue; changes when it is made anew.
    pub reply_msqid: i32,
    /// Inode of the IPC namespace, as in `/proc/self/ns/ipc`; 0: unknown.
    pub ipc_namespace: u64,
    /// Identity of that namespace, which is not given away again as its inode is; 0: unknown.
    pub ipc_namespace_id: u64,
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

    /// Messages rest in this queue that may be another program's, and are left alone.
    pub fn set_foreign_messages(&self, role: QueueRole, are_there: bool) {
        match are_there {
            true => self.foreign_messages.fetch_or(foreign_bit(role), Ordering::Relaxed),
            false => self.foreign_messages.fetch_and(!foreign_bit(role), Ordering::Relaxed),
        };
    }

    /// Whether messages rest in a queue that its daemon left alone, as they may be another program's.
    #[must_use]
    pub fn has_foreign_messages(&self) -> bool {
        self.foreign_messages.load(Ordering::Relaxed) != 0
    }

    /// As [`TableHeader::has_foreign_messages`], for one queue of two.
    #[must_use]
    pub fn has_foreign_messages_in(&self, role: QueueRole) -> bool {
        self.foreign_messages.load(Ordering::Relaxed) & foreign_bit(role) != 0
    }

    /// The daemon ended in order, and the table holds nothing that another would have to finish.
    pub fn set_nothing_left(&self) {
        self.left_at_end.store(NOTHING_LEFT, Ordering::Release);
    }

    /// True when its daemon said so at its end, whatever version it was.
    pub(super) fn is_nothing_left(&self) -> bool {
        self.left_at_end.load(Ordering::Acquire) == NOTHING_LEFT
    }

    /// Writes all of it; `layout` is the stamp of this version.
    pub(super) fn write(&self, geometry: &Geometry, layout: u64, boot_id: [u64; 2], about: &About) {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        for (to, from) in self.boot_id.iter().zip(boot_id) {
            to.store(from, Ordering::Relaxed);
        }
        self.ipc_namespace.store(about.ipc_namespace, Ordering::Relaxed);
        self.ipc_namespace_id.store(about.ipc_namespace_id, Ordering::Relaxed);
        self.key.store(about.key, Ordering::Relaxed);
        self.set_msqid(about.msqid);
        self.reply_key.store(about.reply_key, Ordering::Relaxed);
        self.set_reply_msqid(about.reply_msqid);
        self.owner.store(about.owner, Ordering::Relaxed);
        self.owner_identity.store(about.owner_identity, Ordering::Relaxed);
        self.started_at_s.store(about.started_at_s, Ordering::Relaxed);
        self.workers.store(number(geometry.workers), Ordering::Relaxed);
        self.capacity.store(geometry.capacity, Ordering::Relaxed);
        self.clients.store(geometry.clients, Ordering::Relaxed);
        let length = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        self.message_room.store(length(geometry.message_room), Ordering::Relaxed);
        self.request_len.store(length(geometry.request_len), Ordering::Relaxed);
        self.response_len.store(length(geometry.response_len), Ordering::Relaxed);
        self.protocol_digest.store(geometry.protocol_digest, Ordering::Relaxed);
        self.client_kind.store(u64::from(geometry.client_kind == ClientKind::Number), Ordering::Relaxed);
        self.long_slots.store(geometry.long_slots.into(), Ordering::Relaxed);
        write_text(&self.version, &about.version);
        self.set_handler(&about.handler);
        self.set_phase(Phase::Starting);
        self.layout.store(layout, Ordering::Relaxed);
        // Last: whoever sees it sees a header that is complete.
        self.magic.store(MAGIC, Ordering::Release);
    }

    /// How many slots the writer made, whatever that is worth.
    pub(super) fn geometry(&self) -> Option<Geometry> {
        let length = |value: &AtomicU64| usize::try_from(value.load(Ordering::Relaxed)).ok();
        Some(Geometry {
            workers: usize::try_from(self.workers.load(Ordering::Relaxed)).ok()?,
            capacity: self.capacity.load(Ordering::Relaxed),
            message_room: length(&self.message_room)?,
            clients: self.clients.load(Ordering::Relaxed),
            request_len: length(&self.request_len)?,
            response_len: length(&self.response_len)?,
            protocol_digest: self.protocol_digest.load(Ordering::Relaxed),
            client_kind: match self.client_kind.load(Ordering::Relaxed) {
                0 => ClientKind::Process,
                _ => ClientKind::Number,
            },
            long_slots: u32::try_from(self.long_slots.load(Ordering::Relaxed)).ok()?,
        })
    }

    /// Whose table it is.
    #[must_use]
    pub fn about(&self) -> About {
        About {
            key: self.key.load(Ordering::Relaxed),
            msqid: self.msqid(),
            reply_key: self.reply_key.load(Ordering::Relaxed),
            reply_msqid: self.reply_msqid.load(Ordering::Acquire),
            ipc_namespace: self.ipc_namespace.load(Ordering::Relaxed),
            ipc_namespace_id: self.ipc_namespace_id.load(Ordering::Relaxed),
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

    /// Sets the second queue.
    pub fn set_reply_msqid(&self, msqid: i32) {
        self.reply_msqid.store(msqid, Ordering::Release);
    }

    /// The queue into which answers go: the second one, or the one that is served where there is no second.
    #[must_use]
    pub fn answers_msqid(&self) -> i32 {
        match self.reply_key.load(Ordering::Relaxed) {
            0 => self.msqid(),
            _ => self.reply_msqid.load(Ordering::Acquire),
        }
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

fn foreign_bit(role: QueueRole) -> u32 {
    match role {
        QueueRole::Both | QueueRole::Requests => 1,
        QueueRole::Answers => 2,
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
