//! All checks: each file looks at one subject of the facts and says how that ended. They change nothing and ask no
//! server.

mod configuration;
mod daemon;
mod machine;
mod mend;
mod namespaces;
mod neighbours;
mod outcome;
mod program;
mod queue;
mod systemd_settings;
mod table;
mod unit_state;

pub(super) use outcome::{Check, CheckOutcome, Finding};

use super::facts::Facts;

/// One thing to look at.
struct Examination {
    check: &'static str,
    title: &'static str,
    /// True for what is about one queue.
    needs_key: bool,
    examine: fn(&Facts) -> CheckOutcome,
}

const fn of_queue(check: &'static str, title: &'static str, examine: fn(&Facts) -> CheckOutcome) -> Examination {
    Examination { check, title, needs_key: true, examine }
}

const fn of_machine(check: &'static str, title: &'static str, examine: fn(&Facts) -> CheckOutcome) -> Examination {
    Examination { check, title, needs_key: false, examine }
}

/// In the order in which they are shown: first what stops everything.
const EXAMINATIONS: [Examination; 22] = [
    of_machine("configuration", "configuration", configuration::check_configuration),
    of_queue("daemon", "daemon", daemon::check_daemon),
    of_queue("ipc_namespace", "IPC namespace", namespaces::check_ipc_namespace),
    of_queue("pid_namespace", "PID namespace", namespaces::check_pid_namespace),
    of_queue("other_programs", "other programs on the queue", neighbours::check_other_programs),
    of_queue("table", "table", table::check_table),
    of_queue("queue_size", "size of the queue", queue::check_queue_size),
    of_queue("queue_mode", "mode of the queue", queue::check_queue_mode),
    of_queue("queue_group", "group of the queue", queue::check_queue_group),
    of_machine("msgmax", "kernel.msgmax", machine::check_msgmax),
    of_machine("msgmni", "kernel.msgmni", machine::check_msgmni),
    of_machine("msg_copy", "MSG_COPY", machine::check_msg_copy),
    of_queue("logind", "logind's RemoveIPC=", systemd_settings::check_logind),
    of_queue("unit_state", "state of the unit", unit_state::check_unit_state),
    of_queue("unit_enabled", "start at boot", unit_state::check_unit_enabled),
    of_queue("unit_private_ipc", "PrivateIPC= of the unit", systemd_settings::check_private_ipc),
    of_queue("unit_remove_ipc", "RemoveIPC= of the unit", systemd_settings::check_remove_ipc),
    of_queue("unit_dynamic_user", "DynamicUser= of the unit", systemd_settings::check_dynamic_user),
    of_queue("replaced_program", "program on disk", program::check_replaced_program),
    of_queue("versions", "versions of daemon and msgqctl", program::check_versions),
    of_queue("package", "version of the package", program::check_package),
    of_queue("clock", "clock", machine::check_clock),
];

/// Examines everything, in the order in which it is shown.
pub(super) fn examine_all(facts: &Facts) -> Vec<Check> {
    let checks = EXAMINATIONS.iter().map(|Examination { check, title, needs_key, examine }| {
        let outcome = if *needs_key && facts.key.is_none() {
            CheckOutcome::not_checked("the queue's key is not known; --key KEY names it")
        } else {
            examine(facts)
        };
        Check { check, title, outcome }
    });
    checks.collect()
}
