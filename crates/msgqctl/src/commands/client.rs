//! `client`: prints a program that asks the server of this queue.

mod c_struct;
mod fields;
mod language;
mod numbers;
mod packing;
mod program;
mod rows;
mod template;

use super::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::{Style, StyledText, Text};
use crate::target::QueueOptions;
use clap::Args;
use language::Language;
use msgq_core::config::Config;
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  msgqctl client python > client.py  a client for the configured protocol
  msgqctl -c orders.toml client c    for that of another configuration";

/// Print a client for the configured protocol: a complete program
///
/// The program needs nothing but its language. It sends one request, which its arguments give: the text, or where [protocol]
/// declares a struct its fields, as in `op=3 name=bolt`. It prints the text or the fields of the answer. Key, types, structs and
/// the number of the client are those of the configuration. Scripts are printed for programs of as many bits as msgqctl has; in
/// C the program can be compiled for 64 and for 32 bits. No queue is looked at.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ClientArguments {
    /// The language of the program
    pub(crate) language: Language,
}

impl RunCommand for ClientArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let key = queue.resolve_key()?;
        // Whoever names a configuration wants no client of another protocol.
        if let Some(path) = &queue.config {
            Config::load_protocol(path).map_err(|error| Failure::new(Status::Other, error.to_string()))?;
        }
        let known = queue.known_protocol(Some(key));
        let program = program::client_program(self.language, key, &known.protocol)
            .map_err(|reason| Failure::new(Status::Other, format!("no client can be printed: {reason}")))?;
        let mut outcome = CommandOutcome::done(ProgramReport { language: self.language, program });
        if !known.is_configured {
            outcome.diagnostics.push(format!("the protocol is {}", known.source));
        }
        Ok(outcome)
    }
}

/// A program's text.
#[derive(Debug, Serialize)]
struct ProgramReport {
    language: Language,
    program: String,
}

impl Text for ProgramReport {
    fn text(&self) -> StyledText {
        self.program.as_str().into()
    }
}
