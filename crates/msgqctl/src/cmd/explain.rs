mod advice;

use super::Outcome;
use crate::cli::ExplainArguments;
use crate::failure::Failure;
use crate::inside::{self, age_ms, is_used};
use crate::messages::{Kind, describe, look};
use crate::names::process_state;
use crate::procfs;
use crate::report::{ExplainReport, Held, Identity, RestingAnswers, WaitingRequest};
use crate::target::Target;
use msgq_core::escape::escape;
use msgq_core::identity::{ClientHandle, ClientPid, process_name};
use msgq_core::inflight::{SlotHeader, SlotState, Table};
use msgq_core::queue::QueueError;
use msgq_core::time::monotonic_ns;
use nix::errno::Errno;
use std::sync::atomic::Ordering;

pub(crate) fn run(options: &ExplainArguments, target: &Target) -> Result<Outcome, Failure> {
    let pid = options.pid;
    let stat = target.queue.stat().map_err(|error| Failure::of_queue(target.key, &error))?;
    let mut report = process(pid, i64::from(stat.msqid));
    match in_the_queue(&mut report, target) {
        Err(error) if error.errno() == Errno::ENOSYS => {
            report.unknown.push(format!("what waits in the queue is not shown: {error}"));
        }
        looked => looked.map_err(|error| Failure::of_queue(target.key, &error))?,
    }
    match inside::table_of(target.key, &stat) {
        Ok((found, table)) => {
            report.server = Some(found.phase(&table));
            in_the_table(&mut report, &table);
        }
        Err(reason) => report.unknown.push(format!("what the server holds is not shown: {reason}")),
    }
    report.verdict = advice::of(&report);
    Ok(Outcome::done(report))
}

/// What is known of the process, and nothing else yet.
fn process(pid: i32, msqid: i64) -> ExplainReport {
    ExplainReport {
        pid,
        state: process_state(pid),
        program: ClientPid::new(pid).and_then(process_name),
        user: procfs::user(pid),
        is_stopped: procfs::is_stopped(pid),
        waits: procfs::waits(pid, |waits_on| waits_on == msqid),
        identity: Identity::NotWatched,
        server: None,
        requests: Vec::new(),
        requests_of_all: 0,
        in_hand: Vec::new(),
        outbox: Vec::new(),
        resting: RestingAnswers::default(),
        looked_at: 0,
        is_complete: true,
        unknown: Vec::new(),
        verdict: String::new(),
    }
}

fn in_the_queue(report: &mut ExplainReport, target: &Target) -> Result<(), QueueError> {
    let client = ClientPid::new(report.pid);
    let look = look(&target.queue, |index, message| {
        let described = describe(message.mtype(), message.body());
        report.requests_of_all += usize::from(described.kind == Kind::Request);
        if described.client != client {
            return;
        }
        if described.kind == Kind::Request {
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
    (report.looked_at, report.is_complete) = (look.looked_at, look.is_complete);
    Ok(())
}

fn in_the_table(report: &mut ExplainReport, table: &Table) {
    let pid = report.pid;
    let now_ns = monotonic_ns();
    let is_its = |slot: &&SlotHeader| is_used(slot) && slot.client() == pid;
    let held = |slot: &SlotHeader| Held {
        state: slot.state().map_or("unknown", state_name),
        request: slot.sequence.load(Ordering::Relaxed),
        age_ms: age_ms(slot, now_ns),
    };
    report.in_hand = table.landings().filter(is_its).map(held).collect();
    let responses = (0..table.geometry().capacity).filter_map(|index| table.response(index));
    report.outbox = responses.filter(is_its).map(held).collect();
    report.outbox.sort_by_key(|held| held.request);
    let watched = (0..table.geometry().clients).filter_map(|index| table.client(index)?.get());
    if let Some((_, inode)) = watched.into_iter().find(|(client, _)| *client == pid) {
        report.identity = identity(pid, inode);
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
fn identity(pid: i32, watched: u64) -> Identity {
    let handle = ClientPid::new(pid).map(ClientHandle::open);
    match handle {
        Some(Ok(Some(handle))) => match handle.identity() {
            Some(now) if now == watched => Identity::Same,
            Some(_) if watched != 0 => Identity::Reused,
            _ => Identity::Unknown,
        },
        Some(Ok(None)) => Identity::Ended,
        _ => Identity::Unknown,
    }
}
