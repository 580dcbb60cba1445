//! One look at a queue and at who serves it.

use super::holders::holdings_by_client;
use super::report::{LastCall, QueueReport, RestingClient, StatReport, Waiting};
use super::server::server_report;
use super::verdict::{StatVerdict, verdict_on_queue, with_closed_door};
use crate::daemon::{closing_note, closing_sentence};
use crate::failure::Failure;
use crate::names::{Named, process_state};
use crate::target::Target;
use msgq_core::identity::{ClientPid, process_name};
use msgq_core::orphan::{Resting, Survey, SurveyLimits, reader_of};
use msgq_core::queue::{QueueKey, QueueStat};
use nix::errno::Errno;

/// All that `stat` shows, and what is to be said beside it.
pub(super) fn look_at_queue(target: &Target) -> Result<(StatReport, Vec<String>), Failure> {
    let stat = target.stat()?;
    let mut diagnostics = Vec::new();
    let waiting = match Survey::of(&target.queue, SurveyLimits::default()) {
        Ok(survey) => Some(waiting(&survey)),
        Err(error) if error.errno() == Errno::ENOSYS => {
            diagnostics.push(format!("what waits in the queue is not shown: {error}"));
            None
        }
        Err(error) => return Err(target.failure(&error)),
    };
    let server = server_report(target.key, &stat);
    let closed = closing_note(target.key, stat.uid).map(|note| closing_sentence(&note));
    let verdict = verdict_on_queue(&stat, waiting.as_ref(), &server);
    let StatVerdict { condition, sentence } = with_closed_door(verdict, closed.as_deref());
    let clients = holdings_by_client(waiting.as_ref(), server.daemon.as_ref());
    let queue = queue_report(target.key, &stat);
    let report = StatReport { queue, waiting, server, clients, closed, condition, verdict: sentence };
    Ok((report, diagnostics))
}

fn queue_report(key: QueueKey, stat: &QueueStat) -> QueueReport {
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
        clients: survey.responses.iter().map(|(mtype, resting)| resting_client(*mtype, *resting)).collect(),
    }
}

fn resting_client(mtype: i64, resting: Resting) -> RestingClient {
    let pid = reader_of(mtype);
    RestingClient {
        mtype,
        pid: pid.map(ClientPid::get),
        program: pid.and_then(process_name),
        state: process_state(pid.map_or(0, ClientPid::get)),
        messages: resting.messages,
        bytes: resting.bytes,
    }
}
