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
mod settings;
mod table;
mod unit;

use super::Outcome;
use crate::cli::Arguments;
use crate::failure::Status;
use crate::report::{Check, CheckOutcome, DoctorReport};
use facts::Facts;

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

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let facts = Facts::gather(arguments);
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
    Outcome { report: Box::new(report), diagnostics: Vec::new(), status }
}
