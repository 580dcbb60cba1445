//! A queue that is served: its msqid now, how it is made anew, who was last seen to send to it, and what in it is left alone.
//! Where answers have a queue of their own, there are two.
//!
//! One thread at a time replaces a queue that somebody removed, however many notice: see
//! [`ServedQueue::loss_of`]. Whoever reads the msqid sees a queue that is set up.

use super::foreign_messages::ForeignMessages;
use msgq_core::layout::protocol::Protocol;
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::{Queue, QueueKey, QueueRole, QueueStat};
use msgq_core::table::Table;
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const SAYING_PAUSE: Duration = Duration::from_secs(60);

/// Makes the queue anew after somebody removed it; the error is a sentence for the log.
pub type Recreate = Box<dyn Fn() -> Result<Queue, String> + Send + Sync>;

/// A queue as the service had it, and how it is had again.
pub struct OwnedQueue {
    /// The queue.
    pub queue: Queue,
    /// Makes it anew.
    pub recreate: Recreate,
}

pub(super) struct ServedQueue {
    role: QueueRole,
    key: Option<QueueKey>,
    msqid: AtomicI32,
    recreate: Recreate,
    replacing: Mutex<Failures>,
    /// The last process but this one that was seen to send; 0: none yet.
    last_sender: AtomicI32,
    /// What in it is not the server's.
    pub(super) foreign_messages: ForeignMessages,
}

impl fmt::Debug for ServedQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServedQueue")
            .field("role", &self.role)
            .field("key", &self.key)
            .field("msqid", &self.msqid)
            .finish_non_exhaustive()
    }
}

/// The right to replace a queue that is gone.
pub(super) struct QueueLoss<'a> {
    served: &'a ServedQueue,
    msqid: i32,
    failures: MutexGuard<'a, Failures>,
}

/// What was said of a loss that cannot be mended yet.
#[derive(Debug, Default)]
struct Failures {
    lost: Option<i32>,
    said: Option<(String, Instant)>,
}

impl ServedQueue {
    pub(super) fn new(role: QueueRole, owned: OwnedQueue, table: &Arc<Table>) -> Self {
        let OwnedQueue { queue, recreate } = owned;
        Self {
            role,
            foreign_messages: ForeignMessages::new(role, Arc::clone(table)),
            key: queue.key(),
            msqid: AtomicI32::new(queue.id()),
            recreate,
            replacing: Mutex::new(Failures::default()),
            last_sender: AtomicI32::new(0),
        }
    }

    /// What it is for.
    pub(super) fn role(&self) -> QueueRole {
        self.role
    }

    pub(super) fn current(&self) -> Queue {
        self.with_id(self.msqid.load(Ordering::Acquire))
    }

    /// The queue of this key that had this msqid when a request was received; it may be gone.
    pub(super) fn with_id(&self, msqid: i32) -> Queue {
        Queue::known(self.key, msqid)
    }

    /// Keeps who sent last; the daemon's own answers do not count.
    pub(super) fn note_sender(&self, stat: &QueueStat) {
        if stat.last_send_pid != nix::unistd::getpid().as_raw() {
            self.last_sender.store(stat.last_send_pid, Ordering::Relaxed);
        }
    }

    /// The last client that was seen to send, which may or may not be who removed the queue.
    fn describe_last_sender(&self) -> String {
        let Some(client) = ClientNumber::new(self.last_sender.load(Ordering::Relaxed)) else {
            return "nobody but the server was seen to send to it".to_owned();
        };
        match process_name(client) {
            Some(name) => format!("the last client seen to send to it was PID {client} ({name})"),
            None => format!("the last client seen to send to it was PID {client}, which is gone or hidden"),
        }
    }

    /// Waits until no thread replaces the queue.
    pub(super) fn await_replacement(&self) {
        drop(self.replacing.lock());
    }

    /// `None` when `lost` has been replaced already. Waits while another thread replaces it.
    pub(super) fn loss_of(&self, lost: &Queue) -> Option<QueueLoss<'_>> {
        let replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        (self.current().id() == lost.id()).then_some(QueueLoss { served: self, msqid: lost.id(), failures: replacing })
    }
}

impl QueueLoss<'_> {
    /// Who may have removed it, for the log.
    pub(super) fn suspect(&self) -> String {
        self.served.describe_last_sender()
    }

    /// True the first time.
    pub(super) fn is_new(&mut self) -> bool {
        self.failures.lost.replace(self.msqid) != Some(self.msqid)
    }

    /// True when this reason was not said within the last minute. Its first clause says what it is; ages and last users of a
    /// queue, which change all the time, follow.
    pub(super) fn is_worth_saying(&mut self, reason: &str) -> bool {
        let reason = reason.split("; ").next().unwrap_or_default();
        let is_known = |(said, at): &(String, Instant)| said == reason && at.elapsed() < SAYING_PAUSE;
        if self.failures.said.as_ref().is_some_and(is_known) {
            return false;
        }
        self.failures.said = Some((reason.to_owned(), Instant::now()));
        true
    }

    /// Makes the queue anew; from then on it is the one that is served. Somebody else may have made it meanwhile: what rests
    /// in it then is left alone.
    pub(super) fn replace(&mut self, protocol: &Protocol) -> Result<Queue, String> {
        let queue = (self.served.recreate)()?;
        self.served.foreign_messages.leave_alone_what_rests(&queue, protocol);
        *self.failures = Failures::default();
        self.served.msqid.store(queue.id(), Ordering::Release);
        Ok(queue)
    }
}
