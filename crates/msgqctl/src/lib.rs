//! Look at, test and clean up a System V message queue, whether msgqd serves it or another program.
//!
//! Data flows one way: `cli` says what was asked for, a file in `cmd` does it and returns an outcome, `report` turns
//! that into text, JSON or metrics. Results go to standard output, everything else to standard error. `watch` does and
//! shows the same look again and again.
#![forbid(unsafe_code)]

pub mod cli;
mod cmd;
pub mod complete;
mod door;
mod failure;
mod inside;
mod latency;
mod messages;
mod names;
mod permission;
mod procfs;
mod report;
mod sysvipc;
mod target;
mod watch;

use clap::Parser;
use cli::{Arguments, Command, StatArguments};
use failure::{Failure, Status};
use report::Style;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command line and returns the exit code that `msgqctl --help` documents.
///
/// Asked by a completion script, it prints candidates instead.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match complete::answer(&arguments) {
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
    let outcome = match &arguments.command {
        Command::Stat(StatArguments { watch: Some(interval), .. }) => watch::run(arguments, *interval),
        _ => dispatch(arguments).and_then(|outcome| {
            report::print(outcome.report.as_ref(), Style::of(arguments), &mut std::io::stdout().lock())?;
            Ok(outcome)
        }),
    };
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

fn dispatch(arguments: &Arguments) -> Result<cmd::Outcome, Failure> {
    match &arguments.command {
        Command::Stat(StatArguments { prometheus: true, .. }) if arguments.json => {
            Err(Failure::new(Status::Usage, "--prometheus and --json are two formats: choose one"))
        }
        Command::Stat(options) => cmd::stat::run(options, target::key(arguments)?, || target::open(arguments)),
        Command::Peek(options) => cmd::peek::run(options, &target::open(arguments)?),
        Command::Explain(options) => cmd::explain::run(options, &target::open(arguments)?),
        Command::Purge(options) => cmd::purge::run(options, || target::open(arguments)),
        Command::Drain(options) => cmd::door::drain(options, target::key(arguments)?, || target::open(arguments)),
        Command::Resume(options) => cmd::door::resume(options, target::key(arguments)?, || target::open(arguments)),
        Command::Send(options) => cmd::send::run(options, || target::open(arguments)),
        Command::Doctor => Ok(cmd::doctor::run(arguments)),
        Command::Bench(options) => cmd::bench::run(options, arguments.json, || target::open(arguments)),
        Command::Completions(options) => cmd::completions::run(options),
    }
}

/// Writes to standard error; where that is closed, nobody wants to know.
fn complain(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "msgqctl: {message}");
}
