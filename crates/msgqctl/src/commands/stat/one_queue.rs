//! One look at one queue: what the kernel tells of it, and what rests there.

use super::queue_report::{LastCall, QueueReport, RestingClient, Waiting};
use crate::system::names::{Named, client_state};
use crate::target::Target;
use msgq_core::layout::protocol::Protocol;
use msgq_core::orphan::{Resting, Survey, reader_of};
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::{QueueError, QueueRole, QueueStat};

pub(super) fn look_into(target: &Target) -> Result<Survey, QueueError> {
    Survey::of_queue(&target.queue, &target.messages, target.look_limits())
}

pub(super) fn not_shown(error: &QueueError) -> String {
    format!("what waits in the queue is not shown: {error}")
}

pub(super) fn queue_report(stat: &QueueStat) -> QueueReport {
    QueueReport {
        key: stat.key.map_or_else(|| "0x00000000".to_owned(), |key| key.to_string()),
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
    (pid != 0 || at_s != 0).then(|| LastCall { pid, program: ClientNumber::new(pid).and_then(process_name), at_s })
}

/// What a look showed, by what the queue is for.
pub(super) fn waiting_in(target: &Target, survey: &Survey) -> Waiting {
    let others = survey.responses.values().map(|resting| resting.messages).sum();
    let none = Survey::default();
    // No answers go there.
    let answered = if target.role == QueueRole::Requests { &none } else { survey };
    let client = |(mtype, resting): (&i64, &Resting)| resting_client(&target.messages, *mtype, *resting);
    Waiting {
        is_complete: survey.is_complete,
        looked_at: survey.looked_at,
        requests: survey.request_count(),
        responses: answered.responses.values().map(|resting| resting.messages).sum(),
        others: if target.role == QueueRole::Requests { others } else { 0 },
        clients: answered.responses.iter().map(client).collect(),
    }
}

fn resting_client(protocol: &Protocol, mtype: i64, resting: Resting) -> RestingClient {
    let client = reader_of(protocol, mtype);
    RestingClient {
        mtype,
        client: client.map(ClientNumber::get),
        pid: client.and_then(ClientNumber::pid),
        program: client.and_then(process_name),
        state: client_state(client),
        messages: resting.messages,
        bytes: resting.bytes,
    }
}
