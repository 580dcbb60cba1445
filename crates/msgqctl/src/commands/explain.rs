//! `explain`: the story of one client.

mod advice;
mod report;
mod unknown_queue;

use super::values::{client_number, clients};
use super::{CommandOutcome, RunCommand};
use crate::daemon::{ServerPhase, age_ms, in_hand_slots, outbox_slots, read_table, watched_clients};
use crate::failure::Failure;
use crate::instances::unit_name;
use crate::messages::{MessageKind, browse_within, describe_message};
use crate::output::Style;
use crate::system::names::client_state;
use crate::system::procfs::{is_process_stopped, user_of_process};
use crate::target::{QueueOptions, Target};
use clap::Args;
use msgq_core::escape::escape;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::process::{ClientHandle, ClientNumber, process_name};
use msgq_core::queue::QueueError;
use msgq_core::queue_call::queue_call_of;
use msgq_core::table::{SlotHeader, SlotState, Table};
use report::{ClientIdentity, ExplainReport, HeldSlot, WaitingRequest};
use std::sync::atomic::Ordering;
use unknown_queue::on_unknown_queue;

const EXAMPLES: &str = "\
Examples:
  msgqctl explain 4711                   the story of client 4711
  msgqctl --protocol plain explain 4711  the same, where another program serves the queue";

/// Tell the story of one client: what it waits for, what waits for it, and what to do
///
/// Which messages are a client's is known on a queue that msgqd serves, or served until it died, and where the protocol is known.
/// On any other it tells what the kernel shows of the process and the queue, and what it does not.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ExplainArguments {
    /// The client: the PID, or the thread id where a thread is the client; where the configuration says client_is =
    /// "number", its number
    #[arg(value_parser = client_number(), add = clients())]
    pub(crate) pid: i64,
}

impl RunCommand for ExplainArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let client = queue.client(self.pid)?;
        let target = queue.open()?;
        let stat = target.identity()?;
        let route = target.protocol().route();
        let (answers, missing) = match target.answers() {
            Ok(answers) => (answers, None),
            Err(failure) => (None, Some(failure.message)),
        };
        let is_waited_at = |msqid: i64| {
            let is_of = |queue: &Target| i64::from(queue.queue.id()) == msqid;
            route == ReplyRoute::Private || is_of(&target) || answers.as_ref().is_some_and(is_of)
        };
        let about = client_report(client, is_waited_at);
        let mut report =
            ExplainReport { route, unit: unit_name(None), unknown: missing.into_iter().collect(), ..about };
        let has_type = matches!(route, ReplyRoute::Shared | ReplyRoute::Separate);
        report.answer_type = has_type.then(|| target.protocol().response_mtype(self.pid));
        if let Some(seen) = target.why_unknown(&stat) {
            return Ok(CommandOutcome::done(on_unknown_queue(report, &target, &stat, &seen)));
        }
        for queue in [Some(target.clone()), answers].into_iter().flatten() {
            match look_into_queue(&mut report, client, &queue) {
                Err(error) if error.is_without_msg_copy() || error.is_permission() => {
                    report.unknown.push(format!("what waits in queue {} is not shown: {error}", queue.name));
                }
                looked => looked.map_err(|error| queue.failure(&error))?,
            }
        }
        match read_table(&stat) {
            Ok((files, table)) => {
                report.unit = files.unit();
                report.server = Some(ServerPhase::read(&table, files.lock));
                look_into_table(&mut report, client, &table);
            }
            Err(reason) => report.unknown.push(format!("what the server holds is not shown: {reason}")),
        }
        report.verdict = advice::verdict_on_client(&report);
        Ok(CommandOutcome::done(report))
    }
}

/// What is known of the process, if there is one, and nothing else yet.
fn client_report(client: ClientNumber, is_waited_at: impl Fn(i64) -> bool) -> ExplainReport {
    let about = ExplainReport {
        client: client.get(),
        pid: client.pid(),
        state: client_state(Some(client)),
        program: process_name(client),
        is_complete: true,
        ..ExplainReport::default()
    };
    let Some(pid) = client.pid() else { return ExplainReport { identity: ClientIdentity::WithoutProcess, ..about } };
    ExplainReport {
        user: user_of_process(pid),
        is_stopped: is_process_stopped(pid),
        waits: queue_call_of(pid, is_waited_at),
        ..about
    }
}

fn look_into_queue(report: &mut ExplainReport, client: ClientNumber, target: &Target) -> Result<(), QueueError> {
    let browsed = browse_within(&target.queue, target.look_limits(), |index, message| {
        let described = describe_message(&target.messages, message.mtype(), message.body());
        report.requests_of_all += usize::from(described.kind == MessageKind::Request);
        if described.client != Some(client) {
            return;
        }
        if described.kind == MessageKind::Request {
            let text_escaped = escape(described.text);
            let (place, fields) = (report.requests_of_all, described.fields());
            report.requests.push(WaitingRequest { place, index, text_escaped, fields });
            return;
        }
        let resting = &mut report.resting;
        resting.messages += 1;
        resting.bytes += message.body().len();
        if resting.messages == 1 {
            resting.first_fields = described.fields();
        }
        resting.first_status = resting.first_status.or(described.status);
        resting.first_text_escaped.get_or_insert_with(|| escape(described.text));
    })?;
    report.looked_at += browsed.looked_at;
    report.is_complete &= browsed.is_complete;
    Ok(())
}

fn look_into_table(report: &mut ExplainReport, client: ClientNumber, table: &Table) {
    let now_ns = table.read_at_ns();
    let is_its = |slot: &&SlotHeader| slot.client() == client.get();
    let held = |slot: &SlotHeader| HeldSlot {
        state: slot.state().map_or("unknown", state_name),
        request: slot.sequence.load(Ordering::Relaxed),
        age_ms: age_ms(slot, now_ns),
    };
    report.in_hand = in_hand_slots(table).filter(is_its).map(held).collect();
    report.outbox = outbox_slots(table).filter(is_its).map(held).collect();
    report.outbox.sort_by_key(|held| held.request);
    let watched = watched_clients(table).find(|(number, _)| *number == client.get());
    if let Some((_, inode)) = watched.filter(|_| client.pid().is_some()) {
        report.identity = client_identity(client, inode);
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
fn client_identity(client: ClientNumber, watched: u64) -> ClientIdentity {
    match ClientHandle::open(client) {
        Ok(Some(handle)) => match handle.identity() {
            Some(now) if now == watched => ClientIdentity::Same,
            Some(_) if watched != 0 => ClientIdentity::Reused,
            _ => ClientIdentity::Unknown,
        },
        Ok(None) => ClientIdentity::Ended,
        _ => ClientIdentity::Unknown,
    }
}
