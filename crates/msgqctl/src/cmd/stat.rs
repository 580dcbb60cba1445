mod holders;
mod verdict;

use super::Outcome;
use crate::cli::StatArguments;
use crate::door;
use crate::failure::{Failure, Status};
use crate::inside;
use crate::names::{Named, process_state};
use crate::report::{
    Client, Exposition, LastCall, QueueReport, ServerReport, ServerState, StatReport, Verdict, Waiting,
};
use crate::target::Target;
use msgq_core::identity::{ClientPid, Liveness, liveness, process_name};
use msgq_core::instance::LockState;
use msgq_core::orphan::{Resting, Survey, reader_of};
use msgq_core::queue::{BrowseLimits, QueueKey, QueueStat};
use nix::errno::Errno;

pub(crate) fn run(
    options: &StatArguments,
    key: QueueKey,
    open: impl FnOnce() -> Result<Target, Failure>,
) -> Result<Outcome, Failure> {
    let looked = open().and_then(|target| look(&target));
    if !options.prometheus {
        let (report, diagnostics) = looked?;
        return Ok(Outcome { diagnostics, ..Outcome::done(report) });
    }
    match looked {
        Ok((report, diagnostics)) => Ok(Outcome { diagnostics, ..Outcome::done(Exposition::of(&report)) }),
        // That nothing is there is a measurement too.
        Err(failure) if failure.status == Status::NoQueue => Ok(Outcome {
            report: Box::new(Exposition::without_queue(key)),
            diagnostics: vec![failure.message],
            status: failure.status,
        }),
        Err(failure) => Err(failure),
    }
}

/// All that `stat` shows, and what is to be said beside it.
pub(crate) fn look(target: &Target) -> Result<(StatReport, Vec<String>), Failure> {
    let stat = target.queue.stat().map_err(|error| Failure::of_queue(target.key, &error))?;
    let mut diagnostics = Vec::new();
    let waiting = match Survey::of(&target.queue, BrowseLimits::default()) {
        Ok(survey) => Some(waiting(&survey)),
        Err(error) if error.errno() == Errno::ENOSYS => {
            diagnostics.push(format!("what waits in the queue is not shown: {error}"));
            None
        }
        Err(error) => return Err(Failure::of_queue(target.key, &error)),
    };
    let server = server(target.key, &stat);
    let closed = door::note(target.key, stat.uid).map(|note| door::sentence(&note));
    let verdict = verdict::of(&stat, waiting.as_ref(), &server);
    let Verdict { condition, sentence } = verdict::with_door(verdict, closed.as_deref());
    let clients = holders::of(waiting.as_ref(), server.inside.as_ref());
    let queue = queue(target.key, &stat);
    let report = StatReport { queue, waiting, server, clients, closed, condition, verdict: sentence };
    Ok((report, diagnostics))
}

fn queue(key: QueueKey, stat: &QueueStat) -> QueueReport {
    QueueReport {
        key: key.to_string(),
        msqid: stat.msqid,
        owner: Named::user(stat.uid),
        group: Named::group(stat.gid),
        creator: Named::user(stat.cuid),
        creator_group: Named::group(stat.cgid),
        mode: format!("{:04o}", stat.mode),
        bytes: stat.bytes,
        max_bytes: stat.max_bytes,
        messages: stat.messages,
        max_messages: stat.max_bytes,
        last_send: last_call(stat.last_send_pid, stat.last_send_time),
        last_receive: last_call(stat.last_receive_pid, stat.last_receive_time),
        changed_at_s: stat.last_change_time,
    }
}

fn last_call(pid: i32, at_s: i64) -> Option<LastCall> {
    // A process outside of this PID namespace has no number here, but a time.
    (pid != 0 || at_s != 0).then(|| LastCall { pid, program: ClientPid::new(pid).and_then(process_name), at_s })
}

fn waiting(survey: &Survey) -> Waiting {
    Waiting {
        is_complete: survey.is_complete,
        looked_at: survey.looked_at,
        requests: survey.requests.messages,
        responses: survey.responses.values().map(|resting| resting.messages).sum(),
        clients: survey.responses.iter().map(|(mtype, resting)| client(*mtype, *resting)).collect(),
    }
}

fn client(mtype: i64, resting: Resting) -> Client {
    let pid = reader_of(mtype);
    Client {
        mtype,
        pid: pid.map(ClientPid::get),
        program: pid.and_then(process_name),
        state: process_state(pid.map_or(0, ClientPid::get)),
        messages: resting.messages,
        bytes: resting.bytes,
    }
}

/// msgqd holds a lock for as long as it serves. For any other server the kernel shows only who received last.
fn server(key: QueueKey, stat: &QueueStat) -> ServerReport {
    let Some(found) = inside::find(key, stat.uid) else {
        let note = format!("no msgqd holds a lock for this queue; {}", other_users(stat));
        return without_daemon(ServerState::NotFound, note);
    };
    let report = match found.lock {
        LockState::Held(pid) => {
            let program = ClientPid::new(pid).and_then(process_name);
            let note = format!("{} (PID {pid}) serves this queue", program.as_deref().unwrap_or("msgqd"));
            let lock_file = Some(found.lock_path.display().to_string());
            ServerReport { pid: Some(pid), program, lock_file, ..without_daemon(ServerState::Msgqd, note) }
        }
        LockState::Hidden => {
            let hidden = format!("this user may not read the lock file {}", found.lock_path.display());
            without_daemon(ServerState::Unknown, format!("{hidden}; {}", other_users(stat)))
        }
        LockState::Free => {
            let note = format!("no msgqd holds a lock for this queue; {}", other_users(stat));
            without_daemon(ServerState::NotFound, note)
        }
    };
    match inside::look(&found, key, stat) {
        Ok(inside) => {
            let counters = Some(inside.counters.entries().into_iter().collect());
            ServerReport { counters, inside: Some(inside), ..report }
        }
        Err(reason) => ServerReport { unknown: Some(reason), ..report },
    }
}

fn without_daemon(state: ServerState, note: String) -> ServerReport {
    ServerReport { state, pid: None, program: None, lock_file: None, note, counters: None, inside: None, unknown: None }
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
