//! A client with a deadline: sends a request and waits for its answer, but never longer than it was told.
//!
//! **The deadline.** Neither msgsnd nor msgrcv takes a timeout, and only a handled signal ends their wait (`EINTR`). A
//! timer interrupts the calling thread from the deadline on, again and again until the call has returned: a single
//! signal could arrive just before the system call is entered and be lost.
//!
//! **The address.** Answers are addressed by a number, and this client uses the id of the calling *thread* (gettid(2)).
//! Thread and process ids share one number space, so no other client has it while the thread lives, and in the main
//! thread it is the PID that every v1 client uses. With the PID, two threads of one process could take each other's
//! answer, or would have to wait for each other.
//!
//! **Late answers.** The protocol has no request numbers, so an answer that comes after its call gave up looks like the
//! answer to the next one. What has arrived is removed before each call. While one may still be on its way, the next
//! call is made from a short-lived thread of its own, whose number no earlier request has named. An answer that comes
//! too late for such a thread is for nobody: msgqd removes it, and on another server's queue `msgqctl purge` does.

mod alarm;
mod error;

pub use crate::layout::MAX_REQUEST_TEXT_LEN;
pub use error::{CallError, Phase};

use crate::layout::{self, REQUEST_MTYPE};
use crate::limits;
use crate::queue::{MessageBuffer, Queue, QueueError};
use alarm::Alarm;
use nix::errno::Errno;
use nix::unistd::gettid;
use std::cell::RefCell;
use std::io;
use std::time::{Duration, Instant};

/// Longer timeouts count as this one, so that a deadline is always a moment that exists.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 0: done. -1: an error that the text explains. Other numbers are the server's own.
    pub status: i32,
    /// The text without its NUL; any bytes.
    pub text: Vec<u8>,
    /// From just before the request was sent until its answer was there.
    pub latency: Duration,
}

/// Sends requests to one queue. May be used by several threads at once; each gets its own answers.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    queue: Queue,
    body_room: usize,
    spin_limit: Duration,
}

thread_local! {
    /// Queues (by msqid) that may still bring an answer to an earlier request of this thread.
    static LATE: RefCell<Vec<i32>> = const { RefCell::new(Vec::new()) };
}

/// A call needs little; the default of 2 MiB would only be mapped and unmapped again.
const STACK_LEN: usize = 128 * 1024;

impl Client {
    /// A client of this queue.
    #[must_use]
    pub fn new(queue: Queue) -> Self {
        Self { queue, body_room: limits::msgmax(), spin_limit: Duration::ZERO }
    }

    /// Looks for each answer for up to `limit` before it blocks. Zero, the default, blocks at once.
    ///
    /// That saves the wake-up, which is most of the time of a call while the server is idle. It costs a CPU: with more
    /// such clients than CPUs all of them get slower (measured: eight on two CPUs, by a factor of 4).
    #[must_use]
    pub fn spin(mut self, limit: Duration) -> Self {
        self.spin_limit = limit;
        self
    }

    /// Sends `text` and waits for the answer until `timeout` has passed.
    ///
    /// The timeout covers the sending too, which waits while the queue is full. The first call of a process installs a
    /// handler for SIGURG that does nothing, beside any other handler of it; without one the kernel discards that
    /// signal. Nothing else is left behind. A program that later tells the kernel to *ignore* SIGURG takes the deadline
    /// away.
    ///
    /// # Errors
    /// [`CallError`]; after a [`CallError::Timeout`] in [`Phase::Receive`] the request may still be handled.
    pub fn call(&self, text: &[u8], timeout: Duration) -> Result<Answer, CallError> {
        let call = Call::new(self, text, timeout)?;
        if !self.late_answer_may_come()? {
            let result = call.run();
            if matches!(result, Err(CallError::Timeout { phase: Phase::Receive, .. })) {
                LATE.with_borrow_mut(|late| late.push(self.queue.id()));
            }
            return result;
        }
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("msgq-call".to_owned()).stack_size(STACK_LEN);
            let spawned = thread.spawn_scoped(scope, || call.run());
            let joined = spawned.map(std::thread::ScopedJoinHandle::join).map_err(|error| self.no("thread", error))?;
            joined.unwrap_or_else(|_| Err(self.no("thread", io::Error::other("it panicked"))))
        })
    }

    /// Removes what has arrived for this thread since its last call, and tells whether more may.
    fn late_answer_may_come(&self) -> Result<bool, CallError> {
        let removed = self.remove_own_answers()?;
        Ok(LATE.with_borrow_mut(|late| {
            if removed > 0 {
                late.retain(|msqid| *msqid != self.queue.id());
            }
            late.contains(&self.queue.id())
        }))
    }

    fn remove_own_answers(&self) -> Result<usize, CallError> {
        let mut buffer = self.buffer();
        let own = gettid().as_raw().into();
        let mut removed = 0;
        // Nobody but a forger sends more than the queue holds while this loop runs: it need not outrun one.
        while removed < MAX_LATE_ANSWERS {
            if !self.queue.try_receive(own, &mut buffer).map_err(|error| self.explain(error))? {
                break;
            }
            removed += 1;
        }
        Ok(removed)
    }

    fn buffer(&self) -> MessageBuffer {
        MessageBuffer::with_body_room(self.body_room)
    }

    fn explain(&self, error: QueueError) -> CallError {
        // EINVAL has other reasons too: the queue itself knows whether it is there.
        let is_gone = error.is_gone()
            && (error.errno() == Errno::EIDRM || self.queue.stat().is_err_and(|stat_error| stat_error.is_gone()));
        match error {
            _ if is_gone => CallError::QueueGone(error),
            _ if error.is_permission() => CallError::Permission(error),
            _ => CallError::Queue(error),
        }
    }

    fn no(&self, what: &'static str, error: io::Error) -> CallError {
        CallError::NoDeadline { queue: self.label(), what, error }
    }

    fn label(&self) -> String {
        let msqid = self.queue.id();
        self.queue.key().map_or(format!("queue with msqid {msqid}"), |key| format!("queue {key} (msqid {msqid})"))
    }
}

/// More than a queue of the default size can hold, empty messages included.
const MAX_LATE_ANSWERS: usize = 65536;

/// One request on its way.
struct Call<'a> {
    client: &'a Client,
    text: &'a [u8],
    timeout: Duration,
    deadline: Instant,
}

impl<'a> Call<'a> {
    fn new(client: &'a Client, text: &'a [u8], timeout: Duration) -> Result<Self, CallError> {
        if text.len() > MAX_REQUEST_TEXT_LEN {
            return Err(CallError::TextTooLong { len: text.len() });
        }
        if let Some(at) = text.iter().position(|byte| *byte == 0) {
            return Err(CallError::TextHasNul { at });
        }
        Ok(Self { client, text, timeout, deadline: Instant::now() + timeout.min(MAX_TIMEOUT) })
    }

    /// Sends and waits, in the name of the thread that runs this.
    fn run(&self) -> Result<Answer, CallError> {
        let (client, queue) = (self.client, self.client.queue);
        let own = gettid().as_raw();
        let mut buffer = client.buffer();
        let request = layout::encode_request(own, self.text);
        let alarm = Alarm::start(self.deadline).map_err(|(what, error)| client.no(what, error))?;
        let started = Instant::now();
        self.wait(Phase::Send, || queue.send(REQUEST_MTYPE, &request))?;
        if !self.spin_for_answer(own.into(), &mut buffer)? {
            self.wait(Phase::Receive, || queue.receive(own.into(), &mut buffer))?;
        }
        let latency = started.elapsed();
        drop(alarm);
        match layout::decode_response(buffer.body()) {
            Some(view) => Ok(Answer { status: view.status, text: view.text.to_vec(), latency }),
            None => Err(CallError::MalformedAnswer { queue: client.label(), len: buffer.body().len() }),
        }
    }

    /// True when the answer came while the caller looked for it.
    fn spin_for_answer(&self, own: i64, buffer: &mut MessageBuffer) -> Result<bool, CallError> {
        let client = self.client;
        let end = Instant::now() + client.spin_limit.min(self.timeout);
        while Instant::now() < end {
            if client.queue.try_receive(own, buffer).map_err(|error| client.explain(error))? {
                return Ok(true);
            }
            std::hint::spin_loop();
        }
        Ok(false)
    }

    fn wait(&self, phase: Phase, mut attempt: impl FnMut() -> Result<(), QueueError>) -> Result<(), CallError> {
        loop {
            match attempt() {
                Ok(()) => return Ok(()),
                Err(error) if error.errno() != Errno::EINTR => return Err(self.client.explain(error)),
                Err(_) if Instant::now() < self.deadline => {}
                Err(_) => {
                    return Err(CallError::Timeout { queue: self.client.label(), phase, timeout: self.timeout });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
