//! Who pays at the limit. Pure: weights of lines, added up by process and by user; moments come from the caller.
//!
//! A program with more threads than the outbox has slots holds one answer in each of its lines, and a user with as many
//! processes one in each of them. So a line does not answer for itself alone:
//!
//! 1. Where the asking process has read an answer before, the process that holds the most of those that *never read* pays, if
//!    it holds two or more. It never read when no line of it has, and one of its answers has rested in the queue, or been taken
//!    back from there, for [`PATIENCE`]: a client that sends many requests before its first read is not one of them, nor is one
//!    whose answers were never offered.
//! 2. Else the process that holds the most pays, if that is more than the asking one would hold. Of those that hold the same, one
//!    that leaves its answers unread. A process that has read nothing takes nothing so from a user that holds no more than its
//!    own user: one with thousands of processes would take all that others have.
//! 3. If there is none, the user with the most pays, on the same terms.
//! 4. At last, within one process, the line that holds the most.
//!
//! In each case the heaviest line of the process loses its newest answer. That a client leaves its answers unread now does not come
//! before what it holds: one that is stopped looks the same. And a forger of answers to itself looks like a reader.

use super::line::Line;
use msgq_core::process::{ClientNumber, ClientOwner};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// For so long an answer rested that its client did not read before the client counts as one that never reads.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who wants room for one more answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::outbox) struct Asker {
    pub(in crate::engine::outbox) client: ClientNumber,
    pub(in crate::engine::outbox) owner: ClientOwner,
    /// The client has read an answer before.
    pub(in crate::engine::outbox) has_read: bool,
}

/// Comes last in order where it pays first: heavy, then silent.
type Rank = (u32, bool);

#[derive(Debug, Default)]
pub(super) struct Payers {
    lines: HashMap<ClientNumber, Holding>,
    /// A process that changes its user counts as two.
    processes: HashMap<ClientOwner, Share>,
    users: HashMap<Option<u32>, UserShare>,
    /// Processes that never read.
    unread: BTreeSet<(u32, ClientOwner)>,
    /// Those that have read nothing so far and have time left, by the moments since which they could have.
    patient: BTreeSet<(Instant, ClientOwner)>,
}

/// What one line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holding {
    owner: ClientOwner,
    weight: u32,
    is_silent: bool,
    has_read: bool,
    rested_since: Option<Instant>,
}

impl Holding {
    fn of(line: &Line) -> Self {
        let Line { owner, has_read, rested_since, .. } = *line;
        Self { owner, weight: line.weight(), is_silent: line.is_silent(), has_read, rested_since }
    }
}

/// What the lines of one process hold together.
#[derive(Debug, Default)]
struct Share {
    lines: BTreeSet<(u32, ClientNumber)>,
    weight: u32,
    silent_lines: usize,
    /// One of its lines has, while there is one.
    has_read: bool,
    /// Since when it could have read an answer.
    rested_since: Option<Instant>,
    /// Its time to begin to read is over.
    is_out_of_time: bool,
}

impl Share {
    fn add(&mut self, client: ClientNumber, holding: &Holding) {
        self.lines.insert((holding.weight, client));
        self.weight += holding.weight;
        self.silent_lines += usize::from(holding.is_silent);
        self.has_read |= holding.has_read;
        self.rested_since = self.rested_since.into_iter().chain(holding.rested_since).min();
    }

    fn remove(&mut self, client: ClientNumber, holding: &Holding) {
        self.lines.remove(&(holding.weight, client));
        self.weight -= holding.weight;
        self.silent_lines -= usize::from(holding.is_silent);
    }

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
        let now = line.map(Holding::of).filter(|holding| holding.weight > 0);
        let before = self.lines.get(&client).copied();
        if before == now {
            return;
        }
        match (before, now) {
            (Some(before), Some(now)) if before.owner == now.owner => self.change(now.owner, |share| {
                share.remove(client, &before);
                share.add(client, &now);
            }),
            _ => {
                before.inspect(|before| self.change(before.owner, |share| share.remove(client, before)));
                now.inspect(|now| self.change(now.owner, |share| share.add(client, now)));
            }
        }
        match now {
            Some(now) => _ = self.lines.insert(client, now),
            None => _ = self.lines.remove(&client),
        }
    }

    fn change(&mut self, owner: ClientOwner, change: impl FnOnce(&mut Share)) {
        let user = self.users.entry(owner.uid).or_default();
        let share = self.processes.entry(owner).or_default();
        user.processes.remove(&(share.rank(), owner));
        user.weight -= share.weight;
        match share.rested_since {
            _ if share.is_out_of_time => _ = self.unread.remove(&(share.weight, owner)),
            Some(since) => _ = self.patient.remove(&(since, owner)),
            None => {}
        }
        change(share);
        user.weight += share.weight;
        if share.lines.is_empty() {
            self.processes.remove(&owner);
        } else {
            user.processes.insert((share.rank(), owner));
            match share.rested_since {
                _ if share.has_read => {}
                _ if share.is_out_of_time => _ = self.unread.insert((share.weight, owner)),
                Some(since) => _ = self.patient.insert((since, owner)),
                None => {}
            }
        }
        if user.processes.is_empty() {
            self.users.remove(&owner.uid);
        }
    }

    /// Who pays for one more answer of the one who asks; `None`: nobody else does.
    pub(super) fn payer(&mut self, asker: &Asker, now: Instant) -> Option<ClientNumber> {
        self.end_patience(now);
        let Asker { client, owner, has_read } = *asker;
        let (own, has_read) =
            self.processes.get(&owner).map_or((0, has_read), |share| (share.weight, has_read || share.has_read));
        if has_read && let Some((2.., process)) = self.unread.last() {
            return self.heaviest_line(*process);
        }
        let ((weight, _), process) = self.heaviest_process(owner.uid, has_read)?;
        if process != owner && weight > own + 1 {
            return self.heaviest_line(process);
        }
        self.heaviest_of_users(owner).or_else(|| self.heavier_line_of(owner, client))
    }

    /// Processes whose time to begin to read is over at `now` are those that never read.
    fn end_patience(&mut self, now: Instant) {
        let is_over = |since: &Instant| now.saturating_duration_since(*since) >= PATIENCE;
        while let Some((_, owner)) = self.patient.first().copied().filter(|(since, _)| is_over(since)) {
            self.change(owner, |share| share.is_out_of_time = true);
        }
    }

    /// Of the user itself and of those that hold more, or of all where the one who asks `has_read`.
    fn heaviest_process(&self, uid: Option<u32>, has_read: bool) -> Option<(Rank, ClientOwner)> {
        let own = self.users.get(&uid).map_or(0, |user| user.weight);
        let may_pay = |user: &UserShare, other| has_read || other == uid || user.weight > own;
        let users = self.users.iter().filter(|(other, user)| may_pay(user, **other));
        users.filter_map(|(_, user)| user.processes.last().copied()).max()
    }

    fn heaviest_of_users(&self, owner: ClientOwner) -> Option<ClientNumber> {
        let own = self.users.get(&owner.uid).map_or(0, |user| user.weight);
        let (uid, user) = self.users.iter().max_by_key(|(_, user)| (user.weight, user.processes.last()))?;
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
