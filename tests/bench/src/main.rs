//! Measures msgqd beside what else carries a request and an answer on one machine. See README.md.
#![forbid(unsafe_code)]

mod bound;
mod cell;
mod child;
mod cli;
mod curves;
mod failure;
mod interrupt;
mod machine;
mod matrix;
mod noise;
mod pairs;
mod plot;
mod programs;
mod report;
mod round;
mod running;
mod server;
mod session;
mod statistics;
mod table;
mod turns;

use clap::Parser;
use cli::{Cli, Mode};
use failure::{Failure, Result};
use session::Session;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match interrupt::install().map_err(Failure::on("handle signals in", Path::new("this process"))).and_then(|()| run())
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(130),
        Err(failure) => {
            eprintln!("msgqd-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// True when it was not interrupted.
fn run() -> Result<bool> {
    let Cli { mode, options } = Cli::parse();
    let session = Session::new(mode, options)?;
    match mode {
        Mode::Quick => matrix::run(session, false),
        Mode::Full => matrix::run(session, true),
        Mode::Pairs => pairs::run(session),
        Mode::Curves => curves::run(session),
    }
}

/// Where files are in memory, so that no disk is measured.
fn memory_directory() -> &'static Path {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared } else { Path::new("/tmp") }
}
