//! `completions`: prints a completion script.

use super::{CommandOutcome, RunCommand};
use crate::completion::script::completion_script;
use crate::failure::{Failure, Status};
use crate::output::{Style, StyledText, Text};
use crate::target::QueueOptions;
use clap::Args;
use clap_complete::Shell;
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  msgqctl completions zsh > _msgqctl  for a shell that the package has no script for, or without it";

/// Print a completion script for a shell
///
/// The script asks msgqctl itself: it completes commands, options, and the clients of the queue where a PID is
/// wanted. The package installs it for bash, zsh and fish.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: Shell,
}

impl RunCommand for CompletionsArguments {
    fn run_command(&self, _: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let script = completion_script(self.shell)
            .map_err(|error| Failure::new(Status::Other, format!("no script for {}: {error}", self.shell)))?;
        Ok(CommandOutcome::done(ScriptReport { shell: self.shell.to_string(), script }))
    }
}

/// A completion script.
#[derive(Debug, Serialize)]
struct ScriptReport {
    shell: String,
    script: String,
}

impl Text for ScriptReport {
    fn text(&self) -> StyledText {
        self.script.as_str().into()
    }
}
