//! `list`: every queue of the machine, with a verdict on each.

mod report;
mod rows;
mod selection;

use super::values::parse_age;
use super::watch::{USUAL_INTERVAL, WatchOption, watch};
use super::{CommandOutcome, RunCommand};
use crate::failure::Failure;
use crate::output::Style;
use crate::overview::Overview;
use crate::target::QueueOptions;
use clap::Args;
use msgq_core::config::Config;
use report::ListReport;
use selection::Selection;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  msgqctl list                         all queues of the machine, those with trouble first
  msgqctl list --stuck --watch         those that nobody empties, again and again
  msgqctl list --abandoned --user bob  what a user of this name left behind
  msgqctl -j list | jq .queues         for programs";

/// List all queues of the machine, with who uses them and a verdict on each
///
/// Those of this IPC namespace, also such as have no key (IPC_PRIVATE), and whoever serves them. Looks at messages only where
/// somebody waits for room, to tell a deadlock. Who
/// used a queue last is told by number, with the name of who has it now, and whether that lives. The verdict is `deadlocked`,
/// `stuck` (full, and nobody receives), `hangs` or `down` (its msgqd), `ftok collision`, `stale readers`, `abandoned` (its last
/// users are gone for long), `reader gone`, `in use` or `idle`.
#[derive(Debug, Clone, Args)]
#[command(visible_alias = "ls", after_long_help = EXAMPLES)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    options: ListOptions,
}

const EXAMPLES_OF_TOP: &str = "\
Examples:
  msgqctl top               every 2 seconds; q ends it
  msgqctl top --sort bytes  who holds the most comes first
  msgqctl top -w 10         every 10 seconds";

/// List all queues of the machine again and again, as `list --watch` does
///
/// On a terminal it redraws in place until q or Ctrl-C.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES_OF_TOP)]
pub(crate) struct TopArguments {
    #[command(flatten)]
    options: ListOptions,
}

#[derive(Debug, Clone, Args)]
struct ListOptions {
    #[command(flatten)]
    selection: Selection,

    /// How long nothing must have moved in a queue for it to be idle or abandoned: seconds, or a number with ms, s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_age)]
    idle_for: Duration,

    #[command(flatten)]
    watching: WatchOption,
}

impl RunCommand for ListArguments {
    fn run_command(&self, queue: &QueueOptions, style: Style) -> Result<CommandOutcome, Failure> {
        let _ = self.options.selection.user()?;
        if let Some(interval) = self.options.watching.watch {
            return self.options.watch(queue, style, interval);
        }
        let (report, diagnostics) = self.options.look(queue)?;
        Ok(CommandOutcome { diagnostics, ..CommandOutcome::done(report) })
    }
}

impl RunCommand for TopArguments {
    fn run_command(&self, queue: &QueueOptions, style: Style) -> Result<CommandOutcome, Failure> {
        let _ = self.options.selection.user()?;
        self.options.watch(queue, style, self.options.watching.watch.unwrap_or(USUAL_INTERVAL))
    }
}

impl ListOptions {
    fn watch(&self, queue: &QueueOptions, style: Style, interval: Duration) -> Result<CommandOutcome, Failure> {
        watch(style, interval, || self.look(queue).map(|(report, _)| Ok(report)))
    }

    fn look(&self, queue: &QueueOptions) -> Result<(ListReport, Vec<String>), Failure> {
        let overview = Overview::look(queue, self.idle_for).map_err(|error| Failure::of_queue_list(&error))?;
        let diagnostics = hidden_note(&overview).into_iter().chain(unread_note(queue)).collect();
        Ok((ListReport::new(overview, &self.selection, queue)?, diagnostics))
    }
}

/// All queues are listed without it, but not said to be configured.
fn unread_note(options: &QueueOptions) -> Option<String> {
    let error = Config::load_leniently(options.config.as_deref()?).err()?.to_string();
    Some(format!("{}; the list is made without it", error.lines().next().unwrap_or_default()))
}

fn hidden_note(overview: &Overview) -> Option<String> {
    let whose = match overview.hidden_processes {
        0 => return None,
        1 => "1 process".to_owned(),
        hidden => format!("{hidden} processes"),
    };
    Some(format!("on which queues {whose} of other users may wait is hidden from this user; root sees it"))
}
