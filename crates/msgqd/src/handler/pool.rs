//! A fixed number of links to a handler program, whatever they are made of: given to one request at a time, watched
//! while they are idle, replaced with exponential backoff, and counted out when none can be had.
//!
//! Each place in the pool has a keeper, a thread that opens its link, sleeps while the link works, and closes it. So
//! no request waits for the end of a broken program, and what works again is found without a request. A request takes
//! an idle link and speaks on it itself; the keeper hears of it only when there is something to do.
//!
//! The pause before a link is replaced doubles from 100 ms to 30 s with each failure in a row and is over when a
//! request is answered. With no link left after three failures in a row the handler is down: requests are refused at
//! once, and a link is tried again after each pause, with or without requests.

mod conversation;
mod health;
mod keeper;
mod link;
mod request;
mod state;
mod unix;
mod worker;

pub(super) use unix::unix_pool;
pub(super) use worker::worker_pool;

use super::{Handler, HandlerRequest, Reply};
use keeper::Keeper;
use link::Link;
use rustix::event::{EventfdFlags, eventfd};
use state::State;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How links are opened and closed.
pub(super) trait Backend: Send + Sync + 'static {
    /// What a link is.
    type Link: Link;

    /// The kind of handler in the configuration and in the log.
    const KIND: &'static str;
    /// One link in a sentence for clients: "worker".
    const NOUN: &'static str;
    /// True when links are opened before there is a request for them.
    const IS_EAGER: bool;

    /// What is behind all links, for the log: "the worker program /usr/local/bin/answer".
    fn subject(&self) -> String;

    /// Opens a link, up to and with the hello. Gives up when `abort` is readable.
    ///
    /// # Errors
    /// The reason, as a sentence.
    fn open(&self, abort: BorrowedFd<'_>) -> Result<Self::Link, String>;

    /// Closes a link that no request uses any more; within the time that is left for it when there is a deadline.
    fn close(&self, link: Self::Link, end: &End, deadline: Option<Instant>);

    /// Time is up: what is still being closed ends at once.
    fn hurry(&self) {}

    /// The service ends, and all links are closed.
    fn finish(&self) {}
}

/// Why a link is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It has answered as many requests as it may.
    Recycled,
    /// The pool ends.
    Stopped,
    /// It ended while no request used it.
    Gone,
    /// It failed; a sentence that follows its name, as in "the worker ...".
    Broken(String),
}

/// The limits of a pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Links, and so requests at the same time.
    pub(super) size: usize,
    /// Time for a request, from when it was taken from the queue.
    pub(super) timeout: Duration,
    /// Requests after which a link is replaced.
    pub(super) max_requests: Option<u64>,
    /// True when a request may be run a second time.
    pub(super) is_idempotent: bool,
}

/// The pool. Dropped, it is stopped without any delay.
pub(super) struct Pool<B: Backend> {
    shared: Arc<Shared<B>>,
}

pub(super) struct Shared<B: Backend> {
    backend: B,
    limits: Limits,
    state: Mutex<State<B::Link>>,
    /// A link became idle, or will not.
    ready: Condvar,
    /// Something changed for keepers that have no link.
    turn: Condvar,
    /// Wakes the keeper of each place that has a link.
    wakes: Vec<OwnedFd>,
    /// Readable, once and for all, when no request is waited for any more.
    abort: OwnedFd,
}

impl<B: Backend> Shared<B> {
    fn lock(&self) -> MutexGuard<'_, State<B::Link>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock, so that a keeper that drains its eventfd under the lock loses no wake and keeps no old one.
    fn wake(&self, place: usize, _state: &MutexGuard<'_, State<B::Link>>) {
        if let Some(wake) = self.wakes.get(place) {
            signal(wake);
        }
    }
}

fn new_event() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

fn signal(event: &OwnedFd) {
    // It can only fail when the counter is full, and then the event is readable.
    let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
}

/// How long the end may take after the deadline, for processes to die of SIGKILL and be reaped.
const KILL_TIME: Duration = Duration::from_secs(1);

impl<B: Backend> Pool<B> {
    /// Starts the keepers, and with an eager backend the links.
    ///
    /// # Errors
    /// No descriptor or no thread is left.
    pub(super) fn new(backend: B, limits: Limits) -> io::Result<Self> {
        let limits = Limits { size: limits.size.max(1), ..limits };
        let wakes = (0..limits.size).map(|_| new_event());
        let pool = Self {
            shared: Arc::new(Shared {
                wakes: wakes.collect::<io::Result<_>>()?,
                abort: new_event()?,
                state: Mutex::new(State::new(limits.size, B::IS_EAGER)),
                backend,
                limits,
                ready: Condvar::new(),
                turn: Condvar::new(),
            }),
        };
        for place in 0..limits.size {
            // Without all of them the pool is dropped, and that ends those there are.
            Keeper::spawn(&pool.shared, place)?;
        }
        Ok(pool)
    }

    /// Closes all links, politely as long as there is time, and waits for the keepers.
    fn close_links(&self, deadline: Instant) {
        let mut state = self.shared.lock();
        state.stopping = Some(deadline);
        for place in 0..self.shared.limits.size {
            self.shared.wake(place, &state);
        }
        drop(state);
        self.shared.ready.notify_all();
        self.shared.turn.notify_all();
        if !self.await_keepers(deadline) {
            self.shared.backend.hurry();
            if !self.await_keepers(deadline.max(Instant::now()) + KILL_TIME) {
                log::error!("{} is not ended within the time there is", self.shared.backend.subject());
            }
        }
    }

    fn await_keepers(&self, deadline: Instant) -> bool {
        let mut state = self.shared.lock();
        while state.keepers > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.turn.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl<B: Backend> Handler for Pool<B> {
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
        self.shared.ask(request)
    }

    fn concurrency(&self) -> usize {
        self.shared.limits.size
    }

    fn name(&self) -> &'static str {
        B::KIND
    }

    fn trouble(&self) -> Option<String> {
        let state = self.shared.lock();
        state.health.trouble(Instant::now()).map(|trouble| format!("{} {trouble}", self.shared.backend.subject()))
    }

    fn abort(&self) {
        self.shared.lock().is_aborted = true;
        signal(&self.shared.abort);
        self.shared.ready.notify_all();
    }

    fn stop(&self, deadline: Instant) {
        self.close_links(deadline);
        self.shared.backend.finish();
    }
}

impl<B: Backend> Drop for Pool<B> {
    fn drop(&mut self) {
        if self.shared.lock().keepers > 0 {
            self.close_links(Instant::now());
        }
    }
}
