//! A worker: receives one request after the other, and has each answered before the next.

use super::answering::{Answering, Scratch};
use super::receiving::{Receipt, ReceiveError, Receiving};
use crate::engine::shared::Shared;
use msgq_core::process::ClientPid;
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
        let own = ClientPid::new(nix::unistd::gettid().as_raw());
        if let Some(own) = own {
            shared.clients.refuse_own(own);
        }
        if let Some(slot) = shared.table.landing(self.index) {
            Shift::new(shared, self.index, slot).work();
        }
        if let Some(own) = own {
            shared.clients.admit_own(own);
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
        Self { shared, index, slot, handler_version, receiving, answering, scratch: Scratch::new() }
    }

    fn work(mut self) {
        while !self.shared.is_over_for(self.index) {
            self.take_current_handler();
            if let Some(receipt) = self.receive() {
                self.serve(receipt);
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
    fn receive(&mut self) -> Option<Receipt<'a>> {
        let Shared { reloadable, intake, .. } = self.shared;
        let _turn = if reloadable.has_several_workers() { Some(intake.receipt_turn()?) } else { None };
        if self.shared.is_over_for(self.index) || self.handler_version != reloadable.version() {
            return None;
        }
        match self.receiving.receive_next(self.answering.answered_at()) {
            Ok(receipt) => Some(receipt),
            Err(failure) => self.receive_failed(&failure),
        }
    }

    fn serve(&mut self, receipt: Receipt<'a>) {
        self.answering.serve(receipt, &mut self.scratch);
        // What was called off stays as it is, for the next server.
        if self.slot.state() != Some(SlotState::Received) || !self.shared.lifecycle.is_aborting() {
            self.shared.table.finish_landing(self.index);
        }
    }

    fn receive_failed(&self, ReceiveError { queue, error }: &ReceiveError) -> Option<Receipt<'a>> {
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
