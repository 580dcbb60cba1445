//! `explain`: the story of one client.

mod advice;
mod report;

use super::values::{client_pid, clients};
use super::{Outcome, RunCommand};
use crate::daemon::{ServerPhase, age_ms, in_hand_slots, outbox_slots, read_table, watched_clients};
use crate::failure::Failure;
use crate::messages::{MessageKind, browse_messages, describe_message};
use crate::names::process_state;
use crate::output::Style;
use crate::procfs;
use crate::target::{QueueOptions, Target};
use clap::Args;
use msgq_core::escape::escape;
use msgq_core::process::{ClientHandle, ClientPid, process_name};
use msgq_core::queue::QueueError;
use msgq_core::table::{SlotHeader, SlotState, Table};
use msgq_core::time::monotonic_ns;
use nix::errno::Errno;
use report::{ClientIdentity, ExplainReport, HeldSlot, WaitingRequest};
use std::sync::atomic::Ordering;

/// Tell the story of one client: what it waits for, what waits for it, and what to do
#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainArguments {
    /// The client: the PID, or the thread id where a thread is the client
    #[arg(value_parser = client_pid(), add = clients())]
    pub(crate) pid: i32,
}

impl RunCommand for ExplainArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<Outcome, Failure> {
        let target = queue.open()?;
        let stat = target.stat()?;
        let mut report = process_report(self.pid, i64::from(stat.msqid));
        match look_into_queue(&mut report, &target) {
            Err(error) if error.errno() == Errno::ENOSYS => {
                report.unknown.push(format!("what waits in the queue is not shown: {error}"));
            }
            looked => looked.map_err(|error| target.failure(&error))?,
        }
        match read_table(target.key, &stat) {
            Ok((files, table)) => {
                report.server = Some(ServerPhase::read(&table, files.lock));
                look_into_table(&mut report, &table);
            }
            Err(reason) => report.unknown.push(format!("what the server holds is not shown: {reason}")),
        }
        report.verdict = advice::verdict_on_client(&report);
        Ok(Outcome::done(report))
    }
}

/// What is known of the process, and nothing else yet.
fn process_report(pid: i32, msqid: i64) -> ExplainReport {
    ExplainReport {
        pid,
        state: process_state(pid),
        program: ClientPid::new(pid).and_then(process_name),
        user: procfs::user(pid),
        is_stopped: procfs::is_stopped(pid),
        waits: procfs::waits(pid, |waits_on| waits_on == msqid),
        is_complete: true,
        ..ExplainReport::default()
    }
}

fn look_into_queue(report: &mut ExplainReport, target: &Target) -> Result<(), QueueError> {
    let client = ClientPid::new(report.pid);
    let browsed = browse_messages(&target.queue, |index, message| {
        let described = describe_message(message.mtype(), message.body());
        report.requests_of_all += usize::from(described.kind == MessageKind::Request);
        if described.client != client {
            return;
        }
        if described.kind == MessageKind::Request {
            let text_escaped = escape(described.text);
            report.requests.push(WaitingRequest { place: report.requests_of_all, index, text_escaped });
            return;
        }
        let resting = &mut report.resting;
        resting.messages += 1;
        resting.bytes += message.body().len();
        resting.first_status = resting.first_status.or(described.status);
        resting.first_text_escaped.get_or_insert_with(|| escape(described.text));
    })?;
    (report.looked_at, report.is_complete) = (browsed.looked_at, browsed.is_complete);
    Ok(())
}

fn look_into_table(report: &mut ExplainReport, table: &Table) {
    let pid = report.pid;
    let now_ns = monotonic_ns();
    let is_its = |slot: &&SlotHeader| slot.client() == pid;
    let held = |slot: &SlotHeader| HeldSlot {
        state: slot.state().map_or("unknown", state_name),
        request: slot.sequence.load(Ordering::Relaxed),
        age_ms: age_ms(slot, now_ns),
    };
    report.in_hand = in_hand_slots(table).filter(is_its).map(held).collect();
    report.outbox = outbox_slots(table).filter(is_its).map(held).collect();
    report.outbox.sort_by_key(|held| held.request);
    if let Some((_, inode)) = watched_clients(table).find(|(client, _)| *client == pid) {
        report.identity = client_identity(pid, inode);
    }
}

fn state_name(state: SlotState) -> &'static str {
    match state {
        SlotState::Armed => "armed",
        SlotState::Received => "received",
        SlotState::Ready => "ready",
        SlotState::Sending => "sending",
        SlotState::Offered => "offered",
    }
}

/// Compares who has the number now with whom the daemon took hold of.
fn client_identity(pid: i32, watched: u64) -> ClientIdentity {
    let handle = ClientPid::new(pid).map(ClientHandle::open);
    match handle {
        Some(Ok(Some(handle))) => match handle.identity() {
            Some(now) if now == watched => ClientIdentity::Same,
            Some(_) if watched != 0 => ClientIdentity::Reused,
            _ => ClientIdentity::Unknown,
        },
        Some(Ok(None)) => ClientIdentity::Ended,
        _ => ClientIdentity::Unknown,
    }
}
