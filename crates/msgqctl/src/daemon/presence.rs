//! What is known of the server of a queue, for somebody who got no answer.

use super::files::DaemonFiles;
use super::phase::{ServerPhase, silence};
use msgq_core::instance::LockState;
use msgq_core::process::{ClientNumber, Liveness, liveness, process_name};
use msgq_core::queue::QueueStat;

/// In one sentence: whether a server is there, and what to do.
pub(crate) fn why_no_answer(stat: &QueueStat) -> String {
    let Some(files) = DaemonFiles::of_queue(stat) else { return without_daemon(stat) };
    let Ok(table) = files.table(stat) else {
        return match files.lock {
            LockState::Held(pid) => {
                format!("msgqd (PID {pid}) holds the lock of this queue; `msgqctl stat` shows more")
            }
            LockState::Hidden => "this user may not see whether a server is there; `msgqctl stat` says why".to_owned(),
            LockState::Free => without_daemon(stat),
        };
    };
    let pid = table.header().about().owner;
    let next_start = format!("what is queued waits for the next start (systemctl start {})", files.unit());
    match ServerPhase::read(&table, files.lock) {
        ServerPhase::Serving => format!(
            "msgqd (PID {pid}) serves this queue: `msgqctl stat` shows what keeps it busy; it may need a longer timeout"
        ),
        ServerPhase::Starting => "a server is starting: try again in a moment".to_owned(),
        ServerPhase::Draining => format!("msgqd (PID {pid}) is being stopped"),
        ServerPhase::Hangs => format!(
            "msgqd (PID {pid}) has shown no sign of life for {} s; `msgqctl doctor` tells what to do",
            silence(&table).as_secs()
        ),
        ServerPhase::Died => format!("msgqd (PID {pid}) was killed or crashed; {next_start}"),
        ServerPhase::Ended => format!("msgqd (PID {pid}) was stopped and kept its queue; {next_start}"),
    }
}

/// The kernel shows only who received last.
fn without_daemon(stat: &QueueStat) -> String {
    let last = ClientNumber::new(stat.last_receive_pid).filter(|pid| pid.get() != i64::from(std::process::id()));
    let alive = last.filter(|pid| matches!(liveness(*pid), Ok(Liveness::Alive)));
    if stat.last_receive_pid == 0 && stat.last_receive_time != 0 {
        return "no msgqd that can be seen from here serves this queue, and who received last is outside of this PID namespace \
                (a container?): a server there knows other numbers of processes than this shell; `msgqctl doctor` shows more"
            .to_owned();
    }
    let Some(pid) = alive else {
        return "there is no sign of a server: no msgqd holds a lock for this queue, and who received last is not alive, as \
                far as can be seen from here; whether anybody takes messages like this one off it is not known"
            .to_owned();
    };
    let name = process_name(pid).unwrap_or_else(|| "name hidden".to_owned());
    format!(
        "no msgqd serves this queue; PID {pid} ({name}), which received last, is alive: should that be the server, and should it speak \
         this protocol, it may need a longer timeout"
    )
}
