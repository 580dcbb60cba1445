//! Who serves a queue, as a lock, a table, or else the kernel tells.

use super::report::{ServerReport, ServerState};
use crate::daemon::{DaemonFiles, LockSight};
use crate::instances::instance_of_queue;
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::QueueStat;

pub(super) fn server_report(stat: &QueueStat) -> ServerReport {
    let files = DaemonFiles::of_queue(stat);
    let report = match LockSight::of(files.as_ref(), stat) {
        LockSight::Serves(pid) => {
            let program = ClientNumber::new(pid).and_then(process_name);
            let note = format!("{} (PID {pid}) serves this queue", program.as_deref().unwrap_or("msgqd"));
            let lock_file = files.as_ref().map(|files| files.lock_path.display().to_string());
            ServerReport { pid: Some(pid), program, lock_file, ..without_daemon(ServerState::Msgqd, note) }
        }
        LockSight::NotServed(note) => without_daemon(ServerState::NotFound, note),
        LockSight::Hidden(note) => without_daemon(ServerState::Unknown, note),
    };
    let instance = instance_of_queue(files.as_ref().and_then(|files| files.table_path.parent()), stat.key);
    let report = ServerReport { instance: instance.map(|name| name.to_string()), ..report };
    match files.map(|files| files.report(stat)) {
        Some(Ok(daemon)) => {
            let counters = Some(daemon.counters.entries().into_iter().collect());
            ServerReport { counters, daemon: Some(daemon), ..report }
        }
        Some(Err(reason)) => ServerReport { unknown: Some(reason), ..report },
        None => report,
    }
}

fn without_daemon(state: ServerState, note: String) -> ServerReport {
    ServerReport {
        state,
        instance: None,
        pid: None,
        program: None,
        lock_file: None,
        note,
        counters: None,
        daemon: None,
        unknown: None,
    }
}
