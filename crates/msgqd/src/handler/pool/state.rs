//! What requests and keepers share, under one lock.

use super::health::{Epoch, Health};
use super::link::End;
use std::time::Instant;

/// An open link and its record.
pub(super) struct HeldLink<L> {
    pub(super) place: usize,
    pub(super) link: L,
    pub(super) epoch: Epoch,
    pub(super) answered: u64,
    pub(super) opened_at: Instant,
}

/// One place in the pool, as the others see it.
pub(super) struct PoolPlace<L> {
    /// The keeper wants to hear when the link is idle again.
    pub(super) wants_notice: bool,
    /// A link that is to be closed.
    pub(super) returned: Option<(HeldLink<L>, End)>,
}

pub(super) struct PoolState<L> {
    pub(super) health: Health,
    /// The one that was used last is at the end and is taken next, so that the rest can sleep.
    pub(super) idle: Vec<HeldLink<L>>,
    pub(super) places: Vec<PoolPlace<L>>,
    /// Links that are idle or in use.
    pub(super) open: usize,
    /// Links that are being opened.
    pub(super) opening: usize,
    /// Requests that wait for a link.
    pub(super) waiting: usize,
    /// Keepers that run.
    pub(super) keepers: usize,
    /// No request is waited for any more.
    pub(super) is_aborted: bool,
    /// Set when the pool ends: by when.
    pub(super) stopping: Option<Instant>,
    is_eager: bool,
}

/// May a keeper open a link?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Now.
    Open,
    /// When the pause is over.
    At(Instant),
    /// When something has changed.
    Wait,
    /// Never again.
    Leave,
}

impl<L> PoolState<L> {
    pub(super) fn new(size: usize, is_eager: bool) -> Self {
        Self {
            health: Health::default(),
            idle: Vec::with_capacity(size),
            places: (0..size).map(|_| PoolPlace { wants_notice: false, returned: None }).collect(),
            open: 0,
            opening: 0,
            waiting: 0,
            keepers: 0,
            is_aborted: false,
            stopping: None,
            is_eager,
        }
    }

    /// While there is trouble, one keeper tries after the pause, and the others wait for what becomes of it.
    pub(super) fn turn(&self, now: Instant) -> Turn {
        if self.stopping.is_some() {
            return Turn::Leave;
        }
        let is_wanted = self.is_eager
            || self.waiting > self.opening + self.idle.len()
            || (self.health.is_troubled() && self.open == 0);
        match self.health.next_try() {
            _ if !is_wanted => Turn::Wait,
            Some(_) if self.opening > 0 => Turn::Wait,
            Some(next_try) if next_try > now => Turn::At(next_try),
            _ => Turn::Open,
        }
    }

    /// The idle link of this place.
    pub(super) fn take_idle(&mut self, place: usize) -> Option<HeldLink<L>> {
        let index = self.idle.iter().position(|held| held.place == place)?;
        Some(self.idle.remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubled(is_eager: bool, now: Instant) -> PoolState<()> {
        let mut state = PoolState::new(4, is_eager);
        state.health.fail(state.health.epoch(), "no reason", now);
        state
    }

    #[test]
    fn an_eager_pool_opens_all_links_at_once_and_a_lazy_one_as_many_as_requests_wait() {
        let now = Instant::now();
        assert_eq!(PoolState::<()>::new(4, true).turn(now), Turn::Open);
        let mut lazy = PoolState::<()>::new(4, false);
        assert_eq!(lazy.turn(now), Turn::Wait);
        lazy.waiting = 1;
        assert_eq!(lazy.turn(now), Turn::Open);
        lazy.opening = 1;
        assert_eq!(lazy.turn(now), Turn::Wait);
    }

    #[test]
    fn in_trouble_one_tries_after_the_pause_and_the_others_wait_for_it() {
        let now = Instant::now();
        for is_eager in [true, false] {
            let mut state = troubled(is_eager, now);
            let next_try = state.health.next_try().unwrap();
            assert_eq!(state.turn(now), Turn::At(next_try));
            assert_eq!(state.turn(next_try), Turn::Open);
            state.opening = 1;
            assert_eq!(state.turn(next_try), Turn::Wait);
        }
    }

    #[test]
    fn nothing_is_opened_any_more_when_the_pool_ends() {
        let now = Instant::now();
        let mut state = troubled(true, now);
        state.stopping = Some(now);
        assert_eq!(state.turn(now), Turn::Leave);
    }
}
