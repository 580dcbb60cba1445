//! Whether a msgqd serves the queue.

use super::mend::{look_at_process, restart_command, start_command};
use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::Facts;
use crate::daemon::{ServerPhase, silence};
use crate::output::shown_path;
use crate::system::names::Named;
use crate::system::procfs::is_process_stopped;
use msgq_core::instance::LockState;
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::QueueKey;
use msgq_core::serving::is_of_queue;
use msgq_core::table::Table;
use std::time::Duration;

/// So long a daemon may be silent under systemd (`WatchdogSec=` of the unit).
const WATCHDOG_LIMIT: Duration = Duration::from_secs(30);

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
            vec![start_after_end(facts)],
        ),
        (LockState::Held(pid), Some(ServerPhase::Starting)) => CheckOutcome::warning(
            format!("the daemon (PID {pid}) is starting: it finishes what an earlier one had in hand"),
            "clients wait until it is done",
            vec![format!("msgqctl --key {key} stat --watch")],
        ),
        (LockState::Held(pid), _) if facts.is_foreign_queue() => foreign(
            facts,
            &format!("the msgqd of this key (PID {pid}) lost its queue and goes on by itself once this one is gone"),
        ),
        (LockState::Held(pid), Some(_)) => CheckOutcome::fine(format!("PID {pid} serves queue {key}")),
        (LockState::Held(pid), None) => {
            CheckOutcome::fine(format!("PID {pid} serves queue {key}, as far as its lock shows"))
        }
        (LockState::Free, _) if facts.misplaced_daemon().is_some() => {
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

/// A start while it is still there would be refused; systemd waits by itself.
fn start_after_end(facts: &Facts) -> String {
    match (facts.unit_name(), facts.daemon.pid()) {
        (None, Some(pid)) => format!("tail --pid={pid} --follow /dev/null; {}", start_command(facts)),
        _ => start_command(facts),
    }
}

fn hangs(facts: &Facts, pid: i32) -> CheckOutcome {
    let silent = facts.daemon.good_table().map(silence).unwrap_or_default();
    CheckOutcome::problem(
        format!("the daemon (PID {pid}) hangs: it has shown no sign of life for {} s", silent.as_secs()),
        "it answers nobody; what it has in hand stays in its table and is finished after a restart",
        mend_of_hanging(facts, silent),
    )
}

/// Only a process that is proven to be the daemon of this queue gets a signal, and a deadly one only after a silence that
/// the watchdog would not bear.
fn mend_of_hanging(facts: &Facts, silent: Duration) -> Vec<String> {
    let is_silent_for_good = silent >= WATCHDOG_LIMIT && facts.key.is_some_and(|key| is_table_of(facts, key));
    match (facts.daemon.proven_pid(), facts.unit_name()) {
        (Some(pid), _) if is_process_stopped(pid) => vec![format!("kill -CONT {pid}")],
        (_, Some(_)) => vec![restart_command(facts)],
        // One that hangs may not hear SIGTERM.
        (Some(pid), None) if is_silent_for_good => vec![format!("kill -KILL {pid}; {}", start_command(facts))],
        (_, None) => match facts.daemon.pid() {
            Some(pid) => look_at_process(pid),
            None => vec![format!("msgqctl --key {} stat --watch", facts.key_name())],
        },
    }
}

/// True when the table is that of this queue, and of the process that is proven to be its daemon.
fn is_table_of(facts: &Facts, key: QueueKey) -> bool {
    let is_its_own = |table: &Table| {
        let about = table.header().about();
        is_of_queue(&about, key) && Some(about.owner) == facts.daemon.proven_pid()
    };
    facts.daemon.good_table().is_some_and(is_its_own) && facts.queue.is_none_or(|queue| is_about(facts, queue.msqid))
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
        _ => foreign(facts, "no msgqd holds a lock for it"),
    }
}

/// A queue that msgqd neither serves nor served is another program's business, and nothing is to be done about it.
fn foreign(facts: &Facts, lock: &str) -> CheckOutcome {
    let queue = facts.queue.unwrap_or_default();
    CheckOutcome::not_applicable(format!(
        "queue {} of user {} is not known to be msgqd's: {lock}, no table names it, and {} (one with a directory of its own, \
         if this is its queue, is found by RUNTIME_DIRECTORY=... in front of the command)",
        facts.key_name(),
        Named::user(queue.uid).label(),
        last_receiver(queue.last_receive_pid)
    ))
}

/// True when the table is that of the queue which is there now.
fn is_about(facts: &Facts, msqid: i32) -> bool {
    facts.daemon.good_table().is_some_and(|table| table.header().msqid() == msqid)
}

fn last_receiver(pid: i32) -> String {
    match ClientNumber::new(pid) {
        None => "nobody that can be seen from here has received from it".to_owned(),
        Some(client) => {
            let name = process_name(client).unwrap_or_else(|| "gone or hidden".to_owned());
            format!("PID {pid} ({name}) received from it last")
        }
    }
}
