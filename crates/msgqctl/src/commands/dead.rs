//! `dead`: the messages of one-way queues that no handler took.

mod drop;
mod files;
mod list;
mod put_back;
mod retry;
mod row;
mod selection;
mod show;

pub(super) use put_back::put_back_letters;

use super::{CommandOutcome, RunCommand};
use crate::failure::Failure;
use crate::output::Style;
use crate::target::QueueOptions;
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  msgqctl dead list         what waits for somebody
  msgqctl dead retry --all  all of it once more, when the handler is mended";

/// Look at the messages that no handler took, send them again or drop them
///
/// A message that nobody waits for (`reply = "none"`) and whose handler failed as often as `attempts` allows becomes a dead
/// letter: a line in a file, with all of its bytes, which outlives daemon, queue and machine. No daemon need run. Only the
/// daemon's user and root may look.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DeadArguments {
    #[command(subcommand)]
    action: DeadCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum DeadCommand {
    List(list::DeadListArguments),
    Show(show::DeadShowArguments),
    Retry(retry::DeadRetryArguments),
    Drop(drop::DeadDropArguments),
}

impl RunCommand for DeadArguments {
    fn run_command(&self, queue: &QueueOptions, style: Style) -> Result<CommandOutcome, Failure> {
        match &self.action {
            DeadCommand::List(arguments) => arguments.run_command(queue, style),
            DeadCommand::Show(arguments) => arguments.run_command(queue, style),
            DeadCommand::Retry(arguments) => arguments.run_command(queue, style),
            DeadCommand::Drop(arguments) => arguments.run_command(queue, style),
        }
    }
}
