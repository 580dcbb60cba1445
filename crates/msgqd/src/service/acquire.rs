//! How the queue is had: made, or taken over from a dead server of the same owner, and set as configured.

use crate::ratelimit::RateLimit;
use msgq_core::config::QueueConfig;
use msgq_core::drain_note::WRITE_FOR_OTHERS;
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::limits;
use msgq_core::queue::{Queue, QueueError, QueueKey, QueueSettings, QueueStat};
use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User};
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
        let undone = match &self.before {
            None => self.queue.remove(),
            Some(before) => {
                let settings = QueueSettings {
                    mode: Some(before.mode),
                    gid: Some(before.gid),
                    max_bytes: Some(before.max_bytes),
                    uid: None,
                };
                self.queue.set(&settings).map(|_| ())
            }
        };
        if let Err(error) = undone {
            log::warn!("the queue stays as it is, although nobody serves it: {error}");
        }
    }
}

/// What the queue must look like.
#[derive(Debug)]
pub(super) struct QueuePlan {
    key: QueueKey,
    mode: u32,
    group: Option<Gid>,
    max_bytes: Option<u64>,
    closed: Arc<AtomicBool>,
}

impl QueuePlan {
    /// The queue of this configuration; while `closed` is true, nobody but its owner may send to it. Errors are
    /// sentences for the log.
    pub(super) fn new(key: QueueKey, config: &QueueConfig, closed: Arc<AtomicBool>) -> Result<Self, String> {
        let group = config.group.as_deref().map(find_group).transpose()?;
        Ok(Self { key, mode: config.mode, group, max_bytes: config.max_bytes, closed })
    }

    /// The permission bits as they are to be now.
    pub(super) fn mode(&self) -> u32 {
        if self.closed.load(Ordering::Relaxed) { self.mode & !WRITE_FOR_OTHERS } else { self.mode }
    }

    /// Creates the queue or takes it over, and sets owner group, mode and size.
    pub(super) fn acquire(&self) -> Result<AcquiredQueue, String> {
        let (queue, is_new) = self.create_or_open()?;
        match self.set_up(&queue, is_new) {
            Ok(before) => Ok(AcquiredQueue { queue, before: (!is_new).then_some(before) }),
            Err(reason) => {
                if is_new {
                    let _ = queue.remove();
                }
                Err(reason)
            }
        }
    }

    fn create_or_open(&self) -> Result<(Queue, bool), String> {
        for _ in 0..ATTEMPTS {
            match Queue::create(self.key, self.mode()) {
                Ok(queue) => return Ok((queue, true)),
                Err(error) if error.errno() == Errno::EEXIST => {}
                Err(error) => return Err(error.to_string()),
            }
            match Queue::open(self.key) {
                Ok(queue) => return self.check_owner(&queue).map(|()| (queue, false)),
                Err(error) if error.errno() == Errno::ENOENT => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("queue {} is created and removed all the time by another program", self.key))
    }

    fn check_owner(&self, queue: &Queue) -> Result<(), String> {
        let own = Uid::effective();
        match queue.stat() {
            Ok(stat) if stat.uid == own.as_raw() => Ok(()),
            Ok(stat) => Err(self.foreign(queue, &user_name(stat.uid), own)),
            Err(error) if error.is_permission() => Err(self.foreign(queue, "another user", own)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn foreign(&self, queue: &Queue, owner: &str, own: Uid) -> String {
        format!(
            "queue {key} (msqid {id}) belongs to {owner}, not to {own}; inspect it with: ipcs -q -i {id}; if nobody \
             needs it, remove it as its owner with: ipcrm -Q {key}; or serve another queue with --key",
            key = self.key,
            id = queue.id(),
            own = user_name(own.as_raw()),
        )
    }

    fn set_up(&self, queue: &Queue, is_new: bool) -> Result<QueueStat, String> {
        let before = self.apply(queue)?;
        if !is_new {
            log::info!(
                "took over queue {} (msqid {}) with {} waiting messages from an earlier server",
                self.key,
                queue.id(),
                before.messages
            );
        }
        Ok(before)
    }

    /// Sets owner group, mode and size of a queue; returns what it was before.
    pub(super) fn apply(&self, queue: &Queue) -> Result<QueueStat, String> {
        let before = queue.stat().map_err(|error| error.to_string())?;
        let max_bytes = self.max_bytes.unwrap_or_else(limits::msgmnb);
        let settings = QueueSettings {
            mode: Some(self.mode()),
            gid: Some(self.group.unwrap_or_else(Gid::effective).as_raw()),
            max_bytes: (max_bytes != before.max_bytes).then_some(max_bytes),
            uid: None,
        };
        let lowered = queue.set(&settings).map_err(|error| self.explain(&error, &before, max_bytes))?;
        if let Some(limit) = lowered {
            log::warn!("{}", size_lowered(queue, before.max_bytes, limit));
        }
        Ok(before)
    }

    /// Undoes what somebody did to the mode of the queue, or to its size where that holds no answer. A queue that cannot be
    /// served would look as if it were.
    pub(super) fn mend(&self, queue: &Queue) {
        let (was, mended) = match queue.stat() {
            Ok(stat) if stat.mode == self.mode() && stat.max_bytes >= LEAST_SIZE => return,
            Ok(stat) => (format!("mode {:04o}, {} bytes", stat.mode, stat.max_bytes), self.apply(queue).map(drop)),
            Err(error) if error.is_permission() => {
                ("a mode that shuts its owner out".to_owned(), self.apply_unseen(queue))
            }
            Err(_) => return,
        };
        match mended {
            Ok(()) => {
                if let Some(note) = CHANGES.admit_with_note("similar suppressed") {
                    log::warn!("somebody changed the queue ({was}); its mode and size are as configured again{note}");
                }
            }
            Err(reason) => log::debug!("somebody changed the queue ({was}), and it cannot be mended: {reason}"),
        }
    }

    /// As [`QueuePlan::apply`], where even the owner may not look at the queue.
    fn apply_unseen(&self, queue: &Queue) -> Result<(), String> {
        let settings = QueueSettings {
            mode: Some(self.mode()),
            gid: Some(self.group.unwrap_or_else(Gid::effective).as_raw()),
            uid: Some(Uid::effective().as_raw()),
            max_bytes: Some(self.max_bytes.unwrap_or_else(limits::msgmnb).min(limits::msgmnb())),
        };
        queue.set(&settings).map(drop).map_err(|error| error.to_string())
    }

    fn explain(&self, error: &QueueError, before: &QueueStat, max_bytes: u64) -> String {
        let limit = limits::msgmnb();
        if error.errno() == Errno::EPERM && max_bytes > before.max_bytes && max_bytes > limit {
            return format!(
                "max_bytes = {max_bytes} for queue {} is above the kernel's limit of {limit} (kernel.msgmnb), and this \
                 process lacks CAP_SYS_RESOURCE; raise the limit with: sysctl -w kernel.msgmnb={max_bytes} (and in \
                 /etc/sysctl.d/ to keep it), or lower max_bytes",
                self.key
            );
        }
        error.to_string()
    }
}

const ATTEMPTS: usize = 50;
static CHANGES: RateLimit = RateLimit::new("change of the queue by somebody");
/// One answer.
const LEAST_SIZE: u64 = BODY_LEN_LP64 as u64;

/// The kernel made no other change of the queue than with a smaller size.
pub(super) fn size_lowered(queue: &Queue, before: u64, limit: u64) -> String {
    format!(
        "the size of queue msqid {} went from {before} to {limit} bytes: kernel.msgmnb was lowered to that, and this process \
         lacks CAP_SYS_RESOURCE, so the kernel refuses every change of a larger queue; raise it again with: sysctl -w \
         kernel.msgmnb={before}",
        queue.id()
    )
}

fn find_group(name: &str) -> Result<Gid, String> {
    match name.parse() {
        Ok(u32::MAX) => return Err(format!("queue.group = {name:?} is no group: {} stands for none (-1)", u32::MAX)),
        Ok(number) => return Ok(Gid::from_raw(number)),
        Err(_) => {}
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(format!(
            "there is no group {name:?} to own the queue; create it with: groupadd --system {name}, or change \
             queue.group in the configuration"
        )),
        Err(errno) => Err(format!("cannot look up group {name:?}: {}", errno.desc())),
    }
}

/// `alice (uid 1000)`, or `uid 1000` where nobody has a name for it.
pub(super) fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => format!("{} (uid {uid})", user.name),
        _ => format!("uid {uid}"),
    }
}
