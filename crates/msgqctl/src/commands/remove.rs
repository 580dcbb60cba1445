//! `remove`: queues that are chosen by hand, with the care of `purge`.

mod choice;
mod contents;
mod refusal;
mod report;

use super::confirmation::{is_confirmed, nobody_can_be_asked};
use super::saving::{SaveOptions, failure_of_saving};
use super::values::queues;
use super::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::{Style, complain};
use crate::overview::{Overview, QueueFacts};
use crate::target::{QueueOptions, Target};
use choice::{QueueChoice, chosen_queues};
use clap::Args;
use contents::QueueContents;
use msgq_core::queue::{Queue, QueueError};
use refusal::{check_is_removable, is_used_since};
use report::{RemoveReport, RemovedQueue};
use std::time::Duration;

/// Only for the verdict that the report carries.
const IDLE_FOR: Duration = Duration::from_secs(3600);

const EXAMPLES: &str = "\
Examples:
  msgqctl remove 7 --dry-run       what would go with the queue that has msqid 7
  msgqctl remove 7 --save f.jsonl  with its messages in a file
  msgqctl remove 0x6f726431 --yes  without a question; what somebody uses stays";

/// Remove queues, with all that is in them
///
/// Says first what would go: the messages, who used the queue last and whether that lives, and who waits. Refuses a queue
/// that a msgqd serves, and without --force one whose last users live or may live, that somebody waits on or may wait on, or that
/// a msgqd left. Whoever waits on it gets EIDRM. A queue that is made anew with the same key is another one, and stays.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct RemoveArguments {
    /// Which: a number as `msgqctl list` shows it (msqid), or a key in hexadecimal with 0x. Without any: the one of --key or
    /// --msqid
    #[arg(value_name = "QUEUE", add = queues())]
    queues: Vec<QueueChoice>,

    #[command(flatten)]
    saving: SaveOptions,

    /// Also a queue that somebody uses or may use, but none that a msgqd serves
    #[arg(long)]
    force: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// Change nothing, show what would go
    #[arg(long, conflicts_with = "save")]
    dry_run: bool,
}

/// A queue that may go, and what is in it.
struct Removable {
    facts: QueueFacts,
    contents: QueueContents,
}

impl RunCommand for RemoveArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let overview = Overview::look(queue, IDLE_FOR).map_err(|error| Failure::of_queue_list(&error))?;
        let chosen = chosen_queues(&self.queues, queue, &overview.queues)?;
        if self.saving.save.is_some() && chosen.len() != 1 {
            return Err(Failure::new(
                Status::Usage,
                "a file of --save holds the messages of one queue: remove one at a time",
            ));
        }
        for facts in &chosen {
            check_is_removable(facts, self.force)?;
        }
        let removable: Vec<Removable> =
            chosen.into_iter().map(|facts| Removable { contents: QueueContents::look(&facts.stat), facts }).collect();
        if !self.dry_run {
            self.announce(&removable, overview.now_s)?;
        }
        let mut removed = Vec::new();
        for it in &removable {
            if let Err(failure) = self.remove(it, queue) {
                return Err(with_what_went(failure, &removed));
            }
            removed.push(RemovedQueue::new(&it.facts, &it.contents));
        }
        let saved_to = self.saving.shown_file();
        Ok(CommandOutcome::done(RemoveReport { is_dry_run: self.dry_run, removed, saved_to }))
    }
}

impl RemoveArguments {
    /// Says what goes, and asks.
    fn announce(&self, removable: &[Removable], now_s: i64) -> Result<(), Failure> {
        for Removable { facts, contents } in removable {
            complain(&format!("{}: {}; {}", report::name(facts), contents.in_words(), report::users(facts, now_s)));
        }
        if self.yes {
            return Ok(());
        }
        let (queues, them) = if removable.len() == 1 { ("this queue", "it") } else { ("these queues", "them") };
        if nobody_can_be_asked() {
            let message = format!("nothing was removed: where nobody can be asked, removing {queues} needs --yes");
            return Err(Failure::new(Status::Usage, message));
        }
        let lost = if self.saving.save.is_some() { String::new() } else { format!(" What is in {them} is lost then.") };
        match is_confirmed(&format!("Remove {queues}?{lost}")) {
            true => Ok(()),
            false => Err(Failure::new(Status::Other, "not confirmed: nothing was removed")),
        }
    }

    fn remove(&self, removable: &Removable, options: &QueueOptions) -> Result<(), Failure> {
        if self.dry_run {
            return Ok(());
        }
        let stat = &removable.facts.stat;
        let queue = Queue::known(stat.key, stat.msqid);
        let name = report::name(&removable.facts);
        if !self.force && is_used_since(&queue, stat) {
            let message = format!("{name} was used while this was being decided, so it was not removed; look again");
            return Err(Failure::new(Status::Other, message));
        }
        let target = Target::new(queue, options.known_protocol(stat.key));
        match self.saving.open_file(&target)? {
            None => queue.remove().map_err(|error| failure_of_removal(&name, &error)),
            Some(mut file) => file.save_and_remove_queue(&queue).map(drop).map_err(|error| {
                let failure = failure_of_saving(&error);
                Failure::new(failure.status, format!("{name} was not removed: {}", failure.message))
            }),
        }
    }
}

fn failure_of_removal(name: &str, error: &QueueError) -> Failure {
    if error.is_permission() {
        let message = format!("{name} was not removed: only its owner, its maker and root may do this");
        return Failure::new(Status::Permission, message);
    }
    Failure::of_queue(error)
}

/// What was removed before it failed is gone all the same.
fn with_what_went(failure: Failure, removed: &[RemovedQueue]) -> Failure {
    if removed.is_empty() {
        return failure;
    }
    let names: Vec<String> = removed.iter().map(RemovedQueue::name).collect();
    Failure::new(failure.status, format!("{}; removed before that: {}", failure.message, names.join(", ")))
}
