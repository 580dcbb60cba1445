//! The thread that keeps one place of the pool filled.

use super::health::{Epoch, LONGEST_PAUSE};
use super::link::{Backend, End, Link, Watch};
use super::shared::PoolShared;
use super::state::{HeldLink, PoolState, Turn};
use crate::alerts;
use crate::handler::process::poll_until;
use crate::panics::vital;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub(super) struct Keeper<B: Backend> {
    shared: Arc<PoolShared<B>>,
    place: usize,
}

/// An end to each sleep, for the clock's sake; nothing happens after it.
const NAP: Duration = Duration::from_secs(3600);

/// Which of the things a keeper watches is ready.
#[derive(Default, Clone, Copy)]
struct Noticed {
    end: bool,
    log: bool,
}

/// What a keeper found its link doing.
enum Tended<L> {
    /// It is to be closed.
    Ended(HeldLink<L>, End),
    /// It works for a request, and there is something to do when it has.
    Busy,
    /// Nothing that needs the keeper.
    Sleeps,
}

impl<B: Backend> Keeper<B> {
    pub(super) fn spawn(shared: &Arc<PoolShared<B>>, place: usize) -> io::Result<()> {
        let keeper = Self { shared: Arc::clone(shared), place };
        shared.lock().keepers += 1;
        let (body, announcement) = vital(move || keeper.run());
        let spawned = thread::Builder::new().name(format!("keeper-{place}")).spawn(body);
        announcement.wait();
        if spawned.is_err() {
            shared.lock().keepers -= 1;
        }
        spawned.map(drop)
    }

    fn run(&self) {
        while let Some(epoch) = self.await_turn() {
            let opened = self.shared.backend.open(self.wake()).and_then(|link| match link.watch() {
                Ok(watch) => Ok((link, watch)),
                Err(error) => Err(format!("cannot watch it: {error}")),
            });
            match opened {
                Ok((link, watch)) => {
                    self.opened(link, epoch);
                    let (held, end) = self.attend(watch);
                    let deadline = self.shared.lock().stopping;
                    self.shared.backend.close(held.link, &end, deadline);
                }
                Err(reason) => self.failed(epoch, &reason),
            }
        }
        self.shared.lock().keepers -= 1;
        self.shared.turn.notify_all();
    }

    fn wake(&self) -> BorrowedFd<'_> {
        // There are as many as places; keepers are made for places only.
        #[allow(clippy::indexing_slicing, reason = "one eventfd for each place")]
        self.shared.wakes[self.place].as_fd()
    }

    fn drain_wake(&self) {
        let _ = rustix::io::read(self.wake(), &mut [0; 8]);
    }

    /// Waits until a link is wanted and may be opened; `None` when the pool ends.
    fn await_turn(&self) -> Option<Epoch> {
        let mut state = self.shared.lock();
        loop {
            let now = Instant::now();
            let pause = match state.turn(now) {
                Turn::Leave => return None,
                Turn::Open => {
                    state.opening += 1;
                    // From here on a wake means that the pool ends.
                    self.drain_wake();
                    return Some(state.health.epoch());
                }
                Turn::At(next_try) => next_try.saturating_duration_since(now),
                Turn::Wait => NAP,
            };
            state = self.shared.turn.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn opened(&self, link: B::Link, epoch: Epoch) {
        let mut state = self.shared.lock();
        state.opening -= 1;
        state.open += 1;
        if state.health.comes_back() {
            log::info!(message_id = alerts::HANDLER_UP; "{} is back", self.shared.backend.subject());
        }
        drop(state);
        self.shared.put_idle(HeldLink { place: self.place, link, epoch, answered: 0, opened_at: Instant::now() });
        self.shared.turn.notify_all();
    }

    fn failed(&self, epoch: Epoch, reason: &str) {
        let mut state = self.shared.lock();
        state.opening -= 1;
        if state.stopping.is_none() {
            state.health.fail(epoch, reason, Instant::now());
            self.shared.judge(&mut state);
        }
        drop(state);
        self.shared.turn.notify_all();
    }

    /// Sleeps until the link is to be closed.
    fn attend(&self, mut watch: Watch) -> (HeldLink<B::Link>, End) {
        let mut ready = Noticed::default();
        loop {
            let is_busy = match self.tend(ready, &mut watch) {
                Tended::Ended(held, end) => return (held, end),
                Tended::Busy => true,
                Tended::Sleeps => false,
            };
            ready = self.sleep(&watch, is_busy);
            self.drain_wake();
        }
    }

    fn tend(&self, ready: Noticed, watch: &mut Watch) -> Tended<B::Link> {
        let mut state = self.shared.lock();
        let returned = state.places.get_mut(self.place).and_then(|place| place.returned.take());
        if let Some((held, end)) = returned {
            return Tended::Ended(held, end);
        }
        if state.stopping.is_none() && !ready.end && !ready.log {
            return Tended::Sleeps;
        }
        if let Some(held) = state.take_idle(self.place) {
            return self.look_at(state, held, ready.end, watch);
        }
        // The request that uses it sees the same, and deals with it.
        if let Some(place) = state.places.get_mut(self.place) {
            place.wants_notice = true;
        }
        Tended::Busy
    }

    /// An idle link that has something to say, or has ended, or the pool ends.
    fn look_at(
        &self,
        mut state: MutexGuard<'_, PoolState<B::Link>>,
        mut held: HeldLink<B::Link>,
        has_ended: bool,
        watch: &mut Watch,
    ) -> Tended<B::Link> {
        let end = match (state.stopping, has_ended) {
            (Some(_), _) => Some(End::Stopped),
            (None, true) => Some(End::Gone),
            (None, false) => None,
        };
        if let Some(end) = &end {
            self.shared.count_out(&mut state, &held, end);
        }
        drop(state);
        held.link.forward_log();
        if held.link.log().is_none() {
            watch.log = None;
        }
        match end {
            Some(end) => Tended::Ended(held, end),
            None => {
                self.shared.put_idle(held);
                Tended::Sleeps
            }
        }
    }

    fn sleep(&self, watch: &Watch, is_busy: bool) -> Noticed {
        let mut fds = Vec::with_capacity(3);
        fds.push(PollFd::from_borrowed_fd(self.wake(), PollFlags::IN));
        if !is_busy {
            fds.push(PollFd::new(&watch.end, watch.end_event));
            fds.extend(watch.log.as_ref().map(|log| PollFd::new(log, PollFlags::IN)));
        }
        if poll_until(&mut fds, Instant::now() + NAP).is_err() {
            // Out of memory; it is tried again, but not in a hot loop.
            thread::sleep(Duration::from_millis(100));
            return Noticed::default();
        }
        let is_ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
        Noticed { end: is_ready(1), log: is_ready(2) }
    }
}

impl<B: Backend> PoolShared<B> {
    /// Takes a link out of the count of open ones, and counts its end as a failure when it is one.
    pub(super) fn count_out(&self, state: &mut PoolState<B::Link>, held: &HeldLink<B::Link>, end: &End) {
        state.open -= 1;
        let now = Instant::now();
        let reason = match end {
            End::Recycled | End::Stopped => None,
            End::Broken(reason) => Some(reason.as_str()),
            // One that worked, or waited for long, may leave; one that never did anything is opened in vain.
            End::Gone if held.answered > 0 || now.duration_since(held.opened_at) >= LONGEST_PAUSE => None,
            End::Gone => Some("ended before its first request"),
        };
        if let Some(reason) = reason {
            state.health.fail(held.epoch, &format!("the {} {reason}", B::NOUN), now);
        }
        self.judge(state);
    }

    /// Is the handler down with this?
    fn judge(&self, state: &mut PoolState<B::Link>) {
        if state.open > 0 || state.stopping.is_some() {
            return;
        }
        if state.health.goes_down() {
            let trouble = state.health.trouble(Instant::now()).unwrap_or_default();
            log::error!(
                message_id = alerts::HANDLER_DOWN;
                "{} {trouble}; clients get an error until then", self.backend.subject()
            );
        }
        if state.health.down_reason().is_some() {
            self.ready.notify_all();
        }
    }
}
