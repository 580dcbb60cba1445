//! One request on its way, until its answer is there or the deadline has passed.

use super::alarm::Alarm;
use super::error::{CallError, Phase};
use crate::layout::protocol::PartTypes;
use crate::queue::{MessageBuffer, Queue, QueueError};
use nix::errno::Errno;
use nix::unistd::gettid;
use std::time::{Duration, Instant};

/// Longer timeouts count as this one, so that a deadline is always a moment that exists.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// More than a queue of the default size can hold, empty messages included.
const MAX_LATE_ANSWERS: usize = 65536;

/// What is received, as its protocol makes nothing of it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// As the server sent it.
    pub body: Vec<u8>,
    /// The other messages of an answer in parts that have types of their own; the empty one that may end it is none.
    pub more_parts: Vec<Vec<u8>>,
    /// Its type says so, where parts have types of their own.
    pub is_error: bool,
    /// From just before the request was sent until its answer was there.
    pub latency: Duration,
}

/// A request that names the thread that sends it, and the type that its answer has.
pub(super) struct Outgoing {
    pub(super) mtype: i64,
    pub(super) body: Vec<u8>,
    pub(super) answer_mtype: i64,
    /// With them an answer may be several messages, and the queue it comes from is this client's own.
    pub(super) parts: Option<PartTypes>,
}

impl Outgoing {
    /// What msgrcv(2) is asked for.
    fn msgtyp(&self) -> i64 {
        if self.parts.is_some() { 0 } else { self.answer_mtype }
    }
}

/// Makes the request of the thread with this id.
pub(super) type Prepare<'a> = &'a (dyn Fn(i32) -> Outgoing + Sync);

/// Where requests go and answers come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) requests: Queue,
    pub(super) answers: Queue,
    /// The queue of the answers is this client's own.
    pub(super) is_private: bool,
}

/// How long a call may wait, and for how long it looks before it does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    timeout: Duration,
    deadline: Instant,
    spin_limit: Duration,
}

/// One request on its way.
pub(super) struct Call<'a> {
    pub(super) way: Way,
    pub(super) patience: Patience,
    pub(super) body_room: usize,
    pub(super) prepare: Prepare<'a>,
}

impl Way {
    fn explain(&self, error: QueueError) -> CallError {
        CallError::of_queue(error, self.is_private && error.msqid() == Some(self.answers.id()))
    }
}

impl Patience {
    pub(super) fn new(timeout: Duration, spin_limit: Duration) -> Self {
        Self { timeout, deadline: Instant::now() + timeout.min(MAX_TIMEOUT), spin_limit }
    }
}

impl Call<'_> {
    /// Sends and waits, in the name of the thread that runs this.
    pub(super) fn run(&self) -> Result<Received, CallError> {
        let Way { requests, answers, .. } = self.way;
        let outgoing = (self.prepare)(gettid().as_raw());
        let mut buffer = MessageBuffer::with_body_room(self.body_room);
        let alarm = self.start_alarm()?;
        let started = Instant::now();
        self.wait(Phase::Send, || requests.send(outgoing.mtype, &outgoing.body))?;
        if !self.spin_for_answer(outgoing.msgtyp(), &mut buffer)? {
            self.wait(Phase::Receive, || answers.receive(outgoing.msgtyp(), &mut buffer))?;
        }
        let body = buffer.body().to_vec();
        let is_error = outgoing.parts.is_some_and(|types| types.error == buffer.mtype());
        let more_parts = outgoing.parts.map(|types| self.receive_parts(types, &mut buffer)).transpose()?;
        let latency = started.elapsed();
        drop(alarm);
        Ok(Received { body, more_parts: more_parts.unwrap_or_default(), is_error, latency })
    }

    /// What comes behind the first part, which is in the buffer.
    fn receive_parts(&self, types: PartTypes, buffer: &mut MessageBuffer) -> Result<Vec<Vec<u8>>, CallError> {
        let mut parts = Vec::new();
        while buffer.mtype() == types.data {
            self.wait(Phase::Receive, || self.way.answers.receive(0, buffer))?;
            if types.end != Some(buffer.mtype()) {
                parts.push(buffer.body().to_vec());
            }
        }
        Ok(parts)
    }

    /// Sends, and waits for nothing but room. Returns how long that took.
    pub(super) fn send(&self) -> Result<Duration, CallError> {
        let Outgoing { mtype, body, .. } = (self.prepare)(gettid().as_raw());
        let _alarm = self.start_alarm()?;
        let started = Instant::now();
        self.wait(Phase::Send, || self.way.requests.send(mtype, &body))?;
        Ok(started.elapsed())
    }

    /// Removes what has arrived for this thread since its last call, and returns how many messages that were.
    pub(super) fn remove_late_answers(&self) -> Result<usize, CallError> {
        let mut buffer = MessageBuffer::with_body_room(self.body_room);
        let msgtyp = (self.prepare)(gettid().as_raw()).msgtyp();
        let mut removed = 0;
        // Nobody but a forger sends more than the queue holds while this loop runs: it need not outrun one.
        while removed < MAX_LATE_ANSWERS {
            let received = self.way.answers.try_receive(msgtyp, &mut buffer);
            if !received.map_err(|error| self.way.explain(error))? {
                break;
            }
            removed += 1;
        }
        Ok(removed)
    }

    fn start_alarm(&self) -> Result<Alarm, CallError> {
        Alarm::start(self.patience.deadline)
            .map_err(|(what, error)| CallError::no_deadline(&self.way.requests, what, error))
    }

    /// True when the answer came while the caller looked for it.
    fn spin_for_answer(&self, own: i64, buffer: &mut MessageBuffer) -> Result<bool, CallError> {
        let Patience { timeout, spin_limit, .. } = self.patience;
        let end = Instant::now() + spin_limit.min(timeout);
        while Instant::now() < end {
            if self.way.answers.try_receive(own, buffer).map_err(|error| self.way.explain(error))? {
                return Ok(true);
            }
            std::hint::spin_loop();
        }
        Ok(false)
    }

    fn wait(&self, phase: Phase, mut attempt: impl FnMut() -> Result<(), QueueError>) -> Result<(), CallError> {
        let Patience { timeout, deadline, .. } = self.patience;
        loop {
            match attempt() {
                Ok(()) => return Ok(()),
                Err(error) if error.errno() != Errno::EINTR => return Err(self.way.explain(error)),
                Err(_) if Instant::now() < deadline => {}
                Err(_) => return Err(CallError::timeout(&self.way.requests, phase, timeout)),
            }
        }
    }
}
