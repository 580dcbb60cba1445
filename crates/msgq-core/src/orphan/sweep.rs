use super::{Evidence, Reason, Resting, Survey, Verdict, reader_of, verdict};
use crate::identity::{ClientPid, liveness};
use crate::queue::{BrowseLimits, MessageBuffer, Queue, QueueError};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a sweep may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepOptions {
    /// Only the responses for these clients; `None`: for all.
    pub only: Option<Vec<ClientPid>>,
    /// Remove the responses of those clients even if they live. Has no effect without `only`.
    pub force: bool,
    /// Change nothing, only report.
    pub dry_run: bool,
    /// How long and how far to look.
    pub survey: BrowseLimits,
    /// How long to remove.
    pub time_limit: Duration,
    /// How many messages to remove at most.
    pub message_limit: usize,
}

impl Default for SweepOptions {
    /// All dead clients, within seconds, at most as many messages as a queue of the default size holds.
    fn default() -> Self {
        Self {
            only: None,
            force: false,
            dry_run: false,
            survey: BrowseLimits { time: Duration::from_secs(2), ..BrowseLimits::default() },
            time_limit: Duration::from_secs(2),
            message_limit: BrowseLimits::default().messages,
        }
    }
}

/// Messages of one type that were removed, or would be in a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Their type.
    pub mtype: i64,
    /// Why nobody would have read them.
    pub reason: Reason,
    /// How many, and their bytes.
    pub resting: Resting,
}

/// Messages of one type that stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Their type.
    pub mtype: i64,
    /// Why they stay.
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
    /// False when a limit ended the sweep, so that there may be more.
    pub is_complete: bool,
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

/// Removes responses that nobody will read, and never a request.
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
    let survey = look(queue, options)?;
    let is_complete = survey.as_ref().is_none_or(|survey| survey.is_complete);
    let mut sweep =
        Sweep { queue, options, buffer: MessageBuffer::new(), start: Instant::now(), removed_count: 0, is_complete };
    let mut report = SweepReport::default();
    for (mtype, seen) in candidates(survey, options) {
        match sweep.judge(mtype) {
            Verdict::Orphan(reason) => {
                let resting = sweep.remove(mtype, seen)?;
                if resting.messages > 0 {
                    report.removed.push(Removed { mtype, reason, resting });
                }
            }
            Verdict::Request => {}
            verdict => report.kept.push(Kept { mtype, verdict, seen }),
        }
    }
    report.is_complete = sweep.is_complete;
    Ok(report)
}

fn look(queue: &Queue, options: &SweepOptions) -> Result<Option<Survey>, SweepError> {
    match Survey::of(queue, options.survey) {
        Ok(survey) => Ok(Some(survey)),
        Err(error) if error.errno() != Errno::ENOSYS => Err(error.into()),
        Err(_) if options.only.is_some() && !options.dry_run => Ok(None),
        Err(error) => Err(SweepError::CannotLook(error)),
    }
}

fn candidates(survey: Option<Survey>, options: &SweepOptions) -> BTreeMap<i64, Option<Resting>> {
    let is_cut = survey.as_ref().is_none_or(|survey| !survey.is_complete);
    let seen = survey.map(|survey| survey.responses).unwrap_or_default();
    let Some(only) = &options.only else {
        return seen.into_iter().map(|(mtype, resting)| (mtype, Some(resting))).collect();
    };
    let of = |mtype: i64| match seen.get(&mtype) {
        // The survey did not get to the end: there may be more of a named client than it saw.
        _ if is_cut && !options.dry_run => None,
        resting => Some(resting.copied().unwrap_or_default()),
    };
    only.iter().map(|pid| (pid.as_mtype(), of(pid.as_mtype()))).collect()
}

struct Sweep<'a> {
    queue: &'a Queue,
    options: &'a SweepOptions,
    buffer: MessageBuffer,
    start: Instant,
    removed_count: usize,
    is_complete: bool,
}

impl Sweep<'_> {
    fn judge(&self, mtype: i64) -> Verdict {
        let liveness = reader_of(mtype).and_then(|pid| liveness(pid).ok());
        match verdict(&Evidence { mtype, liveness, age: None }, None) {
            Verdict::KeepAlive | Verdict::KeepUnknown if self.options.force && self.options.only.is_some() => {
                Verdict::Orphan(Reason::Forced)
            }
            verdict => verdict,
        }
    }

    /// Removes what was seen of one type, or everything of it when nobody could look.
    fn remove(&mut self, mtype: i64, seen: Option<Resting>) -> Result<Resting, QueueError> {
        if self.options.dry_run {
            return Ok(seen.unwrap_or_default());
        }
        let wanted = seen.map_or(usize::MAX, |resting| resting.messages);
        let mut removed = Resting::default();
        while removed.messages < wanted {
            if self.start.elapsed() >= self.options.time_limit || self.removed_count >= self.options.message_limit {
                self.is_complete = false;
                break;
            }
            if !matches!(self.judge(mtype), Verdict::Orphan(_)) || !self.queue.try_receive(mtype, &mut self.buffer)? {
                break;
            }
            removed.messages += 1;
            removed.bytes += self.buffer.body().len();
            self.removed_count += 1;
        }
        Ok(removed)
    }
}
