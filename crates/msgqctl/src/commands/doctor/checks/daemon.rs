//! Whether a msgqd serves the queue.

use super::mend::{restart_command, start_command};
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::Facts;
use crate::daemon::{ServerPhase, silence};
use crate::output::shown_path;
use crate::system::procfs::is_process_stopped;
use msgq_core::instance::LockState;
use msgq_core::process::{ClientPid, process_name};

pub(super) fn check_daemon(facts: &Facts) -> CheckOutcome {
    let key = facts.key_name();
    match (facts.daemon.lock(), facts.daemon.phase()) {
        (LockState::Hidden, _) => {
            let path = facts.daemon.files.as_ref().map(|files| shown_path(&files.lock_path)).unwrap_or_default();
            CheckOutcome::not_checked(format!("this user may not read the lock file {path}; root may"))
        }
        (LockState::Held(pid), Some(ServerPhase::Hangs)) => hangs(facts, pid),
        (LockState::Held(pid), Some(ServerPhase::Draining)) => CheckOutcome::warning(
            format!("the daemon (PID {pid}) is stopping"),
            "it takes no new requests, and clients wait or get errors until the next start",
            vec![start_command(facts)],
        ),
        (LockState::Held(pid), Some(ServerPhase::Starting)) => CheckOutcome::warning(
            format!("the daemon (PID {pid}) is starting: it finishes what an earlier one had in hand"),
            "clients wait until it is done",
            vec![format!("msgqctl --key {key} stat --watch")],
        ),
        (LockState::Held(pid), Some(_)) => CheckOutcome::fine(format!("PID {pid} serves queue {key}")),
        (LockState::Held(pid), None) => {
            CheckOutcome::fine(format!("PID {pid} serves queue {key}, as far as its lock shows"))
        }
        (LockState::Free, _) if facts.daemon.elsewhere.is_some() => {
            CheckOutcome::not_applicable("it lives in another IPC namespace, as shown above")
        }
        (LockState::Free, phase) => absent(facts, phase),
    }
}

/// How a check of the daemon ends when no daemon can be seen.
pub(super) fn no_daemon_seen(facts: &Facts) -> CheckOutcome {
    match facts.daemon.lock() {
        LockState::Hidden => CheckOutcome::not_checked("this user may not see whether a daemon runs; root may"),
        _ => CheckOutcome::not_applicable("no daemon can be seen from here"),
    }
}

fn hangs(facts: &Facts, pid: i32) -> CheckOutcome {
    let silent_s = facts.daemon.good_table().map_or(0, |table| silence(table).as_secs());
    let mend = match facts.daemon.pid() {
        Some(pid) if is_process_stopped(pid) => format!("kill -CONT {pid}"),
        // One that hangs may not hear SIGTERM.
        Some(pid) if facts.unit_name().is_none() => format!("kill -KILL {pid}; {}", start_command(facts)),
        _ => restart_command(facts),
    };
    CheckOutcome::problem(
        format!("the daemon (PID {pid}) hangs: it has shown no sign of life for {silent_s} s"),
        "it answers nobody; what it has in hand stays in its table and is finished after a restart",
        vec![mend],
    )
}

fn absent(facts: &Facts, phase: Option<ServerPhase>) -> CheckOutcome {
    let key = facts.key_name();
    let start = vec![start_command(facts)];
    let Some(queue) = facts.queue else {
        return CheckOutcome::problem(
            format!("nobody serves queue {key}: there is no such queue, and no msgqd holds a lock for it"),
            "clients fail at once with ENOENT",
            start,
        );
    };
    let owner = facts.daemon.good_table().map_or(0, |table| table.header().about().owner);
    let waiting = "clients that send into the queue wait until somebody answers";
    match phase {
        Some(ServerPhase::Ended) => CheckOutcome::problem(
            format!("nobody serves queue {key}: PID {owner} ended in order and kept the queue (on_stop = \"keep\")"),
            waiting,
            start,
        ),
        Some(_) if is_about(facts, queue.msqid) => CheckOutcome::problem(
            format!("nobody serves queue {key}: the daemon (PID {owner}) was killed or crashed"),
            waiting,
            start,
        ),
        _ => {
            let last = last_receiver(queue.last_receive_pid);
            CheckOutcome::problem(
                format!("queue {key} exists, but no msgqd holds a lock for it: another program made it; {last}"),
                "two programs on one key take each other's messages, and msgqd removes what it takes for orphans",
                vec![format!("ipcs -q -i {}", queue.msqid)],
            )
        }
    }
}

/// True when the table is that of the queue which is there now.
fn is_about(facts: &Facts, msqid: i32) -> bool {
    facts.daemon.good_table().is_some_and(|table| table.header().msqid() == msqid)
}

fn last_receiver(pid: i32) -> String {
    match ClientPid::new(pid) {
        None => "nobody that can be seen from here has received from it".to_owned(),
        Some(client) => {
            let name = process_name(client).unwrap_or_else(|| "gone or hidden".to_owned());
            format!("PID {pid} ({name}) received from it last")
        }
    }
}
