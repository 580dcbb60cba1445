//! The table that an earlier daemon left, and how its slots are read.

use crate::engine::shared::Shared;
use msgq_core::config::OnCrash;
use msgq_core::process::{ClientHandle, ClientNumber};
use msgq_core::queue::Queue;
use msgq_core::table::{SlotHeader, Table};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// What recovery works with.
pub(super) struct Recovery<'a> {
    pub(super) shared: &'a Shared,
    pub(super) left: &'a Table,
    pub(super) on_crash: OnCrash,
    /// Who the clients were that the earlier daemon watched.
    identities: HashMap<i64, u64>,
    /// Where answers go.
    pub(super) answers: Queue,
    called_off: &'a AtomicBool,
}

impl<'a> Recovery<'a> {
    pub(super) fn new(shared: &'a Shared, left: &'a Table, on_crash: OnCrash, called_off: &'a AtomicBool) -> Self {
        let clients = (0..left.geometry().clients).filter_map(|index| left.client(index)?.get());
        Self { shared, left, on_crash, identities: clients.collect(), answers: shared.answers.current(), called_off }
    }

    /// True when what is left is to stay as it is. What a handler returns after that does not count.
    pub(super) fn is_called_off(&self) -> bool {
        self.called_off.load(Ordering::SeqCst)
    }

    pub(super) fn landings(&self) -> impl Iterator<Item = (usize, &SlotHeader)> {
        (0..self.left.geometry().workers).filter_map(|index| Some((index, self.left.landing(index)?)))
    }

    pub(super) fn responses(&self) -> impl Iterator<Item = (u32, &SlotHeader)> {
        (0..self.left.geometry().capacity).filter_map(|index| Some((index, self.left.response(index)?)))
    }

    pub(super) fn newest_sequence(&self) -> u64 {
        let landings = self.landings().map(|(_, slot)| slot);
        let sequences = landings.chain(self.responses().map(|(_, slot)| slot)).map(|slot| &slot.sequence);
        // The highest of all is that of an answer that was adopted behind an offer.
        sequences
            .map(|sequence| sequence.load(Ordering::Relaxed))
            .filter(|sequence| *sequence != u64::MAX)
            .max()
            .unwrap_or(0)
    }

    /// True when the client that asked lives. One that the earlier daemon had not yet taken hold of is known by its
    /// number alone: it asked within the last moments before the crash. A number without a process is always the same.
    pub(super) fn is_same(&self, client: ClientNumber) -> bool {
        if client.pid().is_none() {
            return true;
        }
        let Ok(Some(handle)) = ClientHandle::open(client) else { return false };
        match (self.identities.get(&client.get()), handle.identity()) {
            (Some(before @ 1..), Some(now)) => *before == now,
            _ => true,
        }
    }
}
