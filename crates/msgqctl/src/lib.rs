//! Look at, test and clean up a System V message queue, whether msgqd serves it or another program.
//!
//! Data flows one way: `cli` says what was asked for, a room in `commands` does it and returns an outcome, `output` shows
//! that as text or JSON. Results go to standard output, everything else to standard error.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod complete;
mod daemon;
mod failure;
mod messages;
mod names;
mod output;
mod permission;
mod procfs;
mod sysvipc;
mod target;

pub use cli::command;
pub use complete::script as completion_script;

use clap::Parser;
use cli::Arguments;
use commands::Outcome;
use failure::{Failure, Status};
use output::{Style, complain, print_report};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command line and returns the exit code that `msgqctl --help` documents.
///
/// Asked by a completion script, it prints candidates instead.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match complete::answer(command, &arguments) {
        Ok(true) => return ExitCode::from(Status::Ok.code()),
        Ok(false) => {}
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(Status::Usage.code());
        }
    }
    let status = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => execute(&arguments),
        Err(error) => {
            // Somebody who closes the pipe has read enough of the help.
            let _ = error.print();
            if error.use_stderr() { Status::Usage } else { Status::Ok }
        }
    };
    ExitCode::from(status.code())
}

fn execute(arguments: &Arguments) -> Status {
    let style = Style::choose(arguments.json);
    let outcome = arguments.command.run(&arguments.queue, style).and_then(|outcome| show(outcome, style));
    match outcome {
        Ok(outcome) => {
            outcome.diagnostics.iter().for_each(|line| complain(line));
            outcome.status
        }
        Err(failure) => {
            complain(&failure.message);
            failure.status
        }
    }
}

fn show(outcome: Outcome, style: Style) -> Result<Outcome, Failure> {
    if let Some(report) = &outcome.report {
        let printed = print_report(report.as_ref(), style, &mut std::io::stdout().lock());
        let _ = printed.map_err(|error| Failure::of_output(&error))?;
    }
    Ok(outcome)
}
