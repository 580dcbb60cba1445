//! Whose turn it is. Pure: lines that are ready, in three rounds by how their clients treat answers. Within a round it goes
//! from process to process, so that one with thousands of threads has one turn like others.

use msgq_core::process::{ClientNumber, ClientOwner};
use std::collections::{HashMap, VecDeque};

/// How a client treats its answers, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::outbox) enum Standing {
    /// It has read some.
    Reader,
    /// It was not seen to read one, and had no time to leave several unread.
    Newcomer,
    /// It leaves them unread.
    Silent,
}

#[derive(Debug, Default)]
pub(super) struct Rounds {
    readers: Round,
    newcomers: Round,
    silent: Round,
    /// Turns so far.
    turns: usize,
}

#[derive(Debug, Default)]
struct Round {
    processes: VecDeque<ClientOwner>,
    ready: HashMap<ClientOwner, VecDeque<ClientNumber>>,
}

/// One turn in so many is a newcomer's, and one in so many a silent client's, while readers wait.
const NEWCOMERS_TURN: usize = 4;
pub(super) const SILENT_TURN: usize = 16;

impl Rounds {
    pub(super) fn push(&mut self, standing: Standing, owner: ClientOwner, client: ClientNumber) {
        self.round(standing).push(owner, client);
    }

    pub(super) fn remove(&mut self, standing: Standing, owner: ClientOwner, client: ClientNumber) {
        self.round(standing).remove(owner, client);
    }

    /// The next client in turn among those whose standing `may_go`.
    pub(super) fn pop(&mut self, may_go: impl Fn(Standing) -> bool) -> Option<ClientNumber> {
        self.turns = self.turns.wrapping_add(1);
        let order = if self.turns.is_multiple_of(SILENT_TURN) {
            [Standing::Silent, Standing::Reader, Standing::Newcomer]
        } else if self.turns.is_multiple_of(NEWCOMERS_TURN) {
            [Standing::Newcomer, Standing::Reader, Standing::Silent]
        } else {
            [Standing::Reader, Standing::Newcomer, Standing::Silent]
        };
        order.into_iter().filter(|standing| may_go(*standing)).find_map(|standing| self.round(standing).pop())
    }

    pub(super) fn has(&self, standing: Standing) -> bool {
        let round = match standing {
            Standing::Reader => &self.readers,
            Standing::Newcomer => &self.newcomers,
            Standing::Silent => &self.silent,
        };
        !round.processes.is_empty()
    }

    #[cfg(test)]
    pub(super) fn contains(&self, client: ClientNumber) -> bool {
        let rounds = [&self.readers, &self.newcomers, &self.silent];
        rounds.into_iter().any(|round| round.ready.values().any(|ready| ready.contains(&client)))
    }

    fn round(&mut self, standing: Standing) -> &mut Round {
        match standing {
            Standing::Reader => &mut self.readers,
            Standing::Newcomer => &mut self.newcomers,
            Standing::Silent => &mut self.silent,
        }
    }
}

impl Round {
    fn push(&mut self, owner: ClientOwner, client: ClientNumber) {
        let ready = self.ready.entry(owner).or_default();
        if ready.is_empty() {
            self.processes.push_back(owner);
        }
        ready.push_back(client);
    }

    fn pop(&mut self) -> Option<ClientNumber> {
        let owner = self.processes.pop_front()?;
        let ready = self.ready.get_mut(&owner)?;
        let client = ready.pop_front();
        if ready.is_empty() {
            self.ready.remove(&owner);
        } else {
            self.processes.push_back(owner);
        }
        client
    }

    fn remove(&mut self, owner: ClientOwner, client: ClientNumber) {
        let Some(ready) = self.ready.get_mut(&owner) else { return };
        ready.retain(|other| *other != client);
        if ready.is_empty() {
            self.ready.remove(&owner);
            self.processes.retain(|other| *other != owner);
        }
    }
}
