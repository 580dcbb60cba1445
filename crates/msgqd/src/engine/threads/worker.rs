//! A worker: receives one request after the other, and has each answered before the next.

use super::answering::{Answering, Scratch};
use super::consuming::{Consumed, Consuming};
use super::receiving::{Receipt, ReceiveError, Receiving};
use crate::engine::shared::Shared;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::table::{Counters, SlotHeader, SlotState};
use nix::errno::Errno;
use std::sync::Arc;
use std::time::Duration;

pub(in crate::engine) struct Worker {
    shared: Arc<Shared>,
    index: usize,
}

impl Worker {
    pub(in crate::engine) fn new(shared: Arc<Shared>, index: usize) -> Self {
        Self { shared, index }
    }

    pub(in crate::engine) fn run(self) {
        let shared = &*self.shared;
        if let Some(slot) = shared.table.landing(self.index) {
            Shift::new(shared, self.index, slot).work();
        }
    }
}

/// A worker at work.
struct Shift<'a> {
    shared: &'a Shared,
    index: usize,
    slot: &'a SlotHeader,
    handler_version: u64,
    receiving: Receiving<'a>,
    answering: Answering<'a>,
    /// Where nobody waits for answers.
    consuming: Option<Consuming<'a>>,
    scratch: Scratch,
}

impl<'a> Shift<'a> {
    fn new(shared: &'a Shared, index: usize, slot: &'a SlotHeader) -> Self {
        // The version first: see `reloadable`.
        let handler_version = shared.reloadable.version();
        let handler = shared.reloadable.handler();
        shared.reloadable.note_seen(index, handler_version);
        let receiving = Receiving::new(shared, index, slot);
        let answering = Answering::new(shared, index, slot, handler);
        let is_one_way = shared.protocol.route() == ReplyRoute::Nowhere;
        let consuming = is_one_way.then(|| Consuming::new(shared, index));
        let scratch = Scratch::new(&shared.table);
        Self { shared, index, slot, handler_version, receiving, answering, consuming, scratch }
    }

    fn work(mut self) {
        if self.consuming.is_some() && !self.do_what_is_left() {
            return;
        }
        while !self.shared.is_over_for(self.index) {
            self.take_current_handler();
            if let Some(receipt) = self.receive() {
                self.serve(receipt);
            }
        }
    }

    /// What was in hand before comes first; false when the worker has to leave.
    fn do_what_is_left(&mut self) -> bool {
        let Shared { one_way, reloadable, table, lifecycle, .. } = self.shared;
        while !lifecycle.is_intake_closed() {
            let Some(index) = one_way.take_left(self.index, reloadable.workers()) else { break };
            if let Some(slot) = table.landing(index)
                && !self.consume(index, slot)
            {
                one_way.leave_first(index);
                return false;
            }
        }
        self.consuming.as_ref().is_some_and(|consuming| consuming.is_slot_free(self.slot))
    }

    /// Has a one-way request handled until it has its end; false when it stays in hand.
    fn consume(&mut self, index: usize, slot: &'a SlotHeader) -> bool {
        let Some(mut in_hand) = self.consuming.as_ref().map(|consuming| consuming.begin(index, slot)) else {
            return true;
        };
        loop {
            let (Some(consuming), handler) = (&self.consuming, self.answering.handler()) else { return true };
            match consuming.try_once(&mut in_hand, handler) {
                Consumed::Finished => {
                    self.shared.table.finish_landing(index);
                    self.answering.note_answered();
                    return true;
                }
                Consumed::TryAgain(pause) if consuming.pause(pause) => self.take_current_handler(),
                Consumed::TryAgain(_) | Consumed::CalledOff => return false,
            }
        }
    }

    fn take_current_handler(&mut self) {
        let reloadable = &self.shared.reloadable;
        let version = reloadable.version();
        if version != self.handler_version {
            self.handler_version = version;
            self.answering.set_handler(reloadable.handler());
            reloadable.note_seen(self.index, version);
        }
    }

    /// One request; `None` when there is none.
    fn receive(&mut self) -> Option<Receipt> {
        let Shared { reloadable, intake, .. } = self.shared;
        let _turn = if reloadable.has_several_workers() { Some(intake.receipt_turn()?) } else { None };
        if self.shared.is_over_for(self.index) || self.handler_version != reloadable.version() {
            return None;
        }
        match self.receiving.receive_next(self.answering.answered_at_ns()) {
            Ok(receipt) => Some(receipt),
            Err(failure) => self.receive_failed(&failure),
        }
    }

    fn serve(&mut self, receipt: Receipt) {
        if self.consuming.is_some() {
            if !self.consume(self.index, self.slot) {
                self.shared.one_way.leave_first(self.index);
            }
            return;
        }
        self.answering.serve(receipt, &mut self.scratch);
        // What was called off stays as it is, for the next server.
        if self.slot.state() != Some(SlotState::Received) || !self.shared.lifecycle.is_aborting() {
            self.shared.table.finish_landing(self.index);
        }
    }

    fn receive_failed(&mut self, ReceiveError { queue, error }: &ReceiveError) -> Option<Receipt> {
        match error.errno() {
            Errno::EINTR => {}
            Errno::E2BIG => return self.receiving.receive_wide(*queue),
            // Without a lock while it waits: a signal does not reach a thread in a lock.
            _ if error.is_gone() => {
                if !self.shared.replace_lost_queue(queue, error) {
                    std::thread::sleep(REPLACE_PAUSE);
                }
            }
            _ => {
                Counters::add(&self.shared.counters().receive_failed);
                let event = &self.shared.events.receive_failed;
                event.error(|| format!("cannot receive requests: {error}; trying again"));
                std::thread::sleep(RECEIVE_PAUSE);
            }
        }
        None
    }
}

const RECEIVE_PAUSE: Duration = Duration::from_millis(200);
const REPLACE_PAUSE: Duration = Duration::from_millis(200);
