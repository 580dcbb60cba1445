//! A purge that is counted before it begins, so that it can be announced, asked about, cut to the oldest messages, and saved.

use super::arguments::PurgeArguments;
use crate::commands::confirmation::Removal;
use crate::commands::interrupt::Interrupt;
use crate::commands::saving::{counts_by_type, failure_of_saving};
use crate::failure::{Failure, Status};
use crate::messages::browse_within;
use crate::output::counted;
use crate::target::Target;
use msgq_core::orphan::{RemovalLimits, Resting, remove_of_types};
use msgq_core::queue::{BrowseLimits, Queue};
use msgq_core::saved_messages::{SaveFile, Taken, Taking, TakingEnd};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;

/// What may go: by type as it was seen.
pub(super) struct Plan {
    pub(super) seen: BTreeMap<i64, Resting>,
    /// Types of which there may be more than was seen, and all may go.
    pub(super) unbounded: Vec<i64>,
}

/// What went.
#[derive(Default)]
pub(super) struct Gone {
    pub(super) by_type: BTreeMap<i64, Resting>,
    /// False when a limit ended it.
    pub(super) is_complete: bool,
    pub(super) diagnostics: Vec<String>,
    pub(super) status: Option<Status>,
    pub(super) ended_by: Option<Signal>,
}

impl Plan {
    /// Leaves of it the oldest messages alone.
    pub(super) fn cut_to_oldest(
        &mut self,
        queue: &Queue,
        look: BrowseLimits,
        limit: Option<usize>,
    ) -> Result<(), Failure> {
        let Some(limit) = limit.filter(|_| !self.seen.is_empty()) else { return Ok(()) };
        let (mut left, mut oldest, mut count) = (std::mem::take(&mut self.seen), BTreeMap::new(), 0);
        let looked = browse_within(queue, look, |_, message| {
            let Some(of_type) = left.get_mut(&message.mtype()).filter(|it| it.messages > 0 && count < limit) else {
                return;
            };
            of_type.messages -= 1;
            count += 1;
            let oldest: &mut Resting = oldest.entry(message.mtype()).or_default();
            oldest.messages += 1;
            oldest.bytes += message.body().len();
        });
        let _ = looked.map_err(|error| Failure::of_queue(&error))?;
        self.seen = oldest;
        Ok(())
    }

    /// The sentence says less than all where not all was seen.
    pub(super) fn what(&self, noun: &str) -> String {
        let seen = counts_by_type(&self.seen, noun);
        match self.unbounded.as_slice() {
            [] => seen,
            types => {
                let types: Vec<String> = types.iter().map(i64::to_string).collect();
                let seen = if self.seen.is_empty() { "none".to_owned() } else { seen };
                format!("all {noun}s of type {}, of which could be seen: {seen}", types.join(", "))
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty() && self.unbounded.is_empty()
    }

    fn by_type(&self) -> BTreeMap<i64, usize> {
        let seen = self.seen.iter().map(|(mtype, of_type)| (*mtype, of_type.messages));
        seen.chain(self.unbounded.iter().map(|mtype| (*mtype, usize::MAX))).collect()
    }

    /// Says what goes, asks where `removal` is told to, saves where the options name a file, and removes.
    pub(super) fn carry_out(
        &self,
        options: &PurgeArguments,
        target: &Target,
        may_go: impl Fn(i64) -> bool,
        announced: Option<&Removal<'_>>,
    ) -> Result<Gone, Failure> {
        if let Some(removal) = announced {
            removal.announce(options.yes)?;
        }
        // What comes meanwhile was not asked about.
        let resting = usize::try_from(target.stat()?.messages).unwrap_or(usize::MAX);
        let at_most = options.limit.unwrap_or(usize::MAX).min(resting);
        if let Some(file) = options.saving.open_file(target)? {
            let taking = Taking { at_most, may_go: &may_go, ..Taking::of_types(self.by_type()) };
            return take_into(file, target, taking);
        }
        let removed = remove_of_types(&target.queue, &self.by_type(), at_most, RemovalLimits::default(), may_go);
        let (by_type, is_complete) = removed.map_err(|error| target.failure(&error))?;
        Ok(Gone { by_type, is_complete, ..Gone::default() })
    }
}

/// Takes messages out into the file, until a signal ends it.
pub(super) fn take_into(mut file: SaveFile, target: &Target, taking: Taking<'_>) -> Result<Gone, Failure> {
    let interrupt = Interrupt::install()?;
    let is_interrupted = || interrupt.signal().is_some();
    let mut gone = gone_of(file.take(&target.queue, Taking { is_interrupted: &is_interrupted, ..taking }))?;
    gone.ended_by = interrupt.signal().filter(|_| !gone.is_complete);
    Ok(gone)
}

/// A failure that comes before the first message is gone is one of the command.
fn gone_of(taken: Taken) -> Result<Gone, Failure> {
    let messages = taken.messages();
    let Taken { by_type, received_by_others, end } = taken;
    let mut gone = Gone { by_type, is_complete: matches!(end, TakingEnd::Complete), ..Gone::default() };
    if received_by_others > 0 {
        gone.diagnostics.push(format!(
            "another program received {} while they were removed; the file has them too, marked `taken`",
            counted(received_by_others, "message")
        ));
    }
    match end {
        TakingEnd::Complete | TakingEnd::Interrupted | TakingEnd::TimeLimit => {}
        TakingEnd::AnotherReceiver => {
            gone.status = Some(Status::Other);
            gone.diagnostics
                .push("another program receives from this queue, so it ended early: run it again".to_owned());
        }
        TakingEnd::Failed(error) => {
            let failure = failure_of_saving(&error);
            if messages == 0 {
                return Err(Failure::new(failure.status, format!("nothing was removed: {}", failure.message)));
            }
            gone.status = Some(failure.status);
            gone.diagnostics
                .push(format!("{}; it ended there, and what was removed before stands in the file", failure.message));
        }
    }
    Ok(gone)
}
