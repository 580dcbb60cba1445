//! What requests, keepers and the pool itself share: the links under one lock, and the ways to wake who waits.

use super::link::Backend;
use super::state::PoolState;
use crate::handler::payload::Payload;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The limits of a pool.
#[derive(Debug, Clone, Copy)]
pub(in crate::handler) struct Limits {
    /// Links, and so requests at the same time.
    pub(super) size: usize,
    /// Time for a request, from when it was taken from the queue.
    pub(super) timeout: Duration,
    /// Requests after which a link is replaced.
    pub(super) max_requests: Option<u64>,
    /// True when a request may be run a second time.
    pub(super) is_idempotent: bool,
    /// What its programs may answer with.
    pub(super) payload: Payload,
}

pub(super) struct PoolShared<B: Backend> {
    pub(super) backend: B,
    pub(super) limits: Limits,
    state: Mutex<PoolState<B::Link>>,
    /// A link became idle, or will not.
    pub(super) ready: Condvar,
    /// Something changed for keepers that have no link.
    pub(super) turn: Condvar,
    /// Wakes the keeper of each place that has a link.
    pub(super) wakes: Vec<OwnedFd>,
    /// Readable, once and for all, when no request is waited for any more.
    pub(super) abort: OwnedFd,
}

impl<B: Backend> PoolShared<B> {
    pub(super) fn new(backend: B, limits: Limits) -> io::Result<Self> {
        let size = limits.size.max(1);
        Ok(Self {
            wakes: (0..size).map(|_| new_event()).collect::<io::Result<_>>()?,
            abort: new_event()?,
            state: Mutex::new(PoolState::new(size, B::IS_EAGER)),
            backend,
            limits: Limits { size, ..limits },
            ready: Condvar::new(),
            turn: Condvar::new(),
        })
    }

    /// Calls off all requests; no other is begun. What works on one is ended.
    pub(super) fn abort(&self) {
        self.lock().is_aborted = true;
        signal(&self.abort);
        self.ready.notify_all();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PoolState<B::Link>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock, so that a keeper that drains its eventfd under the lock loses no wake and keeps no old one.
    pub(super) fn wake(&self, place: usize, _state: &MutexGuard<'_, PoolState<B::Link>>) {
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
