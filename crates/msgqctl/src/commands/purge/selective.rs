//! `purge` of certain types, or of what is old.
//!
//! The kernel keeps no time for a message. A msgqd knows the age of the answers that it offers, and within a type the
//! queue is in order: what stands in front of an answer of known age is at least as old. A receive takes the oldest of a
//! type, so what goes is always the front of a type, up to the last message that is old enough.

use super::arguments::PurgeArguments;
use super::report::{KeptClient, PurgeReport, RemovedClient};
use super::{UNFINISHED, refusal};
use crate::commands::Outcome;
use crate::daemon::{age_ms, monotonic_ns, read_table};
use crate::failure::{Failure, Status};
use crate::messages::look;
use crate::target::Target;
use msgq_core::frame::REQUEST_MTYPE;
use msgq_core::identity::{ClientPid, liveness, process_name};
use msgq_core::inflight::{RESPONSE_MESSAGE_LEN, SlotState, Table};
use msgq_core::orphan::{Evidence, Reason, Verdict, reader_of, verdict};
use msgq_core::queue::{MessageBuffer, Queue, QueueError};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Of one message: its length, and its age where it is known.
type Seen = (usize, Option<Duration>);

pub(super) fn run(options: &PurgeArguments, target: &Target) -> Result<Outcome, Failure> {
    let stat = target.stat()?;
    let mut diagnostics = Vec::new();
    let mut ages = Ages::default();
    if options.older_than.is_some() {
        match read_table(target.key, &stat) {
            Ok((_, table)) => ages = Ages::of(&table),
            Err(reason) => diagnostics.push(format!("nobody knows how old the messages are: {reason}")),
        }
    }
    let mut seen: BTreeMap<i64, Vec<Seen>> = BTreeMap::new();
    let looked = look(&target.queue, |_, message| {
        let mtype = message.mtype();
        if mtype != REQUEST_MTYPE && is_named(options, mtype) {
            let age = ages.take(mtype, message.body());
            seen.entry(mtype).or_default().push((message.body().len(), age));
        }
    });
    let is_complete = looked.map_err(|error| target.failure(&error))?.is_complete;
    let mut purge = Purge { options, queue: target.queue, start: Instant::now(), report: empty(options, is_complete) };
    for (mtype, messages) in seen {
        purge.one_type(mtype, &messages, &mut diagnostics).map_err(|error| target.failure(&error))?;
    }
    let status = if diagnostics.is_empty() { Status::Ok } else { Status::Other };
    if !purge.report.is_complete {
        diagnostics.push(UNFINISHED.to_owned());
    }
    Ok(Outcome { diagnostics, status, ..Outcome::done(purge.report) })
}

fn has_names(options: &PurgeArguments) -> bool {
    !options.r#type.is_empty() || options.pid.iter().flatten().next().is_some()
}

fn is_named(options: &PurgeArguments, mtype: i64) -> bool {
    let is_pid = options.pid.iter().flatten().any(|pid| i64::from(*pid) == mtype);
    !has_names(options) || is_pid || options.r#type.contains(&mtype)
}

fn empty(options: &PurgeArguments, is_complete: bool) -> PurgeReport {
    PurgeReport {
        is_dry_run: options.dry_run,
        is_complete,
        messages: 0,
        bytes: 0,
        removed: Vec::new(),
        kept: Vec::new(),
        unknown_age: 0,
    }
}

/// Answers that rest in the queue as far as the server's table knows, with their ages, by type.
#[derive(Default)]
struct Ages(HashMap<i64, Vec<(Vec<u8>, Duration)>>);

impl Ages {
    fn of(table: &Table) -> Self {
        let now_ns = monotonic_ns();
        let mut message = [0; RESPONSE_MESSAGE_LEN];
        let mut found: Vec<(u64, i64, Vec<u8>, Duration)> = Vec::new();
        for index in 0..table.geometry().capacity {
            let Some(slot) = table.response(index) else { continue };
            // A daemon that died in the send call may have sent it: what rests in the queue shows.
            if !matches!(slot.state(), Some(SlotState::Offered | SlotState::Sending)) {
                continue;
            }
            let len = table.read_response(index, &mut message);
            let framed = message.get(..len).and_then(|framed| framed.split_first_chunk());
            let Some((mtype, body)) = framed else { continue };
            let age = Duration::from_millis(age_ms(slot, now_ns));
            found.push((slot.sequence.load(Ordering::Relaxed), i64::from_ne_bytes(*mtype), body.to_vec(), age));
        }
        found.sort_by_key(|(sequence, ..)| *sequence);
        let mut ages = Self::default();
        for (_, mtype, body, age) in found {
            ages.0.entry(mtype).or_default().push((body, age));
        }
        ages
    }

    /// The age of a message that rests in the queue; each answer of the table stands for one message.
    fn take(&mut self, mtype: i64, body: &[u8]) -> Option<Duration> {
        let known = self.0.get_mut(&mtype)?;
        let at = known.iter().position(|(answer, _)| answer == body)?;
        Some(known.remove(at).1)
    }
}

struct Purge<'a> {
    options: &'a PurgeArguments,
    queue: Queue,
    start: Instant,
    report: PurgeReport,
}

impl Purge<'_> {
    fn one_type(&mut self, mtype: i64, seen: &[Seen], diagnostics: &mut Vec<String>) -> Result<(), QueueError> {
        let reason = match self.judge(mtype) {
            Verdict::Orphan(reason) => reason,
            verdict => {
                if has_names(self.options) {
                    diagnostics.push(refusal(mtype, verdict));
                }
                let program = ClientPid::from_mtype(mtype).and_then(process_name);
                self.report.kept.push(KeptClient { mtype, program, messages: Some(seen.len()) });
                return Ok(());
            }
        };
        let (old, unknown) = self.old_enough(seen);
        self.report.unknown_age += unknown;
        let (messages, bytes) = if self.options.dry_run {
            (old, seen.iter().take(old).map(|(len, _)| len).sum())
        } else {
            self.take(mtype, old)?
        };
        if messages > 0 {
            let (reason, reason_text) = (reason.name(), reason.to_string());
            self.report.messages += messages;
            self.report.bytes += bytes;
            self.report.removed.push(RemovedClient { mtype, reason, reason_text, messages, bytes });
        }
        Ok(())
    }

    fn judge(&self, mtype: i64) -> Verdict {
        let liveness = reader_of(mtype).and_then(|pid| liveness(pid).ok());
        match verdict(&Evidence { mtype, liveness, age: None }, None) {
            Verdict::KeepAlive | Verdict::KeepUnknown if self.options.force => Verdict::Orphan(Reason::Forced),
            verdict => verdict,
        }
    }

    /// How many at the front are old enough, and how many behind them have no known age.
    fn old_enough(&self, seen: &[Seen]) -> (usize, usize) {
        let Some(limit) = self.options.older_than else { return (seen.len(), 0) };
        let last = seen.iter().rposition(|(_, age)| age.is_some_and(|age| age >= limit));
        let old = last.map_or(0, |last| last + 1);
        let last_known = seen.iter().rposition(|(_, age)| age.is_some()).map_or(0, |last| last + 1);
        (old, seen.len() - last_known.max(old))
    }

    /// Removes up to this many, oldest first, and stops when the number has a new holder.
    fn take(&mut self, mtype: i64, wanted: usize) -> Result<(usize, usize), QueueError> {
        let mut buffer = MessageBuffer::new();
        let (mut messages, mut bytes) = (0, 0);
        while messages < wanted {
            if self.start.elapsed() >= TIME_LIMIT {
                self.report.is_complete = false;
                break;
            }
            if !matches!(self.judge(mtype), Verdict::Orphan(_)) || !self.queue.try_receive(mtype, &mut buffer)? {
                break;
            }
            messages += 1;
            bytes += buffer.body().len();
        }
        Ok((messages, bytes))
    }
}
