//! `stat`: the queue, what waits in it, and who serves it; once, again and again, or as metrics.

mod holdings;
mod look;
mod prometheus;
mod report;
mod server;
mod verdict;
mod watch;

use super::values::parse_interval;
use super::{Outcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::QueueOptions;
use clap::Args;
use look::look_at_queue;
use prometheus::Exposition;
use std::time::Duration;
use watch::watch_queue;

/// Show the queue, what waits in it, and whether a daemon serves it
///
/// Looks at the messages and takes none. The look ends after half a second, and says so, as it would never end in a
/// queue that is being flooded.
///
/// What the daemon itself counts is read from its table, without asking the daemon: also while it hangs, and after
/// it was killed. Where the table cannot be read, it is said why.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatArguments {
    /// Look again and again, every 2 seconds or as often as given. On a terminal it redraws in place
    /// until q or Ctrl-C; elsewhere it prints one report after the other
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2",
        conflicts_with = "prometheus",
        value_parser = parse_interval
    )]
    pub(crate) watch: Option<Duration>,

    /// Print metrics in the text format of Prometheus, for the textfile collector of its node exporter. Without a queue
    /// `msgqd_up` is 0 and the exit code 3
    #[arg(long)]
    pub(crate) prometheus: bool,
}

impl RunCommand for StatArguments {
    fn run_command(&self, queue: &QueueOptions, style: Style) -> Result<Outcome, Failure> {
        match self.watch {
            Some(interval) => watch_queue(queue, style, interval),
            None if self.prometheus && style == Style::Json => {
                Err(Failure::new(Status::Usage, "--prometheus and --json are two formats: choose one"))
            }
            None if self.prometheus => metrics(queue),
            None => {
                let (report, diagnostics) = look_at_queue(&queue.open()?)?;
                Ok(Outcome { diagnostics, ..Outcome::done(report) })
            }
        }
    }
}

fn metrics(queue: &QueueOptions) -> Result<Outcome, Failure> {
    let key = queue.resolve_key()?;
    match queue.open().and_then(|target| look_at_queue(&target)) {
        Ok((report, diagnostics)) => Ok(Outcome { diagnostics, ..Outcome::done(Exposition::of_queue(&report)) }),
        // That nothing is there is a measurement too.
        Err(Failure { status: status @ Status::NoQueue, message }) => {
            let exposition = Exposition::without_queue(key);
            Ok(Outcome { diagnostics: vec![message], status, ..Outcome::done(exposition) })
        }
        Err(failure) => Err(failure),
    }
}
