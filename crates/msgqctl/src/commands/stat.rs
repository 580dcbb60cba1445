//! `stat`: the queue, what waits in it, and who serves it; once, again and again, or as metrics.

mod by_type;
mod check;
mod dead_letters;
mod holdings;
mod look;
mod one_queue;
mod prometheus;
mod queue_report;
mod queue_waiters;
mod report;
mod second_queue;
mod second_verdict;
mod server;
mod verdict;

pub(crate) use check::{failed_check, refused_command_line};

use super::watch::{WatchOption, unless_not_there, watch};
use super::{CommandOutcome, RunCommand};
use crate::condition::Condition;
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::{QueueOptions, Target};
use check::{CheckOption, check};
use clap::Args;
use look::look_at_queue;
use prometheus::Exposition;

const STAT_EXIT_CODES_AND_EXAMPLES: &str = "\
Exit codes:
  Without --check those of msgqctl(1), with --prometheus too. With --check:
  0  OK: serving
  1  WARNING: busy, degraded, closed, starting or stopping
  2  CRITICAL: hangs, down, stopped or deadlocked; or there is no such queue, or it is not served
     although the configuration says that a msgqd should
  3  UNKNOWN: unknown, or not_served where no configuration names the queue; or this user may not
     look, or the command line or the configuration is wrong

Examples:
  msgqctl stat                   is all well, and what to do if not
  msgqctl stat --watch           the same every 2 seconds; q ends it
  msgqctl -k 0x6f726431 stat     another queue than that of the configuration
  msgqctl stat --check           for Nagios and Icinga: one line, exit code 0 to 3
  msgqctl stat --check=critical  the same, and a warning does not wake anybody
  msgqctl -j stat | jq .verdict  one field, for a script
  msgqctl stat --prometheus      metrics, for the textfile collector";

/// Show the queue, what waits in it, and whether a daemon serves it
///
/// Looks at the messages and takes none. The look ends after half a second, and says so, as it would never end in a
/// queue that is being flooded.
///
/// Who waits for room or for a message is shown as far as /proc shows it: root sees all programs, others see their own.
///
/// What the daemon itself counts is read from its table, without asking the daemon: also while it hangs, and after
/// it was killed. Where the table cannot be read, it is said why.
#[derive(Debug, Clone, Args)]
#[command(visible_alias = "status", after_long_help = STAT_EXIT_CODES_AND_EXAMPLES)]
pub(crate) struct StatArguments {
    #[command(flatten)]
    watching: WatchOption,

    #[command(flatten)]
    checking: CheckOption,

    /// Print metrics in the text format of Prometheus, for the textfile collector of its node exporter. Without a queue
    /// `msgqd_up` is 0 and the exit code 3
    #[arg(long, conflicts_with = "watch")]
    prometheus: bool,
}

impl StatArguments {
    /// True when monitoring asks.
    pub(crate) fn is_check(&self) -> bool {
        self.checking.check.is_some()
    }
}

impl RunCommand for StatArguments {
    fn run_command(&self, queue: &QueueOptions, style: Style) -> Result<CommandOutcome, Failure> {
        if let Some(lowest) = self.checking.check {
            return check(queue, style, lowest);
        }
        match self.watching.watch {
            Some(interval) => watch(style, interval, || {
                let looked = queue.open().and_then(|target| look_at_queue(&target));
                unless_not_there(looked.map(|(report, _)| report))
            }),
            None if self.prometheus && style == Style::Json => {
                Err(Failure::new(Status::Usage, "--prometheus and --json are two formats: choose one"))
            }
            None if self.prometheus => metrics(queue),
            None => {
                let (report, diagnostics) = look_at_queue(&queue.open()?)?;
                Ok(CommandOutcome { diagnostics, ..CommandOutcome::done(report) })
            }
        }
    }
}

/// What `stat` says first of a queue: its kind, the sentence, and the command that mends a deadlock.
pub(super) fn verdict_on_target(target: &Target) -> Result<(Condition, String, Option<String>), Failure> {
    let (report, _) = look_at_queue(target)?;
    Ok((report.condition, report.verdict, report.cure))
}

fn metrics(queue: &QueueOptions) -> Result<CommandOutcome, Failure> {
    let key = queue.resolve_key()?;
    match queue.open().and_then(|target| look_at_queue(&target)) {
        Ok((report, diagnostics)) => {
            Ok(CommandOutcome { diagnostics, ..CommandOutcome::done(Exposition::of_queue(&report)) })
        }
        // That nothing is there is a measurement too.
        Err(Failure { status: status @ Status::NoQueue, message }) => {
            let exposition = Exposition::without_queue(key);
            Ok(CommandOutcome { diagnostics: vec![message], status, ..CommandOutcome::done(exposition) })
        }
        Err(failure) => Err(failure),
    }
}
