//! `doctor`: the machine, the queue and its server, one check after the other.
//!
//! `facts` gathers what several checks need, `checks` look at it, and `report` shows how they ended. Nothing is changed
//! and no server is asked; but `fix`, which is asked for, raises limits of the kernel first.

mod checks;
mod facts;
mod fix;
mod report;

use super::stat::verdict_on_target;
use super::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::{QueueOptions, Target};
use checks::examine_all;
use clap::Args;
use facts::{Facts, SeenVerdict};
use fix::fix_limits;
use msgq_core::queue::Queue;
use report::DoctorReport;

const DOCTOR_EXIT_CODES: &str = "\
Exit codes:
  0  everything that matters here was checked, and all is well
  1  there are problems or warnings, or something could not be checked
  2  the command line is wrong
  6  the result could not be written";

const EXAMPLES: &str = "\
Examples:
  msgqctl doctor                     what is not well here, and the commands that mend it
  msgqctl -k 0x6f726431 doctor       another queue and its server
  msgqctl doctor --fix               raise what limits the queues, after a question
  msgqctl -j doctor                  for programs";

fn long_help() -> String {
    format!("{DOCTOR_EXIT_CODES}\n\n{EXAMPLES}")
}

/// Check the machine, the queue and its server, and say what to mend and how
///
/// For each finding it prints what it is, why it matters, and the commands that mend it, each in one line, for root's
/// shell. Then what could not be checked and why, what cannot matter here, and what is fine.
///
/// Without --fix it changes nothing. It asks no server, so it works while the daemon hangs, and without one. What another user's
/// processes do is hidden from ordinary users: only root gets every check. The settings that the queue is compared
/// with are those of `--config`, or of /etc/msgqd/msgqd.toml where that is about this queue.
#[derive(Debug, Clone, Args)]
#[command(after_help = DOCTOR_EXIT_CODES, after_long_help = long_help())]
pub(crate) struct DoctorArguments {
    /// As root, first raise kernel.msgmnb, kernel.msgmax and kernel.msgmni to what the configuration needs, or all in
    /// /etc/msgqd: now, and with /etc/sysctl.d/60-msgqd.conf for every boot. Shows all of it and asks; lowers nothing
    #[arg(long)]
    fix: bool,

    /// Do not ask
    #[arg(long, requires = "fix")]
    yes: bool,
}

impl RunCommand for DoctorArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let is_fixed = if self.fix { fix_limits(queue, self.yes)? } else { true };
        let facts = Facts::gather(queue, |found| verdict_of_stat(queue, found))?;
        let report = DoctorReport::new(facts.key.map(|key| key.to_string()), examine_all(&facts));
        let status = if report.is_all_well() && is_fixed { Status::Ok } else { Status::NotWell };
        Ok(CommandOutcome { status, ..CommandOutcome::done(report) })
    }
}

/// What `stat` says of the queue now; `None` without a queue.
fn verdict_of_stat(options: &QueueOptions, queue: Queue) -> Option<Result<SeenVerdict, String>> {
    let verdict = verdict_on_target(&Target::new(queue, options.known_protocol(queue.key())));
    Some(
        verdict
            .map(|(condition, sentence, cure)| SeenVerdict { condition, sentence, cure })
            .map_err(|failure| failure.message),
    )
}
