//! Which clients are watched, in the order of their arrival, and their list in the table for whoever has to finish this
//! daemon's work. Knows nothing of the bytes that stand beside the numbers.

use msgq_core::process::{ClientHandle, ClientNumber, ClientOwner};
use msgq_core::table::Table;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

/// As many as the table has entries for, or fewer.
#[derive(Debug)]
pub(super) struct Watched {
    limit: usize,
    entries: HashMap<ClientNumber, (WatchedClient, u32)>,
    /// In the order of their arrival; may name clients that are gone.
    arrivals: VecDeque<ClientNumber>,
    /// Free entries of the table's list.
    free: Vec<u32>,
    table: Arc<Table>,
}

#[derive(Debug)]
pub(super) struct WatchedClient {
    /// `None` for a number without a process behind it.
    pub(super) handle: Option<ClientHandle>,
    pub(super) owner: ClientOwner,
}

impl WatchedClient {
    pub(super) fn is_dead(&self) -> io::Result<bool> {
        self.handle.as_ref().map_or(Ok(false), ClientHandle::is_dead)
    }
}

/// A number without a process behind it answers for itself alone.
pub(super) fn owner_of_number(client: ClientNumber) -> ClientOwner {
    ClientOwner { process: client.get(), uid: None, is_kernel_thread: false }
}

impl Watched {
    pub(super) fn new(table: Arc<Table>) -> Self {
        let free = (0..table.geometry().clients).rev().collect();
        Self { limit: usize::MAX, entries: HashMap::new(), arrivals: VecDeque::new(), free, table }
    }

    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty() || self.entries.len() >= self.limit
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// True until enough of those are let go that were there before the limit was lowered.
    pub(super) fn is_above_limit(&self) -> bool {
        self.entries.len() > self.limit
    }

    pub(super) fn get(&self, client: ClientNumber) -> Option<&WatchedClient> {
        self.entries.get(&client).map(|(watched, _)| watched)
    }

    /// Where there is room.
    pub(super) fn enter(&mut self, client: ClientNumber, watched: WatchedClient) {
        let Some(index) = self.free.pop() else { return };
        if let Some(listed) = self.table.client(index) {
            listed.set(client.get(), watched.handle.as_ref().and_then(ClientHandle::identity).unwrap_or(0));
        }
        match self.entries.insert(client, (watched, index)) {
            None => self.arrivals.push_back(client),
            Some((_, earlier)) => self.give_back(earlier),
        }
    }

    pub(super) fn remove(&mut self, client: ClientNumber) {
        let Some((_, index)) = self.entries.remove(&client) else { return };
        self.give_back(index);
        // Names of those who are gone are dropped once they are the majority, so that the list stays as short as the map.
        if self.arrivals.len() > 2 * self.entries.len() + 64 {
            self.arrivals.retain(|client| self.entries.contains_key(client));
        }
    }

    /// Lets the first client in the order of arrival go for which `may_go` says so, to make room for one more, and returns
    /// it. Should it have an answer in the queue and die, the janitor's scan finds it.
    pub(super) fn let_oldest_go(&mut self, may_go: impl Fn(ClientNumber) -> bool) -> Option<ClientNumber> {
        for _ in 0..self.arrivals.len() {
            let client = self.arrivals.pop_front()?;
            if !self.entries.contains_key(&client) {
                continue;
            }
            if may_go(client) {
                self.remove(client);
                return Some(client);
            }
            self.arrivals.push_back(client);
        }
        None
    }

    /// At most so many, from this place of their order on; the place counts on round and round.
    pub(super) fn some(&self, from: usize, limit: usize) -> Vec<ClientNumber> {
        let from = from.checked_rem(self.arrivals.len()).unwrap_or(0);
        let in_turn = self.arrivals.iter().skip(from).chain(self.arrivals.iter().take(from));
        in_turn.filter(|client| self.entries.contains_key(client)).take(limit).copied().collect()
    }

    fn give_back(&mut self, index: u32) {
        if let Some(listed) = self.table.client(index) {
            listed.clear();
        }
        self.free.push(index);
    }
}
