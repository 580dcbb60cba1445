//! Look at, test and clean up a System V message queue, whether msgqd serves it or another program.
//!
//! Data flows one way: `cli` says what was asked for, a room in `commands` does it and returns an outcome, `output` shows
//! that as text or JSON. Results go to standard output, everything else to standard error.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod completion;
mod condition;
mod daemon;
mod deadlock;
mod failure;
mod instances;
mod messages;
mod output;
mod overview;
mod system;
mod target;

pub use cli::command;
pub use completion::script::completion_script;

use clap::FromArgMatches;
use cli::{Arguments, Command};
use commands::CommandOutcome;
use commands::stat::{failed_check, refused_command_line};
use completion::script::answer_completion;
use failure::{Failure, Status};
use output::{Style, complain, print_report, show_moments_in};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command line and returns the exit code that `msgqctl --help` documents.
///
/// Asked by a completion script, it prints candidates instead.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match answer_completion(&arguments, command) {
        Ok(true) => return ExitCode::from(Status::Ok.code()),
        Ok(false) => {}
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(Status::Usage.code());
        }
    }
    let status = match parse(&arguments) {
        Ok(arguments) => execute(&arguments),
        Err(error) => {
            // Somebody who closes the pipe has read enough of the help.
            let _ = error.print();
            match error.use_stderr() {
                false => Status::Ok,
                true if is_for_monitoring(&arguments) => finish(Ok(refused_command_line()), Style::Plain),
                true => Status::Usage,
            }
        }
    };
    ExitCode::from(status.code())
}

/// The colours of help and of errors are asked for by an option that is not parsed yet.
fn parse(arguments: &[OsString]) -> clap::error::Result<Arguments> {
    let asked = |argument: &OsString| match argument.to_str()?.strip_prefix("--color")? {
        "" | "=always" => Some(clap::ColorChoice::Always),
        "=never" => Some(clap::ColorChoice::Never),
        _ => None,
    };
    let colours = arguments.iter().find_map(asked).unwrap_or_default();
    Arguments::from_arg_matches(&command().color(colours).try_get_matches_from(arguments)?)
}

/// Looked for in what cannot be parsed.
fn is_for_monitoring(arguments: &[OsString]) -> bool {
    let has = |is_so: fn(&str) -> bool| arguments.iter().any(|argument| argument.to_str().is_some_and(is_so));
    has(|word| matches!(word, "stat" | "status")) && has(|word| word == "--check" || word.starts_with("--check="))
}

fn execute(arguments: &Arguments) -> Status {
    let style = Style::choose(arguments.json, arguments.color.is_coloured());
    // What programs read does not change with who asks.
    show_moments_in(arguments.utc || arguments.json);
    let outcome = arguments.command.run(&arguments.queue, style).or_else(|failure| match &arguments.command {
        Command::Stat(stat) if stat.is_check() => Ok(failed_check(failure, style)),
        _ => Err(failure),
    });
    finish(outcome, style)
}

/// Shows what there is to show.
fn finish(outcome: Result<CommandOutcome, Failure>, style: Style) -> Status {
    match outcome.and_then(|outcome| show(outcome, style)) {
        Ok(outcome) => {
            outcome.diagnostics.iter().for_each(|line| complain(line));
            if let Some(signal) = outcome.ended_by {
                // A shell that runs a script sees how it ended, and ends too.
                let _ = signal_hook::low_level::emulate_default_handler(signal as i32);
            }
            outcome.status
        }
        Err(failure) => {
            complain(&failure.message);
            failure.status
        }
    }
}

fn show(outcome: CommandOutcome, style: Style) -> Result<CommandOutcome, Failure> {
    if let Some(report) = &outcome.report {
        let printed = print_report(report.as_ref(), style, &mut std::io::stdout().lock());
        let _ = printed.map_err(|error| Failure::of_output(&error))?;
    }
    Ok(outcome)
}
