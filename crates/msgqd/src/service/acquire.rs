//! How the queue is had: made, or taken over from a dead server or from whoever made it first, and set as configured.

use super::owners::{default_group, find_group, user_name};
use super::queue_size::{TooLarge, size_lowered};
use super::rival::{check_is_free, check_is_free_for_answers};
use super::takeover::{ForeignQueue, rights_of_creator};
use crate::alerts;
use msgq_core::config::{QueueConfig, Takeover};
use msgq_core::drain_note::WRITE_FOR_OTHERS;
use msgq_core::layout::protocol::Protocol;
use msgq_core::limits;
use msgq_core::queue::{Queue, QueueKey, QueueRole, QueueSettings, QueueStat};
use msgq_core::words::counted;
use nix::errno::Errno;
use nix::unistd::{Gid, Uid};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The queue as it was had, until it is served.
#[derive(Debug)]
pub(super) struct AcquiredQueue {
    pub(super) queue: Queue,
    /// What it was before it was taken over; `None` for one that was made.
    before: Option<QueueStat>,
}

impl AcquiredQueue {
    /// True when nobody had made it before.
    pub(super) fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// It will not be served after all: a new one is removed, so that nobody waits in it, and another is as before.
    pub(super) fn give_back(&self) {
        match &self.before {
            Some(before) => restore(&self.queue, before),
            None => {
                if let Err(error) = self.queue.remove() {
                    log::warn!("queue msqid {} stays, although nobody serves it: {error}", self.queue.id());
                }
            }
        }
    }
}

/// Makes a queue what it was before, or as large as `kernel.msgmnb` still allows.
pub(super) fn restore(queue: &Queue, before: &QueueStat) {
    let QueueStat { mode, uid, gid, max_bytes, .. } = *before;
    let settings = QueueSettings { mode: Some(mode), uid: Some(uid), gid: Some(gid), max_bytes: Some(max_bytes) };
    let limit = limits::msgmnb();
    let restored = match queue.set(&settings) {
        // The limit was lowered since: who may use the queue is given back all the same.
        Err(error) if error.errno() == Errno::EPERM && max_bytes > limit => {
            let smaller = QueueSettings { max_bytes: Some(limit), ..settings };
            queue.set(&smaller).map(|_| log::warn!("{}", size_lowered(queue, max_bytes, limit)))
        }
        restored => restored.map(drop),
    };
    if let Err(error) = restored {
        log::warn!("queue msqid {} stays as it is now, and not as it was: {error}", queue.id());
    }
}

/// What the queue must look like.
#[derive(Debug)]
pub(super) struct QueuePlan {
    role: QueueRole,
    pub(super) key: QueueKey,
    mode: u32,
    pub(super) group: Option<Gid>,
    pub(super) max_bytes: Option<u64>,
    takeover: Takeover,
    closed: Arc<AtomicBool>,
    protocol: Arc<Protocol>,
    /// The msqid of a second queue of which an earlier server said that it was its own: who waits there are clients.
    known: Option<i32>,
    /// The queue got less than `max_bytes`, and that was said.
    pub(super) is_smaller: AtomicBool,
}

impl QueuePlan {
    /// The queue of this configuration that requests come from; while `closed` is true, nobody but its owner may send to it.
    /// Errors are sentences for the log.
    pub(super) fn new(
        key: QueueKey,
        config: &QueueConfig,
        protocol: &Arc<Protocol>,
        closed: Arc<AtomicBool>,
    ) -> Result<Self, String> {
        let group = config.group.as_deref().map(|name| find_group(name, "queue.group")).transpose()?;
        let (mode, max_bytes) = (config.mode, config.max_bytes);
        Ok(Self {
            role: QueueRole::Requests,
            key,
            mode,
            group,
            max_bytes,
            takeover: config.takeover,
            closed,
            protocol: Arc::clone(protocol),
            known: None,
            is_smaller: AtomicBool::new(false),
        })
    }

    /// The second queue of this configuration. `known`: as an earlier server left it.
    pub(super) fn of_answers(
        key: QueueKey,
        config: &QueueConfig,
        protocol: &Arc<Protocol>,
        known: Option<i32>,
    ) -> Result<Self, String> {
        let group = config.group.as_deref().map(|name| find_group(name, "protocol.reply.group")).transpose()?;
        Ok(Self {
            role: QueueRole::Answers,
            key,
            mode: config.mode,
            group,
            max_bytes: config.max_bytes,
            takeover: config.takeover,
            closed: Arc::default(),
            protocol: Arc::clone(protocol),
            known,
            is_smaller: AtomicBool::new(false),
        })
    }

    /// What texts call the queue.
    pub(super) fn name(&self) -> &'static str {
        match self.role {
            QueueRole::Answers => "queue of answers",
            QueueRole::Both | QueueRole::Requests => "queue",
        }
    }

    /// The permission bits as they are to be now.
    pub(super) fn mode(&self) -> u32 {
        if self.closed.load(Ordering::Relaxed) { self.mode & !WRITE_FOR_OTHERS } else { self.mode }
    }

    /// Creates the queue or takes it over, and sets owner group, mode and size. `too_large` is for one that it creates: one
    /// that is there already has clients.
    pub(super) fn acquire(&self, too_large: TooLarge) -> Result<AcquiredQueue, String> {
        let (queue, source) = self.create_or_open()?;
        let too_large = if source == Source::Made { too_large } else { TooLarge::ServeSmaller };
        match self.set_up(&queue, source, too_large) {
            Ok(before) => Ok(AcquiredQueue { queue, before: (source != Source::Made).then_some(before) }),
            Err(reason) => {
                if source == Source::Made {
                    let _ = queue.remove();
                }
                Err(reason)
            }
        }
    }

    fn create_or_open(&self) -> Result<(Queue, Source), String> {
        for _ in 0..ATTEMPTS {
            match Queue::create(self.key, self.mode()) {
                Ok(queue) => return Ok((queue, Source::Made)),
                Err(error) if error.errno() == Errno::EEXIST => {}
                Err(error) => return Err(error.to_string()),
            }
            match Queue::open(self.key) {
                Ok(queue) => {
                    let stat = self.stat(&queue)?;
                    if stat.uid != Uid::effective().as_raw() {
                        self.foreign(queue, stat).check()?;
                        return Ok((queue, Source::OfAnother));
                    }
                    self.check_is_free(&queue)?;
                    return Ok((queue, Source::Own));
                }
                Err(error) if error.errno() == Errno::ENOENT => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("queue {} is created and removed all the time by another program", self.key))
    }

    fn check_is_free(&self, queue: &Queue) -> Result<(), String> {
        match self.role {
            QueueRole::Answers if self.known == Some(queue.id()) => Ok(()),
            QueueRole::Answers => check_is_free_for_answers(queue, self.key, &self.protocol),
            QueueRole::Both | QueueRole::Requests => check_is_free(queue, self.key),
        }
    }

    /// The queue as it is; what the list of all queues tells of one that may not be read.
    fn stat(&self, queue: &Queue) -> Result<QueueStat, String> {
        match queue.stat() {
            Err(error) if error.is_permission() => {
                let listed = queue.listed().filter(|row| row.uid != Uid::effective().as_raw());
                listed.map(QueueStat::from).ok_or_else(|| error.to_string())
            }
            stat => stat.map_err(|error| error.to_string()),
        }
    }

    /// What to ask before it is taken over.
    pub(super) fn foreign(&self, queue: Queue, stat: QueueStat) -> ForeignQueue<'_> {
        ForeignQueue {
            queue,
            key: self.key,
            stat,
            role: self.role,
            protocol: &self.protocol,
            takeover: self.takeover,
            user: Uid::effective(),
            group: self.group(),
            mode: self.mode,
        }
    }

    /// The group that is to own it.
    pub(super) fn group(&self) -> Gid {
        self.group.unwrap_or_else(default_group)
    }

    fn set_up(&self, queue: &Queue, source: Source, too_large: TooLarge) -> Result<QueueStat, String> {
        let before = match source {
            Source::OfAnother => self.apply_and_own(queue, too_large)?,
            Source::Made | Source::Own => self.apply(queue, too_large)?,
        };
        let (id, key, waiting) = (queue.id(), self.key, counted(before.messages, "waiting message"));
        let rights = rights_of_creator(&before, Uid::effective());
        match source {
            Source::Made => {}
            Source::Own if rights.is_empty() => {
                log::info!(
                    message_id = alerts::QUEUE_TAKEN_OVER;
                    "took over queue {key} (msqid {id}) with {waiting} from an earlier server"
                );
            }
            Source::Own => {
                log::warn!(
                    message_id = alerts::QUEUE_TAKEN_OVER;
                    "took over queue {key} (msqid {id}) with {waiting}{rights}"
                );
            }
            Source::OfAnother => {
                let requests = if self.takeover == Takeover::Empty { "waiting request" } else { "waiting message" };
                let (waiting, owner) = (counted(before.messages, requests), user_name(before.uid));
                log::warn!(
                    message_id = alerts::QUEUE_TAKEN_OVER;
                    "took over queue {key} (msqid {id}) of {owner} with {waiting}, which now belongs to {}{rights}",
                    user_name(Uid::effective().as_raw())
                );
            }
        }
        Ok(before)
    }
}

/// Where a queue is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// This process made it.
    Made,
    /// It was there, and is this user's.
    Own,
    /// It was there, and is another user's.
    OfAnother,
}

const ATTEMPTS: usize = 50;
