//! Whether the daemon and this shell see the same queues and the same numbers of processes.

use super::daemon::no_daemon_seen;
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::{DaemonElsewhere, Facts, Identification};
use crate::system::procfs::process_namespace;
use msgq_core::instance::{LockState, ipc_namespace};

pub(super) fn check_ipc_namespace(facts: &Facts) -> CheckOutcome {
    let own = ipc_namespace();
    if own == 0 {
        return CheckOutcome::not_checked("/proc does not show this process's IPC namespace");
    }
    match (facts.daemon.lock(), facts.misplaced_daemon(), facts.daemon.elsewhere) {
        // The name of the lock file holds the namespace.
        (LockState::Held(_), ..) => CheckOutcome::fine(format!("ipc:[{own}], as the daemon's")),
        (_, Some(misplaced), _) => other_ipc(facts, misplaced, own),
        (LockState::Free, None, Some(elsewhere)) if facts.is_unknown_queue() => not_known_to_be_meant(elsewhere),
        (LockState::Free, None, Some(elsewhere)) => not_of_the_unit(facts, elsewhere),
        (LockState::Hidden | LockState::Free, None, _) => no_daemon_seen(facts),
    }
}

fn other_ipc(facts: &Facts, elsewhere: DaemonElsewhere, own: u64) -> CheckOutcome {
    let DaemonElsewhere { pid, namespace: theirs } = elsewhere;
    let mut mend = Vec::new();
    if process_namespace(&pid.to_string(), "ipc").is_ok_and(|inode| inode == theirs) {
        mend.push(format!("nsenter --target {pid} --ipc -- msgqctl --key {} doctor", facts.key_name()));
    }
    mend.push("grep -rs PrivateIPC /etc/systemd/system/ /run/systemd/system/    # and set it to no".to_owned());
    CheckOutcome::problem(
        format!(
            "a msgqd (PID {pid}) serves queue {} in IPC namespace ipc:[{theirs}], and this shell is in ipc:[{own}]",
            facts.key_name()
        ),
        "a queue exists in one IPC namespace only: clients here do not find it; daemon and clients must share one \
         (PrivateIPC=no, or a container with the host's)",
        mend,
    )
}

fn not_of_the_unit(facts: &Facts, elsewhere: DaemonElsewhere) -> CheckOutcome {
    CheckOutcome::not_applicable(format!(
        "the daemon of {} does not run; another msgqd (PID {} for itself) serves a queue with this key in ipc:[{}], which \
         nobody finds from here",
        facts.unit_name().unwrap_or("the unit"),
        elsewhere.pid,
        elsewhere.namespace
    ))
}

fn not_known_to_be_meant(elsewhere: DaemonElsewhere) -> CheckOutcome {
    CheckOutcome::not_applicable(format!(
        "a msgqd (PID {} for itself) serves a queue with this key in ipc:[{}], and nothing tells that it should serve the one \
         that is here",
        elsewhere.pid, elsewhere.namespace
    ))
}

pub(super) fn check_pid_namespace(facts: &Facts) -> CheckOutcome {
    match facts.daemon.identification {
        Identification::NoDaemon => no_daemon_seen(facts),
        Identification::Other(pid) => other_pid(pid, "here that number means nobody, or another process"),
        Identification::Unknown => CheckOutcome::not_checked(
            "the daemon's files name no process of the user to whom they belong, so which one it is is not known",
        ),
        Identification::Unproven(pid) => CheckOutcome::not_checked(format!(
            "whether PID {pid} is the daemon here too is hidden from this user; root sees it"
        )),
        Identification::Same(pid) => {
            match (process_namespace("self", "pid"), process_namespace(&pid.to_string(), "pid")) {
                (Ok(own), Ok(theirs)) if own != theirs => {
                    other_pid(pid, &format!("it lives in pid:[{theirs}], and this shell in pid:[{own}]"))
                }
                _ => CheckOutcome::fine(format!("the daemon has the number {pid} here and for itself")),
            }
        }
    }
}

fn other_pid(pid: i32, how: &str) -> CheckOutcome {
    CheckOutcome::problem(
        format!("the daemon, which is PID {pid} for itself, is in another PID namespace: {how}"),
        "answers are addressed by PID, and the daemon looks whether that process lives: clients with numbers of another \
         PID namespace are refused, or get answers of others",
        vec![
            "docker run --pid=host --ipc=host ...    # or another way to start clients and daemon in one PID namespace"
                .to_owned(),
        ],
    )
}
