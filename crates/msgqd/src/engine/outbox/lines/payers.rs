//! Who pays at the limit. Pure: weights of lines, added up by process and by user.
//!
//! A program with more threads than the outbox has slots holds one answer in each of its lines, and a user with as many
//! processes one in each of them. So a line does not answer for itself alone:
//!
//! 1. The process that holds the most pays, if that is more than the asking one would hold. Of those that hold the same, one
//!    that leaves its answers unread.
//! 2. If no process holds more than that, the user with the most pays, on the same terms.
//! 3. At last, within one process, the line that holds the most.
//!
//! In each case the heaviest line of the process loses its newest answer. Whether a client ever read does not come before
//! what it holds: one that is stopped before its first read looks like one that never reads, and a forger of answers to
//! itself like a reader.

use super::line::Line;
use msgq_core::process::{ClientNumber, ClientOwner};
use std::collections::{BTreeSet, HashMap};

/// Comes last in order where it pays first: heavy, then silent.
type Rank = (u32, bool);

#[derive(Debug, Default)]
pub(super) struct Payers {
    lines: HashMap<ClientNumber, Holding>,
    /// A process that changes its user counts as two.
    processes: HashMap<ClientOwner, Share>,
    users: HashMap<Option<u32>, UserShare>,
}

/// What one line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holding {
    owner: ClientOwner,
    weight: u32,
    is_silent: bool,
}

/// What the lines of one process hold together.
#[derive(Debug, Default)]
struct Share {
    lines: BTreeSet<(u32, ClientNumber)>,
    weight: u32,
    silent_lines: usize,
}

impl Share {
    fn rank(&self) -> Rank {
        (self.weight, self.silent_lines == self.lines.len())
    }
}

#[derive(Debug, Default)]
struct UserShare {
    processes: BTreeSet<(Rank, ClientOwner)>,
    weight: u32,
}

impl Payers {
    /// The client's line is as it is now; `None`: it has ended.
    pub(super) fn note(&mut self, client: ClientNumber, line: Option<&Line>) {
        let now = line.map(|line| Holding { owner: line.owner, weight: line.weight(), is_silent: line.is_silent() });
        let now = now.filter(|holding| holding.weight > 0);
        if self.lines.get(&client) == now.as_ref() {
            return;
        }
        if let Some(Holding { owner, weight, is_silent }) = self.lines.remove(&client) {
            self.change(owner, |share| {
                share.lines.remove(&(weight, client));
                share.weight -= weight;
                share.silent_lines -= usize::from(is_silent);
            });
        }
        if let Some(holding @ Holding { owner, weight, is_silent }) = now {
            self.lines.insert(client, holding);
            self.change(owner, |share| {
                share.lines.insert((weight, client));
                share.weight += weight;
                share.silent_lines += usize::from(is_silent);
            });
        }
    }

    fn change(&mut self, owner: ClientOwner, change: impl FnOnce(&mut Share)) {
        let user = self.users.entry(owner.uid).or_default();
        let share = self.processes.entry(owner).or_default();
        user.processes.remove(&(share.rank(), owner));
        user.weight -= share.weight;
        change(share);
        user.weight += share.weight;
        if share.lines.is_empty() {
            self.processes.remove(&owner);
        } else {
            user.processes.insert((share.rank(), owner));
        }
        if user.processes.is_empty() {
            self.users.remove(&owner.uid);
        }
    }

    /// Who pays for one more answer of `client`, a client of `owner`; `None`: nobody else does.
    pub(super) fn payer(&self, client: ClientNumber, owner: ClientOwner) -> Option<ClientNumber> {
        let own = self.processes.get(&owner).map_or(0, |share| share.weight);
        let ((weight, _), process) = self.users.values().filter_map(|user| user.processes.last()).max()?;
        if *process != owner && *weight > own + 1 {
            return self.heaviest_line(*process);
        }
        self.heaviest_of_users(owner).or_else(|| self.heavier_line_of(owner, client))
    }

    fn heaviest_of_users(&self, owner: ClientOwner) -> Option<ClientNumber> {
        let own = self.users.get(&owner.uid).map_or(0, |user| user.weight);
        let (uid, user) = self.users.iter().max_by_key(|(uid, user)| (user.weight, **uid))?;
        let pays = *uid != owner.uid && user.weight > own + 1;
        if pays { self.heaviest_line(user.processes.last()?.1) } else { None }
    }

    fn heavier_line_of(&self, process: ClientOwner, client: ClientNumber) -> Option<ClientNumber> {
        let own = self.lines.get(&client).map_or(0, |holding| holding.weight);
        let (weight, heaviest) = self.processes.get(&process)?.lines.last()?;
        (*weight > own + 1).then_some(*heaviest)
    }

    fn heaviest_line(&self, process: ClientOwner) -> Option<ClientNumber> {
        Some(self.processes.get(&process)?.lines.last()?.1)
    }
}
