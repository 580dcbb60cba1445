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
mod shared;
mod state;
mod unix;
mod worker;

pub(super) use unix::{find_user, unix_pool};
pub(super) use worker::worker_pool;

use super::{Handler, HandlerRequest, Reply};
use keeper::Keeper;
use link::Backend;
use shared::{Limits, PoolShared};
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// The pool. Dropped, it is stopped without any delay.
pub(super) struct Pool<B: Backend> {
    shared: Arc<PoolShared<B>>,
}

/// How long the end may take after the deadline, for processes to die of SIGKILL and be reaped.
const KILL_TIME: Duration = Duration::from_secs(1);

impl<B: Backend> Pool<B> {
    /// Starts the keepers, and with an eager backend the links.
    ///
    /// # Errors
    /// No descriptor or no thread is left.
    pub(super) fn new(backend: B, limits: Limits) -> io::Result<Self> {
        let pool = Self { shared: Arc::new(PoolShared::new(backend, limits)?) };
        for place in 0..pool.shared.limits.size {
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

    fn time_limit(&self) -> Option<Duration> {
        Some(self.shared.limits.timeout)
    }

    fn name(&self) -> &'static str {
        B::KIND
    }

    fn trouble(&self) -> Option<String> {
        let state = self.shared.lock();
        state.health.trouble(Instant::now()).map(|trouble| format!("{} {trouble}", self.shared.backend.subject()))
    }

    fn abort(&self) {
        self.shared.abort();
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
