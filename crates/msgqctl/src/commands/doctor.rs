//! `doctor`: the machine, the queue and its server, one check after the other.
//!
//! `facts` gathers what several checks need, `checks` look at it, and `report` shows how they ended. Nothing is changed
//! and no server is asked.

mod checks;
mod facts;
mod report;

use super::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::QueueOptions;
use checks::examine_all;
use clap::Args;
use facts::Facts;
use report::DoctorReport;

const DOCTOR_EXIT_CODES: &str = "\
Exit codes:
  0  everything that matters here was checked, and all is well
  1  there are problems or warnings, or something could not be checked
  2  the command line is wrong
  6  the result could not be written";

/// Check the machine, the queue and its server, and say what to mend and how
///
/// For each finding it prints what it is, why it matters, and the commands that mend it, each in one line, for root's
/// shell. Then what could not be checked and why, what cannot matter here, and what is fine.
///
/// Changes nothing and asks no server, so it works while the daemon hangs, and without one. What another user's
/// processes do is hidden from ordinary users: only root gets every check. The settings that the queue is compared
/// with are those of `--config`, or of /etc/msgqd/msgqd.toml where that is about this queue.
#[derive(Debug, Clone, Args)]
#[command(after_help = DOCTOR_EXIT_CODES)]
pub(crate) struct DoctorArguments {}

impl RunCommand for DoctorArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let facts = Facts::gather(queue);
        let report = DoctorReport::new(facts.key.map(|key| key.to_string()), examine_all(&facts));
        let status = if report.is_all_well() { Status::Ok } else { Status::NotWell };
        Ok(CommandOutcome { status, ..CommandOutcome::done(report) })
    }
}
