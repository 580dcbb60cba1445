//! Looking at the messages of a queue one after the other, oldest first, and taking none (MSG_COPY).
//!
//! Each look walks the queue from its head under its lock, so that the cost of looking at all grows with the square of
//! the messages (16000 of them: seconds), and a flooder could make it endless. So there is no way to browse without
//! limits. In a queue that is in use the result is an approximation: when a message is taken, those behind it move up
//! one place, and one of them is missed.

use super::buffer::MessageBuffer;
use super::error::QueueError;
use super::handle::Queue;
use nix::errno::Errno;
use std::time::{Duration, Instant};

/// When to stop looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowseLimits {
    /// How long to go on. One message is looked at in any case.
    pub time: Duration,
    /// How many messages to look at.
    pub messages: usize,
}

impl Default for BrowseLimits {
    /// Half a second, and as many messages as a queue of the default size can hold (`msg_qbytes` empty ones).
    fn default() -> Self {
        Self { time: Duration::from_millis(500), messages: 16384 }
    }
}

impl BrowseLimits {
    /// What each of so many looks has, so that all of them together end within this time.
    #[must_use]
    pub fn shared_by(self, looks: u32) -> Self {
        Self { time: self.time / looks.max(1), ..self }
    }
}

/// Why there is no next message to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrowseEnd {
    /// All messages were seen.
    AllSeen,
    /// As many were seen as the limit allows; there may be more.
    MessageLimit,
    /// The time was over; there may be more.
    TimeLimit,
    /// The kernel showed no more.
    Failed(QueueError),
}

/// A look at a queue that is under way.
///
/// ```no_run
/// use msgq_core::queue::{Browse, BrowseLimits, MessageBuffer, Queue, QueueKey};
///
/// let queue = Queue::open(QueueKey::DEFAULT)?;
/// let mut buffer = MessageBuffer::new();
/// let mut browse = Browse::new(queue, BrowseLimits::default(), &mut buffer);
/// while let Some((index, message)) = browse.next_message() {
///     println!("{index}: type {}, {} bytes", message.mtype(), message.body().len());
/// }
/// println!("all messages were seen: {}", browse.is_complete()?);
/// # Ok::<(), msgq_core::queue::QueueError>(())
/// ```
#[derive(Debug)]
pub struct Browse<'a> {
    queue: Queue,
    limits: BrowseLimits,
    buffer: &'a mut MessageBuffer,
    started: Instant,
    looked_at: usize,
    end: Option<BrowseEnd>,
    /// Messages that the kernel does not show: longer than `kernel.msgmax` is now.
    hidden: usize,
}

impl<'a> Browse<'a> {
    /// Starts to look; the time runs from here. The buffer grows where a message needs it.
    #[must_use]
    pub fn new(queue: Queue, limits: BrowseLimits, buffer: &'a mut MessageBuffer) -> Self {
        Self { queue, limits, buffer, started: Instant::now(), looked_at: 0, end: None, hidden: 0 }
    }

    /// The place of the next message (0 is the oldest) and the message itself; `None` at the end.
    pub fn next_message(&mut self) -> Option<(usize, &MessageBuffer)> {
        if self.end.is_none() {
            self.end = self.look_on();
        }
        if self.end.is_some() {
            return None;
        }
        let index = self.looked_at;
        self.looked_at += 1;
        Some((index, self.buffer))
    }

    fn look_on(&mut self) -> Option<BrowseEnd> {
        loop {
            if self.looked_at >= self.limits.messages {
                return Some(BrowseEnd::MessageLimit);
            }
            if self.looked_at > 0 && self.started.elapsed() >= self.limits.time {
                return Some(BrowseEnd::TimeLimit);
            }
            match self.peek() {
                Ok(true) => return None,
                Ok(false) => return Some(BrowseEnd::AllSeen),
                // MSG_COPY shows no message that is longer than kernel.msgmax is now (`copy_msg` in `ipc/msgutil.c`).
                Err(error) if error.errno() == Errno::EINVAL && !error.is_gone() => {
                    self.looked_at += 1;
                    self.hidden += 1;
                }
                Err(error) => return Some(BrowseEnd::Failed(error)),
            }
        }
    }

    fn peek(&mut self) -> Result<bool, QueueError> {
        match self.queue.peek(self.looked_at, self.buffer) {
            Err(error) if error.errno() == Errno::E2BIG => {
                self.buffer.make_room(self.queue.widest_possible_body()?);
                self.queue.peek(self.looked_at, self.buffer)
            }
            looked => looked,
        }
    }

    /// How many messages were looked at, those included that the kernel did not show.
    #[must_use]
    pub fn looked_at(&self) -> usize {
        self.looked_at
    }

    /// Why there is no next message; `None` while there may be one.
    #[must_use]
    pub fn end(&self) -> Option<BrowseEnd> {
        self.end
    }

    /// True when all messages were seen, false when a limit came first or the kernel did not show all.
    ///
    /// # Errors
    /// The failure that ended the look: ENOSYS on a kernel without MSG_COPY, EACCES without read permission, EIDRM or
    /// EINVAL when the queue is gone.
    pub fn is_complete(&self) -> Result<bool, QueueError> {
        match self.end {
            Some(BrowseEnd::Failed(error)) => Err(error),
            end => Ok(end == Some(BrowseEnd::AllSeen) && self.hidden == 0),
        }
    }
}
