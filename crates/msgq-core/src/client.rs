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
//! **The queue of the answers** is that of the requests, a second one ([`Client::with_reply_queue`]), or one of the client's
//! own, as the protocol has it. Own queues are made when they are needed, one for each call that is under way, and kept for
//! the next call. They have mode 0600 and are given to the owner of the queue of requests: their creator may use them all
//! the same, so client and server can, and nobody else can read an answer there or forge one. All of them are removed with
//! the last clone of the client, after a panic too; not when the process is killed.
//!
//! **Late answers.** The protocol has no request numbers, so an answer that comes after its call gave up looks like the
//! answer to the next one. What has arrived is removed before each call. While one may still be on its way, the next
//! call is made from a short-lived thread of its own, whose number no earlier request has named. An answer that comes
//! too late for such a thread is for nobody: msgqd removes it, and on another server's queue `msgqctl purge` does. An own
//! queue is removed after a call that got no answer.

mod alarm;
mod call;
mod error;
mod private;

pub use crate::layout::MAX_REQUEST_TEXT_LEN;
pub use call::Received;
pub use error::{CallError, Phase};

use crate::layout::protocol::{ClientRole, Protocol, ReplyRoute};
use crate::layout::{self, REQUEST_MTYPE};
use crate::limits;
use crate::queue::Queue;
use call::{Call, Outgoing, Patience, Prepare, Way};
use private::PrivateQueues;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

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
#[derive(Debug, Clone)]
pub struct Client {
    queue: Queue,
    reply_queue: Option<Queue>,
    private: Arc<PrivateQueues>,
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
        let private = Arc::new(PrivateQueues::new());
        Self { queue, reply_queue: None, private, body_room: limits::msgmax(), spin_limit: Duration::ZERO }
    }

    /// Reads answers from this queue, for protocols that have a second one for them.
    #[must_use]
    pub fn with_reply_queue(mut self, queue: Queue) -> Self {
        self.reply_queue = Some(queue);
        self
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
        check_text(text)?;
        let prepare = |own| {
            let body = layout::encode_request(own, text).to_vec();
            Outgoing { mtype: REQUEST_MTYPE, body, answer_mtype: own.into(), parts: None }
        };
        let answers = self.reply_queue.unwrap_or(self.queue);
        let Received { body, latency, .. } = self.run(&self.prepared(answers, false, timeout, &prepare))?;
        match layout::decode_response(&body) {
            Some(view) => Ok(Answer { status: view.status, text: view.text.to_vec(), latency }),
            None => Err(CallError::MalformedAnswer { queue: error::in_words(&answers), len: body.len() }),
        }
    }

    /// As [`Client::call`] for any protocol: sends a request of type `mtype` with the fields of `body`, into which the
    /// number of the client and the address of its queue are written, and waits for the answer's whole body.
    ///
    /// # Errors
    /// [`CallError`], as [`Client::call`].
    pub fn exchange(
        &self,
        protocol: &Protocol,
        mtype: i64,
        body: &[u8],
        timeout: Duration,
    ) -> Result<Received, CallError> {
        let prepare = |own| outgoing(protocol, mtype, body, own);
        let here = || error::in_words(&self.queue);
        let answers = match protocol.route() {
            ReplyRoute::Shared => self.queue,
            ReplyRoute::Separate => self.reply_queue.ok_or_else(|| CallError::NoReplyQueue { queue: here() })?,
            ReplyRoute::Private => return self.exchange_privately(protocol, &prepare, timeout),
            ReplyRoute::Nowhere => return Err(CallError::NoAnswers { queue: here() }),
        };
        self.run(&self.prepared(answers, false, timeout, &prepare))
    }

    /// Sends a request as [`Client::exchange`] does and waits for no answer, only for room. Returns how long that took.
    ///
    /// # Errors
    /// [`CallError`]; nothing was sent then.
    pub fn send(&self, protocol: &Protocol, mtype: i64, body: &[u8], timeout: Duration) -> Result<Duration, CallError> {
        let prepare = |own| outgoing(protocol, mtype, body, own);
        self.prepared(self.queue, false, timeout, &prepare).send()
    }

    /// Removes all queues of this client's own, also under calls that wait there, and makes no more: for a program that is
    /// about to end.
    pub fn remove_private_queues(&self) {
        self.private.remove_all();
    }

    fn prepared<'a>(&self, answers: Queue, is_private: bool, timeout: Duration, prepare: Prepare<'a>) -> Call<'a> {
        let way = Way { requests: self.queue, answers, is_private };
        Call { way, patience: Patience::new(timeout, self.spin_limit), body_room: self.body_room, prepare }
    }

    fn exchange_privately(
        &self,
        protocol: &Protocol,
        prepare: Prepare<'_>,
        timeout: Duration,
    ) -> Result<Received, CallError> {
        let reply_to = protocol.plan().and_then(|plan| plan.reply_to.as_ref());
        let has_key = reply_to.is_some_and(|role| role.is_key);
        let lent = self.private.lend(&self.queue, has_key).map_err(|error| CallError::of_queue(error, true))?;
        let address = lent.address();
        let with_address = |own| {
            let request = prepare(own);
            Outgoing { body: protocol.request_with_reply_address(&request.body, address), ..request }
        };
        let call = self.prepared(lent.queue, true, timeout, &with_address);
        // Of an answer that came twice.
        let _ = call.remove_late_answers()?;
        let received = call.run()?;
        lent.give_back();
        Ok(received)
    }

    fn run(&self, call: &Call<'_>) -> Result<Received, CallError> {
        if !late_answer_may_come(call)? {
            let result = call.run();
            if matches!(result, Err(CallError::Timeout { phase: Phase::Receive, .. })) {
                LATE.with_borrow_mut(|late| late.push(call.way.answers.id()));
            }
            return result;
        }
        let no_thread = |error| CallError::no_deadline(&self.queue, "thread", error);
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("msgq-call".to_owned()).stack_size(STACK_LEN);
            let spawned = thread.spawn_scoped(scope, || call.run());
            let joined = spawned.map(std::thread::ScopedJoinHandle::join).map_err(no_thread)?;
            joined.unwrap_or_else(|_| Err(no_thread(io::Error::other("it panicked"))))
        })
    }
}

/// The request of the thread with this id. Where the type names the client, no other can be chosen.
fn outgoing(protocol: &Protocol, mtype: i64, body: &[u8], own: i32) -> Outgoing {
    let is_named_by_type = protocol.plan().is_some_and(|plan| plan.client == Some(ClientRole::Mtype));
    let mtype = if is_named_by_type { own.into() } else { mtype };
    Outgoing {
        mtype,
        body: protocol.request_of_client(body, own.into()),
        answer_mtype: protocol.answer_mtype(own.into(), mtype),
        parts: protocol.part_types(),
    }
}

/// Removes what has arrived for this thread since its last call, and tells whether more may.
fn late_answer_may_come(call: &Call<'_>) -> Result<bool, CallError> {
    let removed = call.remove_late_answers()?;
    let msqid = call.way.answers.id();
    Ok(LATE.with_borrow_mut(|late| {
        if removed > 0 {
            late.retain(|it| *it != msqid);
        }
        late.contains(&msqid)
    }))
}

fn check_text(text: &[u8]) -> Result<(), CallError> {
    if text.len() > MAX_REQUEST_TEXT_LEN {
        return Err(CallError::TextTooLong { len: text.len() });
    }
    text.iter().position(|byte| *byte == 0).map_or(Ok(()), |at| Err(CallError::TextHasNul { at }))
}

#[cfg(test)]
mod routes_tests;
#[cfg(test)]
mod tests;
