//! The subcommands, one room each: its arguments, its work, its JSON and its text.
//!
//! A command returns a [`CommandOutcome`], which is printed elsewhere. What cannot wait for the end, a warning or a question,
//! goes to standard error at once.

pub(crate) mod bench;
pub(crate) mod client;
pub(crate) mod completions;
mod confirmation;
pub(crate) mod dead;
mod declared_request;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod explain;
mod interrupt;
mod latency;
pub(crate) mod layout;
pub(crate) mod list;
mod own_type;
pub(crate) mod peek;
pub(crate) mod purge;
pub(crate) mod remove;
mod reply_choice;
pub(crate) mod restore;
pub(crate) mod resume;
mod saving;
pub(crate) mod send;
pub(crate) mod stat;
mod test_client;
mod values;
mod watch;

use crate::failure::{Failure, Status};
use crate::output::{Report, Style};
use crate::target::QueueOptions;
use nix::sys::signal::Signal;

/// The arguments of a subcommand, which know how to carry it out.
pub(crate) trait RunCommand {
    /// Does the work on the queue that was named; `style` is how the outcome will be shown.
    fn run_command(&self, queue: &QueueOptions, style: Style) -> Result<CommandOutcome, Failure>;
}

/// What a command that could do its work has to say.
pub(crate) struct CommandOutcome {
    /// `None` from a command that has shown all it had.
    pub(crate) report: Option<Box<dyn Report>>,
    /// Lines for standard error.
    pub(crate) diagnostics: Vec<String>,
    pub(crate) status: Status,
    /// The signal that ended the work before its time, and is to end the program once the outcome is shown.
    pub(crate) ended_by: Option<Signal>,
}

impl CommandOutcome {
    pub(crate) fn silent() -> Self {
        Self { report: None, diagnostics: Vec::new(), status: Status::Ok, ended_by: None }
    }

    fn done(report: impl Report + 'static) -> Self {
        Self { report: Some(Box::new(report)), ..Self::silent() }
    }
}
