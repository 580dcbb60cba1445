//! The machine, the queue and its server, one check after the other; nothing is changed and no server is asked.
//!
//! `facts` gathers what several checks need, each other file looks at one subject and says how that ended.

mod clock;
mod command;
mod configuration;
mod daemon;
mod facts;
mod kernel;
mod logind;
mod namespaces;
mod neighbours;
mod program;
mod queue;
mod report;
mod settings;
mod table;
mod unit;

use super::{Outcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::QueueOptions;
use clap::Args;
use facts::Facts;
use report::{Check, CheckOutcome, DoctorReport};

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

/// One thing to look at.
struct Examination {
    check: &'static str,
    title: &'static str,
    /// True for what is about one queue.
    needs_key: bool,
    look: fn(&Facts) -> CheckOutcome,
}

const fn of_queue(check: &'static str, title: &'static str, look: fn(&Facts) -> CheckOutcome) -> Examination {
    Examination { check, title, needs_key: true, look }
}

const fn of_machine(check: &'static str, title: &'static str, look: fn(&Facts) -> CheckOutcome) -> Examination {
    Examination { check, title, needs_key: false, look }
}

/// In the order in which they are shown: first what stops everything.
const EXAMINATIONS: [Examination; 22] = [
    of_machine("configuration", "configuration", configuration::look),
    of_queue("daemon", "daemon", daemon::look),
    of_queue("ipc_namespace", "IPC namespace", namespaces::ipc),
    of_queue("pid_namespace", "PID namespace", namespaces::pid),
    of_queue("other_programs", "other programs on the queue", neighbours::look),
    of_queue("table", "table", table::look),
    of_queue("queue_size", "size of the queue", queue::size),
    of_queue("queue_mode", "mode of the queue", queue::mode),
    of_queue("queue_group", "group of the queue", queue::group),
    of_machine("msgmax", "kernel.msgmax", kernel::msgmax),
    of_machine("msgmni", "kernel.msgmni", kernel::msgmni),
    of_machine("msg_copy", "MSG_COPY", kernel::msg_copy),
    of_queue("logind", "logind's RemoveIPC=", logind::look),
    of_queue("unit_state", "state of the unit", unit::state),
    of_queue("unit_enabled", "start at boot", unit::enabled),
    of_queue("unit_private_ipc", "PrivateIPC= of the unit", unit::private_ipc),
    of_queue("unit_remove_ipc", "RemoveIPC= of the unit", unit::remove_ipc),
    of_queue("unit_dynamic_user", "DynamicUser= of the unit", unit::dynamic_user),
    of_queue("replaced_program", "program on disk", program::replaced),
    of_queue("versions", "versions of daemon and msgqctl", program::versions),
    of_queue("package", "version of the package", program::package),
    of_queue("clock", "clock", clock::look),
];

impl RunCommand for DoctorArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<Outcome, Failure> {
        let facts = Facts::gather(queue);
        let checks = EXAMINATIONS.iter().map(|Examination { check, title, needs_key, look }| {
            let outcome = if *needs_key && facts.key.is_none() {
                CheckOutcome::not_checked("the queue's key is not known; --key KEY names it")
            } else {
                look(&facts)
            };
            Check { check, title, outcome }
        });
        let report = DoctorReport::new(facts.key.map(|key| key.to_string()), checks.collect());
        let status = if report.is_all_well() { Status::Ok } else { Status::NotWell };
        Ok(Outcome { status, ..Outcome::done(report) })
    }
}
