//! The one sweep: removes responses that nobody will read, under all the conditions of `msgqctl purge`.

use super::removal::{Removal, RemovalLimits};
use super::survey::Resting;
use super::verdict::{Reason, Verdict, verdict_now};
use crate::layout::protocol::Protocol;
use crate::process::ClientNumber;
use crate::queue::{Browse, BrowseLimits, MessageBuffer, Queue, QueueError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Whose responses a sweep looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepScope {
    /// All responses, whoever is to read them.
    All,
    /// Those for these clients. Each is judged and reported whether or not something of it was seen, so that this works
    /// without MSG_COPY too, and when the survey does not get to the end.
    Clients(Vec<ClientNumber>),
    /// Those of these types: as far as they are seen, or all of them where the survey does not get to the end.
    Types(Vec<i64>),
    /// Everything of these types, requests as well and whoever lives: for queues where nobody knows what a type means.
    WholeTypes(Vec<i64>),
}

/// What a sweep may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepOptions {
    /// What tells requests from responses, and whose a response is.
    pub protocol: Arc<Protocol>,
    /// Whose responses may go.
    pub scope: SweepScope,
    /// Remove the responses of those whom `scope` names even if they live. Has no effect without names.
    pub force: bool,
    /// Change nothing, only report.
    pub dry_run: bool,
    /// How long and how far to look.
    pub survey: BrowseLimits,
    /// How long and how much to remove.
    pub removal: RemovalLimits,
}

impl Default for SweepOptions {
    /// All dead clients of the plain protocol, at most as many messages as a queue of the default size holds: half a second to
    /// look, and two to remove.
    fn default() -> Self {
        Self {
            protocol: Arc::default(),
            scope: SweepScope::All,
            force: false,
            dry_run: false,
            survey: BrowseLimits::default(),
            removal: RemovalLimits::default(),
        }
    }
}

impl SweepOptions {
    /// True where messages of this type may go, by who lives now.
    #[must_use]
    pub fn lets_go(&self, mtype: i64) -> bool {
        matches!(self.verdict_on(mtype), Verdict::Orphan(_))
    }

    fn verdict_on(&self, mtype: i64) -> Verdict {
        match verdict_now(&self.protocol, mtype) {
            _ if matches!(self.scope, SweepScope::WholeTypes(_)) => Verdict::Orphan(Reason::Named),
            Verdict::KeepAlive | Verdict::KeepUnknown if self.force && self.scope != SweepScope::All => {
                Verdict::Orphan(Reason::Forced)
            }
            verdict => verdict,
        }
    }
}

/// Messages of one type that were removed, or would be in a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Their message type, as the protocol makes it of the number of the client that was to read them.
    pub mtype: i64,
    /// Why nobody would have read them.
    pub reason: Reason,
    /// How many, and their bytes.
    pub resting: Resting,
}

/// Messages of one type that stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Their message type, as the protocol makes it of the number of the client that is to read them.
    pub mtype: i64,
    /// What the last look at that client said.
    pub verdict: Verdict,
    /// How many were seen, and their bytes; `None` when nobody could look (no MSG_COPY).
    pub seen: Option<Resting>,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// What is gone, by type. In a dry run: what would be.
    pub removed: Vec<Removed>,
    /// What stays, by type; requests are not listed.
    pub kept: Vec<Kept>,
    /// How many responses stay because they may be too young: nobody knows how old they are.
    pub unknown_age: usize,
    /// False when a limit ended the sweep, so that there may be more.
    pub is_complete: bool,
}

impl SweepReport {
    /// What went in the end of what it showed, for whoever removes it by itself.
    pub fn set_removed(&mut self, by_type: &BTreeMap<i64, Resting>) {
        let shown = std::mem::take(&mut self.removed);
        let reason_of = |mtype: i64| shown.iter().find(|it| it.mtype == mtype).map_or(Reason::Named, |it| it.reason);
        let gone = by_type.iter().filter(|(_, resting)| resting.messages > 0);
        self.removed = gone
            .map(|(mtype, resting)| Removed { mtype: *mtype, reason: reason_of(*mtype), resting: *resting })
            .collect();
    }
}

/// Why a sweep ended early. What it had removed by then is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SweepError {
    /// Nobody can look into a queue on this kernel.
    #[error("{0}; name the clients instead, as in: msgqctl purge --pid PID; without --dry-run that works here too")]
    CannotLook(QueueError),
    /// A call on the queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Removes responses that nobody will read, and never a request, unless types are named as a whole.
///
/// **Races.** Between the look and the removal a new process may get a dead client's number. The client is looked at
/// again just before each removal, and no more messages of a type are removed than were seen resting, oldest first: the
/// answer to a newcomer stands behind those. What remains is a newcomer that gets the number, asks and is answered
/// within the microseconds between the last look and the msgrcv, while somebody else removes the older messages; it
/// would lose that answer. Named clients on a kernel without MSG_COPY have no count of what was seen, only the look.
///
/// # Errors
/// [`SweepError::CannotLook`] without MSG_COPY, unless clients are named and it is no dry run.
pub fn sweep(queue: &Queue, options: &SweepOptions) -> Result<SweepReport, SweepError> {
    Sweep { queue: *queue, options, needs_look: false }.run(|_| Some(true))
}

/// As [`sweep`], but removes only what rests for at least `limit`. `age_of` is asked for each message in scope, oldest
/// first, with its type and body; `None`: unknown.
///
/// Within a type the queue is in order: what stands in front of a message of known age is at least as old. A receive
/// takes the oldest of a type, so what goes is always the front of a type, up to the last message that is old enough.
/// Clients whose responses are not seen are not judged.
///
/// # Errors
/// ENOSYS without MSG_COPY; otherwise as [`sweep`].
pub fn sweep_older_than(
    queue: &Queue,
    options: &SweepOptions,
    limit: Duration,
    mut age_of: impl FnMut(i64, &[u8]) -> Option<Duration>,
) -> Result<SweepReport, SweepError> {
    let sweep = Sweep { queue: *queue, options, needs_look: true };
    sweep.run(|message| age_of(message.mtype(), message.body()).map(|age| age >= limit))
}

/// What was seen of one type.
#[derive(Debug, Clone, Copy, Default)]
struct SeenType {
    all: Resting,
    /// Those in front, up to the last that may go.
    old: Resting,
    /// Those behind the last message of known age.
    unknown_age: usize,
}

impl SeenType {
    fn add(&mut self, len: usize, is_old: Option<bool>) {
        self.all.add(len);
        self.unknown_age = if is_old.is_some() { 0 } else { self.unknown_age + 1 };
        if is_old == Some(true) {
            self.old = self.all;
        }
    }
}

/// What a look showed, and whether it came to the end.
type Looked = (BTreeMap<i64, SeenType>, bool);

struct Sweep<'a> {
    queue: Queue,
    options: &'a SweepOptions,
    /// Only what was seen may go, whoever is named.
    needs_look: bool,
}

impl Sweep<'_> {
    fn run(&self, is_old: impl FnMut(&MessageBuffer) -> Option<bool>) -> Result<SweepReport, SweepError> {
        let looked = self.look_through(is_old)?;
        let is_all_seen = looked.as_ref().is_none_or(|(_, is_complete)| *is_complete);
        let mut report = SweepReport::default();
        let mut removal = Removal::start(self.queue, self.options.removal);
        let candidates = self.candidates(looked);
        // What all goes of needs no look.
        let is_complete = is_all_seen || (!candidates.is_empty() && candidates.values().all(Option::is_none));
        for (mtype, seen) in candidates {
            match self.options.verdict_on(mtype) {
                Verdict::Orphan(reason) => {
                    report.unknown_age += seen.map_or(0, |seen| seen.unknown_age);
                    let resting = self.remove(&mut removal, mtype, seen)?;
                    if resting.messages > 0 {
                        report.removed.push(Removed { mtype, reason, resting });
                    }
                }
                Verdict::Request => {}
                verdict => report.kept.push(Kept { mtype, verdict, seen: seen.map(|seen| seen.all) }),
            }
        }
        report.is_complete = is_complete && removal.is_complete;
        Ok(report)
    }

    /// `None` where nobody can look and it is not needed.
    fn look_through(
        &self,
        mut is_old: impl FnMut(&MessageBuffer) -> Option<bool>,
    ) -> Result<Option<Looked>, SweepError> {
        let mut seen: BTreeMap<i64, SeenType> = BTreeMap::new();
        let mut buffer = MessageBuffer::new();
        let mut browse = Browse::new(self.queue, self.options.survey, &mut buffer);
        while let Some((_, message)) = browse.next_message() {
            if self.is_in_scope(message.mtype()) {
                seen.entry(message.mtype()).or_default().add(message.body().len(), is_old(message));
            }
        }
        match (browse.is_complete(), &self.options.scope) {
            (Ok(is_complete), _) => Ok(Some((seen, is_complete))),
            (Err(error), _) if !error.is_without_msg_copy() || self.needs_look => Err(error.into()),
            (Err(_), SweepScope::Clients(_) | SweepScope::WholeTypes(_)) if !self.options.dry_run => Ok(None),
            (Err(error), SweepScope::Types(_) | SweepScope::WholeTypes(_)) => Err(error.into()),
            (Err(error), _) => Err(SweepError::CannotLook(error)),
        }
    }

    fn is_in_scope(&self, mtype: i64) -> bool {
        match &self.options.scope {
            SweepScope::WholeTypes(types) => types.contains(&mtype),
            _ if self.options.protocol.request_types().receives(mtype) => false,
            SweepScope::All => true,
            SweepScope::Clients(clients) => clients.iter().any(|client| self.mtype_of(*client) == mtype),
            SweepScope::Types(types) => types.contains(&mtype),
        }
    }

    fn mtype_of(&self, client: ClientNumber) -> i64 {
        self.options.protocol.response_mtype(client.get())
    }

    /// The types to judge, each with what may go of it; `None`: all that there is.
    fn candidates(&self, looked: Option<Looked>) -> BTreeMap<i64, Option<SeenType>> {
        let (seen, is_complete) = looked.unwrap_or_default();
        let named: Vec<i64> = match &self.options.scope {
            SweepScope::Clients(clients) if !self.needs_look => {
                clients.iter().map(|client| self.mtype_of(*client)).collect()
            }
            SweepScope::Types(types) | SweepScope::WholeTypes(types) if !self.needs_look && !is_complete => {
                types.clone()
            }
            _ => return seen.into_iter().map(|(mtype, seen)| (mtype, Some(seen))).collect(),
        };
        let seen_of = |mtype: i64| match seen.get(&mtype) {
            // The survey did not get to the end: there may be more of a named client or type than it saw.
            _ if !is_complete && !self.options.dry_run => None,
            seen => Some(seen.copied().unwrap_or_default()),
        };
        named.into_iter().map(|mtype| (mtype, seen_of(mtype))).collect()
    }

    fn remove(&self, removal: &mut Removal, mtype: i64, seen: Option<SeenType>) -> Result<Resting, QueueError> {
        if self.options.dry_run {
            return Ok(seen.unwrap_or_default().old);
        }
        let wanted = seen.map_or(usize::MAX, |seen| seen.old.messages);
        removal.remove_up_to(mtype, wanted, || self.options.lets_go(mtype), |_| {})
    }
}
