//! Measures msgqd beside what else carries a request and an answer on one machine. See README.md.
#![forbid(unsafe_code)]

mod child;
mod cli;
mod failure;
mod interrupt;
mod machine;
mod matrix;
mod noise;
mod plot;
mod programs;
mod report;
mod round;
mod running;
mod server;
mod statistics;
mod table;
mod turns;

use clap::Parser;
use cli::{Cli, Mode};
use failure::{Failure, Result};
use machine::Machine;
use programs::Programs;
use report::Report;
use std::path::Path;
use std::process::ExitCode;
use turns::Group;

fn main() -> ExitCode {
    match interrupt::install().map_err(Failure::on("handle signals in", Path::new("this process"))).and_then(|()| run()) {
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
    machine::raise_limits();
    let machine = Machine::this();
    let plan = options.plan(mode);
    let mut programs = Programs::new(options.output.join("programs"))?;
    let clients = options.clients.as_deref();
    let groups = match mode {
        Mode::Quick | Mode::Full | Mode::Pairs | Mode::Curves => matrix::groups(mode == Mode::Full, clients),
    };
    let groups = chosen(groups, options.only.as_deref());
    let (results, finished) = turns::measure(&groups, plan, &mut programs, |line| eprintln!("{line}"))?;
    let mut report = Report::new("Round trips on one machine", &machine, plan);
    matrix::write(&mut report, &results);
    report.troubles(&results, finished);
    report.write(&options.output, mode.report(), (&machine, plan, &results, finished))?;
    println!("{}", report.markdown());
    Ok(finished)
}

/// Only the cells with `text` in their label, where there is one.
fn chosen(mut groups: Vec<Group>, text: Option<&str>) -> Vec<Group> {
    for group in &mut groups {
        group.cells.retain(|cell| text.is_none_or(|text| cell.label().contains(text)));
    }
    groups.retain(|group| !group.cells.is_empty());
    groups
}

/// Where files are in memory, so that no disk is measured.
fn memory_directory() -> &'static Path {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared } else { Path::new("/tmp") }
}
