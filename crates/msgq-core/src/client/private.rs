//! Queues of a client's own, one for each call that is under way, so that no call can take another's answer.

use crate::layout::protocol::ReplyAddress;
use crate::queue::{Queue, QueueError, QueueKey, QueueSettings};
use nix::errno::Errno;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// This user creates it and so reads it whoever owns it; its owner, who is given to be the server, writes there. Nobody else
/// can take an answer or forge one.
const MODE: u32 = 0o600;

/// All queues that a client has made. They are removed when this is dropped.
#[derive(Debug)]
pub(super) struct PrivateQueues {
    kept: Mutex<Kept>,
    /// A process that was forked leaves them to the one that made them.
    process: u32,
}

#[derive(Debug, Default)]
struct Kept {
    idle: Vec<Queue>,
    lent: Vec<Queue>,
    is_closed: bool,
}

/// A queue for one call; removed when dropped, unless it is given back.
#[derive(Debug)]
pub(super) struct LentQueue<'a> {
    pub(super) queue: Queue,
    owner: &'a PrivateQueues,
}

impl PrivateQueues {
    pub(super) fn new() -> Self {
        Self { kept: Mutex::default(), process: std::process::id() }
    }

    /// A queue that nobody else uses, with a key or without one, to which the owner of `requests` can send.
    pub(super) fn lend(&self, requests: &Queue, has_key: bool) -> Result<LentQueue<'_>, QueueError> {
        let mut kept = self.lock();
        let fits = kept.idle.iter().position(|queue| queue.key().is_some() == has_key);
        let queue = match fits {
            Some(index) => kept.idle.swap_remove(index),
            None => create_queue(has_key)?,
        };
        let is_closed = kept.is_closed;
        kept.lent.push(queue);
        drop(kept);
        let lent = LentQueue { queue, owner: self };
        if is_closed {
            let _ = queue.remove();
        } else if fits.is_none() {
            give_to_server(&queue, requests)?;
        }
        Ok(lent)
    }

    /// Removes all of them, those of calls that are under way too, and all that would be made from now on.
    pub(super) fn remove_all(&self) {
        let mut kept = self.lock();
        kept.is_closed = true;
        let idle = std::mem::take(&mut kept.idle);
        for queue in idle.iter().chain(&kept.lent) {
            // It may be gone already: the server owns it too.
            let _ = queue.remove();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_back(&self, queue: Queue, is_kept: bool) {
        let mut kept = self.lock();
        kept.lent.retain(|lent| lent != &queue);
        if is_kept && !kept.is_closed {
            kept.idle.push(queue);
        } else {
            let _ = queue.remove();
        }
    }
}

impl Drop for PrivateQueues {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            self.remove_all();
        }
    }
}

impl LentQueue<'_> {
    /// As requests name it.
    pub(super) fn address(&self) -> ReplyAddress {
        self.queue
            .key()
            .map_or(ReplyAddress::Msqid(self.queue.id()), |key| ReplyAddress::Key(key.raw().cast_unsigned()))
    }

    /// For the next call: nothing is on its way to it any more.
    pub(super) fn give_back(self) {
        self.owner.take_back(self.queue, true);
        std::mem::forget(self);
    }
}

impl Drop for LentQueue<'_> {
    fn drop(&mut self) {
        self.owner.take_back(self.queue, false);
    }
}

fn create_queue(has_key: bool) -> Result<Queue, QueueError> {
    if !has_key {
        return Queue::create_private(MODE);
    }
    loop {
        // Seeded by the kernel: nobody can take the key beforehand.
        let random = RandomState::new().build_hasher().finish();
        let [a, b, c, d, ..] = random.to_ne_bytes();
        let Some(key) = QueueKey::new(i32::from_ne_bytes([a, b, c, d])) else { continue };
        match Queue::create(key, MODE) {
            Err(error) if error.errno() == Errno::EEXIST => {}
            created => return created,
        }
    }
}

/// Makes the owner of the queue of requests the owner of this one, which its creator can use and remove all the same. Where
/// nobody tells who that is, the queue stays this user's, and a server that may not write there says so.
fn give_to_server(queue: &Queue, requests: &Queue) -> Result<(), QueueError> {
    let readable = requests.stat().map(|stat| stat.uid).ok();
    let Some(uid) = readable.or_else(|| requests.listed().map(|row| row.uid)) else { return Ok(()) };
    queue.set(&QueueSettings { uid: Some(uid), ..QueueSettings::default() }).map(drop)
}
