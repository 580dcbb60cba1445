//! All checks: each file looks at one subject of the facts and says how that ended. They change nothing and ask no
//! server.

mod answer_queue;
mod client_namespaces;
mod clients;
mod configuration;
mod daemon;
mod dead_letters;
mod machine;
mod mend;
mod namespaces;
mod neighbours;
mod outcome;
mod program;
mod queue;
mod queue_calls;
mod queue_owner;
mod systemd_settings;
mod table;
mod unit_state;
mod verdict;

pub(super) use outcome::{Check, CheckOutcome, Finding};

use super::facts::Facts;

/// One thing to look at.
struct Examination {
    check: &'static str,
    title: &'static str,
    subject: Subject,
    examine: fn(&Facts) -> CheckOutcome,
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Machine,
    /// One queue, whoever serves it.
    Queue,
    /// The msgqd that serves a queue, or should.
    Msgqd,
}

const fn of_machine(check: &'static str, title: &'static str, examine: fn(&Facts) -> CheckOutcome) -> Examination {
    Examination { check, title, subject: Subject::Machine, examine }
}

const fn of_queue(check: &'static str, title: &'static str, examine: fn(&Facts) -> CheckOutcome) -> Examination {
    Examination { check, title, subject: Subject::Queue, examine }
}

const fn of_msgqd(check: &'static str, title: &'static str, examine: fn(&Facts) -> CheckOutcome) -> Examination {
    Examination { check, title, subject: Subject::Msgqd, examine }
}

/// In the order in which they are shown: first what stops everything.
const EXAMINATIONS: [Examination; 25] = [
    of_machine("queue_calls", "calls on queues", queue_calls::check_queue_calls),
    of_machine("configuration", "configuration", configuration::check_configuration),
    of_queue("daemon", "daemon", daemon::check_daemon),
    of_queue("verdict", "verdict of stat", verdict::check_verdict),
    of_queue("ipc_namespace", "IPC namespace", namespaces::check_ipc_namespace),
    of_msgqd("pid_namespace", "PID namespace", namespaces::check_pid_namespace),
    of_queue("client_pid_namespaces", "PID namespaces of clients", client_namespaces::check_client_pid_namespaces),
    of_queue("other_programs", "other programs on the queue", neighbours::check_other_programs),
    of_msgqd("table", "table", table::check_table),
    of_queue("queue_size", "size of the queue", queue::check_queue_size),
    of_queue("queue_mode", "mode of the queue", queue::check_queue_mode),
    of_queue("queue_group", "group of the queue", queue::check_queue_group),
    of_machine("msgmax", "kernel.msgmax", machine::check_msgmax),
    of_machine("msgmni", "kernel.msgmni", machine::check_msgmni),
    of_machine("msg_copy", "MSG_COPY", machine::check_msg_copy),
    of_queue("logind", "logind's RemoveIPC=", systemd_settings::check_logind),
    of_msgqd("unit_state", "state of the unit", unit_state::check_unit_state),
    of_msgqd("unit_enabled", "start at boot", unit_state::check_unit_enabled),
    of_msgqd("unit_private_ipc", "PrivateIPC= of the unit", systemd_settings::check_private_ipc),
    of_msgqd("unit_remove_ipc", "RemoveIPC= of the unit", systemd_settings::check_remove_ipc),
    of_msgqd("unit_dynamic_user", "DynamicUser= of the unit", systemd_settings::check_dynamic_user),
    of_msgqd("replaced_program", "program on disk", program::check_replaced_program),
    of_msgqd("versions", "versions of daemon and msgqctl", program::check_versions),
    of_msgqd("package", "version of the package", program::check_package),
    of_queue("clock", "clock", machine::check_clock),
];

/// Examines everything, in the order in which it is shown.
pub(super) fn examine_all(facts: &Facts) -> Vec<Check> {
    let checks = EXAMINATIONS.iter().map(|Examination { check, title, subject, examine }| {
        let outcome = why_not_examined(facts, *subject).unwrap_or_else(|| examine(facts));
        Check { check, title, outcome }
    });
    let where_it_matters = [
        queue_owner::check_of_queue_owner,
        answer_queue::check_of_answer_queue,
        answer_queue::check_of_answer_queue_mode,
        answer_queue::check_of_request_takers,
        clients::missing_check_of_clients,
        dead_letters::check_of_dead_letters,
    ];
    checks.chain(where_it_matters.into_iter().filter_map(|check| check(facts))).collect()
}

fn why_not_examined(facts: &Facts, subject: Subject) -> Option<CheckOutcome> {
    let is_nameless = facts.key.is_none() && facts.queue.is_none();
    match subject {
        Subject::Machine => None,
        _ if facts.refused_call.is_some() => Some(CheckOutcome::not_checked(queue_calls::CANNOT_LOOK)),
        _ if is_nameless => Some(CheckOutcome::not_checked("the queue's key is not known; --key KEY names it")),
        Subject::Msgqd if facts.is_unknown_queue() => Some(CheckOutcome::not_applicable(format!(
            "neither a lock nor a table nor a configuration tells that msgqd is meant to serve queue {}",
            facts.key_name()
        ))),
        Subject::Queue | Subject::Msgqd => None,
    }
}
