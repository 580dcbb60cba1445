//! Whose a queue is: msgqd's, or that of a program of which nothing is known.
//!
//! What the types of a queue mean is known of msgqd's alone. Elsewhere a type that is the number of no process may be
//! anything, and a message of it may be somebody's work.

use super::files::DaemonFiles;
use crate::system::names::Named;
use msgq_core::instance::LockState;
use msgq_core::process::{ClientNumber, Liveness, liveness, process_name};
use msgq_core::queue::QueueStat;

/// What the lock of a queue shows of its server.
pub(crate) enum LockSight {
    /// The msgqd with this PID serves it.
    Serves(i32),
    /// None does; the sentence says what else was seen.
    NotServed(String),
    /// This user may not look; the sentence says at what, and what else was seen.
    Hidden(String),
}

impl LockSight {
    /// msgqd holds a lock for as long as it serves. For any other server the kernel shows only who used the queue last.
    pub(crate) fn of(files: Option<&DaemonFiles>, stat: &QueueStat) -> Self {
        let others = || other_users(stat);
        match files.map(|files| (files, files.lock)) {
            Some((files, LockState::Held(pid))) if files.serves_another(pid, stat) => Self::NotServed(format!(
                "the msgqd of this key (PID {pid}) lost its queue, and this one with its key is another's; its log says \
                 why it does not take it; {}",
                others()
            )),
            Some((_, LockState::Held(pid))) => Self::Serves(pid),
            Some((files, LockState::Hidden)) => Self::Hidden(format!(
                "this user may not read the lock file {}; {}",
                files.lock_path.display(),
                others()
            )),
            Some((_, LockState::Free)) | None => {
                Self::NotServed(format!("no msgqd holds a lock for this queue; {}", others()))
            }
        }
    }
}

/// What was seen of a queue of which it is not known that it is msgqd's; `None` of one that a msgqd serves, or served until
/// it died: its table names the queue still.
pub(crate) fn foreign_queue(stat: &QueueStat) -> Option<String> {
    let files = DaemonFiles::of_queue(stat);
    let (LockSight::NotServed(seen) | LockSight::Hidden(seen)) = LockSight::of(files.as_ref(), stat) else {
        return None;
    };
    let has_table = files.is_some_and(|files| files.table(stat).is_ok());
    let owner = Named::user(stat.uid).label();
    (!has_table).then(|| format!("queue {} of user {owner} is not known to be msgqd's ({seen})", stat.name()))
}

/// Who of those that used the queue last still lives: a server idles as the last sender while a client that fetched its
/// answer is the last receiver, and the other way round under load.
fn other_users(stat: &QueueStat) -> String {
    let role = |did: &str, pid: i32, at_s: i64| {
        // A process that this PID namespace does not show has the number 0, and a time.
        if pid == 0 && at_s != 0 {
            return Some(format!("who {did} last is outside of this PID namespace"));
        }
        let pid = ClientNumber::new(pid).filter(|pid| matches!(liveness(*pid), Ok(Liveness::Alive)))?;
        let name = process_name(pid).unwrap_or_else(|| "name hidden".to_owned());
        Some(format!("PID {pid} ({name}), which {did} last, is alive"))
    };
    let sent = role("sent", stat.last_send_pid, stat.last_send_time);
    let received = role("received", stat.last_receive_pid, stat.last_receive_time);
    let alive: Vec<_> = [sent, received].into_iter().flatten().collect();
    if alive.is_empty() {
        return "neither who sent last nor who received last is alive, as far as can be seen from here".to_owned();
    }
    format!("{}; what it does with the queue the kernel does not tell", alive.join(" and "))
}
