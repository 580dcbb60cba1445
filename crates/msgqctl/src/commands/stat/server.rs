//! Who serves a queue, as a lock, a table, or else the kernel tells.

use super::report::{ServerReport, ServerState};
use crate::daemon::DaemonFiles;
use msgq_core::instance::LockState;
use msgq_core::process::{ClientPid, Liveness, liveness, process_name};
use msgq_core::queue::{QueueKey, QueueStat};

/// msgqd holds a lock for as long as it serves. For any other server the kernel shows only who received last.
pub(super) fn server_report(key: QueueKey, stat: &QueueStat) -> ServerReport {
    let Some(files) = DaemonFiles::find(key, stat.uid) else {
        let note = format!("no msgqd holds a lock for this queue; {}", other_users(stat));
        return without_daemon(ServerState::NotFound, note);
    };
    let report = match files.lock {
        LockState::Held(pid) if files.serves_another(pid, key, stat) => {
            let note = format!(
                "the msgqd of this key (PID {pid}) lost its queue, and this one with its key is another's; its log says why it \
                 does not take it; {}",
                other_users(stat)
            );
            without_daemon(ServerState::NotFound, note)
        }
        LockState::Held(pid) => {
            let program = ClientPid::new(pid).and_then(process_name);
            let note = format!("{} (PID {pid}) serves this queue", program.as_deref().unwrap_or("msgqd"));
            let lock_file = Some(files.lock_path.display().to_string());
            ServerReport { pid: Some(pid), program, lock_file, ..without_daemon(ServerState::Msgqd, note) }
        }
        LockState::Hidden => {
            let hidden = format!("this user may not read the lock file {}", files.lock_path.display());
            without_daemon(ServerState::Unknown, format!("{hidden}; {}", other_users(stat)))
        }
        LockState::Free => {
            let note = format!("no msgqd holds a lock for this queue; {}", other_users(stat));
            without_daemon(ServerState::NotFound, note)
        }
    };
    match files.report(key, stat) {
        Ok(daemon) => {
            let counters = Some(daemon.counters.entries().into_iter().collect());
            ServerReport { counters, daemon: Some(daemon), ..report }
        }
        Err(reason) => ServerReport { unknown: Some(reason), ..report },
    }
}

fn without_daemon(state: ServerState, note: String) -> ServerReport {
    ServerReport { state, pid: None, program: None, lock_file: None, note, counters: None, daemon: None, unknown: None }
}

/// Who of those that used the queue last still lives: a server idles as the last sender while a client that fetched its
/// answer is the last receiver, and the other way round under load.
fn other_users(stat: &QueueStat) -> String {
    let role = |did: &str, pid: i32| {
        let pid = ClientPid::new(pid).filter(|pid| matches!(liveness(*pid), Ok(Liveness::Alive)))?;
        let name = process_name(pid).unwrap_or_else(|| "name hidden".to_owned());
        Some(format!("PID {pid} ({name}), which {did} last, is alive"))
    };
    let alive: Vec<_> =
        [role("sent", stat.last_send_pid), role("received", stat.last_receive_pid)].into_iter().flatten().collect();
    if alive.is_empty() {
        return "neither who sent last nor who received last is alive, as far as can be seen from here".to_owned();
    }
    format!("{}; the kernel does not tell whether that is another server or a client", alive.join(" and "))
}
