//! One look at a queue and at who serves it.

use super::holdings::ClientHoldings;
use super::report::{LastCall, QueueReport, RestingClient, StatReport, Waiting};
use super::server::server_report;
use super::verdict::{StatVerdict, verdict_on_queue, with_closed_door};
use crate::daemon::{DaemonReport, closing_note, closing_sentence};
use crate::failure::Failure;
use crate::system::names::{Named, process_state};
use crate::system::procfs::uid_of_process;
use crate::target::Target;
use msgq_core::orphan::{Resting, Survey, reader_of};
use msgq_core::process::{ClientPid, process_name};
use msgq_core::queue::{BrowseLimits, QueueKey, QueueStat};
use nix::errno::Errno;
use std::collections::HashMap;

/// All that `stat` shows, and what is to be said beside it.
pub(super) fn look_at_queue(target: &Target) -> Result<(StatReport, Vec<String>), Failure> {
    let stat = target.stat()?;
    let mut diagnostics = Vec::new();
    let waiting = match Survey::of_queue(&target.queue, BrowseLimits::default()) {
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

/// One list of the clients from what rests in the queue and what the daemon holds; who holds the most comes first.
fn holdings_by_client(waiting: Option<&Waiting>, daemon: Option<&DaemonReport>) -> Vec<ClientHoldings> {
    let resting = waiting.iter().flat_map(|waiting| &waiting.clients).map(|client| {
        let (program, resting, resting_bytes) = (client.program.clone(), client.messages, client.bytes);
        let holder =
            ClientHoldings { program, state: client.state, resting, resting_bytes, ..no_holdings(client.mtype) };
        (client.mtype, holder)
    });
    let mut holders: HashMap<i64, ClientHoldings> = resting.collect();
    let mut of_daemon = |client: i32, in_hand: usize, outbox: usize, oldest_ms: u64| {
        let holder = holders.entry(client.into()).or_insert_with(|| known(client));
        holder.in_hand += in_hand;
        holder.outbox += outbox;
        holder.oldest_ms = holder.oldest_ms.max(Some(oldest_ms));
    };
    if let Some(daemon) = daemon {
        daemon.in_hand.iter().for_each(|held| of_daemon(held.client, 1, 0, held.age_ms));
        daemon.outbox.clients.iter().for_each(|row| of_daemon(row.client, 0, row.answers, row.oldest_ms));
    }
    let mut holders: Vec<ClientHoldings> = holders.into_values().collect();
    holders.sort_by_key(|holder| (std::cmp::Reverse(holder.held()), holder.mtype));
    name_users(&mut holders);
    holders
}

fn no_holdings(mtype: i64) -> ClientHoldings {
    let pid = reader_of(mtype).map(ClientPid::get);
    ClientHoldings { mtype, pid, state: "impossible", ..ClientHoldings::default() }
}

/// A client of whom the daemon holds something, and nothing rests in the queue.
fn known(pid: i32) -> ClientHoldings {
    let program = ClientPid::new(pid).and_then(process_name);
    ClientHoldings { program, state: process_state(pid), ..no_holdings(pid.into()) }
}

/// Each user is looked up once: thousands of clients may be of one, and the look-up may go over a network.
fn name_users(holders: &mut [ClientHoldings]) {
    let mut users: HashMap<u32, Named> = HashMap::new();
    for holder in holders {
        let uid = holder.pid.and_then(uid_of_process);
        holder.user = uid.map(|uid| users.entry(uid).or_insert_with(|| Named::user(uid)).clone());
    }
}
