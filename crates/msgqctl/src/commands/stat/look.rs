//! One look at a queue and at who serves it.

use super::by_type::MessagesByType;
use super::dead_letters::DeadLettersWaiting;
use super::holdings::ClientHoldings;
use super::one_queue::{look_into, not_shown, queue_report, waiting_in};
use super::queue_report::Waiting;
use super::queue_waiters::QueueWaiters;
use super::report::StatReport;
use super::second_queue::SecondQueue;
use super::second_verdict::trouble_of_answers;
use super::server::server_report;
use super::verdict::{StatVerdict, verdict_on_queue, with_closed_door, with_dead_letters, with_full_queues};
use crate::commands::reply_choice::ReplyChoice;
use crate::condition::Condition;
use crate::daemon::{DaemonReport, closing_note, closing_sentence};
use crate::deadlock::{DeadlockVerdict, verdict_on_deadlock};
use crate::failure::Failure;
use crate::system::names::{Named, client_state};
use crate::system::procfs::uid_of_process;
use crate::target::Target;
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use msgq_core::orphan::{client_of, reader_of};
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::time::unix_time_s;
use msgq_core::waiters::Waiters;
use std::collections::HashMap;

/// All that `stat` shows, and what is to be said beside it.
pub(super) fn look_at_queue(target: &Target) -> Result<(StatReport, Vec<String>), Failure> {
    let (seen_at_s, seen) = (unix_time_s(), Waiters::look());
    let stat = target.stat()?;
    let mut diagnostics = Vec::new();
    let survey = match look_into(target) {
        Ok(survey) => Some(survey),
        Err(error) if error.is_without_msg_copy() => {
            diagnostics.push(not_shown(&error));
            None
        }
        Err(error) => return Err(target.failure(&error)),
    };
    let server = server_report(&stat);
    let messages = survey.as_ref().map(MessagesByType::of_survey);
    let other_protocol = target.known.contradiction(&stat).filter(|_| server.is_of_msgqd());
    let is_known = target.why_unknown(&stat).is_none();
    diagnostics.extend(other_protocol.map(|seen| format!("{seen}, so they are shown by type")));
    let protocol = target.protocol();
    let waiting = survey.as_ref().filter(|_| is_known).map(|survey| waiting_in(target, survey));
    let (answers, said) = SecondQueue::look(target, is_known);
    diagnostics.extend(said);
    let closed = stat.key.and_then(|key| closing_note(key, stat.uid)).map(|note| closing_sentence(&note));
    let verdict = verdict_on_queue(&stat, waiting.as_ref(), &server);
    let verdict = match verdict.condition {
        Condition::Serving | Condition::Busy => {
            answers.as_ref().and_then(|answers| trouble_of_answers(answers, &stat)).unwrap_or(verdict)
        }
        _ => verdict,
    };
    let is_one_way = protocol.route() == ReplyRoute::Nowhere && is_known;
    let dead_letters = stat.key.filter(|_| is_one_way).and_then(|key| DeadLettersWaiting::count(key, stat.uid));
    let is_private = protocol.route() == ReplyRoute::Private && is_known;
    let verdict = with_full_queues(verdict, server.daemon.as_ref().filter(|_| is_private));
    let verdict = with_closed_door(verdict, closed.as_deref());
    let verdict = with_dead_letters(verdict, dead_letters.as_ref());
    let waiters = QueueWaiters::of_queue(stat.msqid, &seen, server.pid.filter(|_| server.is_of_msgqd()));
    // A msgqd never waits in msgsnd.
    let deadlock = match server.is_of_msgqd() {
        true => None,
        false => verdict_on_deadlock(target, &seen, seen_at_s, || survey),
    };
    let (StatVerdict { condition, sentence }, cure) = with_deadlock(verdict, deadlock);
    let resting = match &answers {
        Some(answers) => answers.waiting.as_ref(),
        None => waiting.as_ref(),
    };
    let clients = holdings_by_client(protocol, resting, server.daemon.as_ref());
    let reply = ReplyChoice::of(protocol);
    let queue = queue_report(&stat);
    let report = StatReport {
        queue,
        reply,
        answers,
        dead_letters,
        messages,
        waiting,
        waiters,
        server,
        clients,
        closed,
        condition,
        verdict: sentence,
        check: None,
        cure,
    };
    Ok((report, diagnostics))
}

/// A deadlock is why nothing else goes on, so it comes before that.
fn with_deadlock(verdict: StatVerdict, deadlock: Option<DeadlockVerdict>) -> (StatVerdict, Option<String>) {
    match deadlock {
        Some(DeadlockVerdict { sentence, cure }) => (StatVerdict { condition: Condition::Deadlocked, sentence }, cure),
        None => (verdict, None),
    }
}

/// One list of the clients from what rests in the queue and what the daemon holds; who holds the most comes first.
fn holdings_by_client(
    protocol: &Protocol,
    waiting: Option<&Waiting>,
    daemon: Option<&DaemonReport>,
) -> Vec<ClientHoldings> {
    let resting = waiting.iter().flat_map(|waiting| &waiting.clients).map(|client| {
        let (program, resting, resting_bytes) = (client.program.clone(), client.messages, client.bytes);
        let holder = ClientHoldings {
            program,
            state: client.state,
            resting,
            resting_bytes,
            ..no_holdings(protocol, client.mtype)
        };
        (client.mtype, holder)
    });
    let mut holders: HashMap<i64, ClientHoldings> = resting.collect();
    let mut of_daemon = |client: i64, in_hand: usize, outbox: usize, oldest_ms: u64| {
        let mtype = protocol.response_mtype(client);
        let holder = holders.entry(mtype).or_insert_with(|| known(protocol, client));
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

fn no_holdings(protocol: &Protocol, mtype: i64) -> ClientHoldings {
    let client = reader_of(protocol, mtype);
    let (number, pid) = (client.map(ClientNumber::get), client.and_then(ClientNumber::pid));
    ClientHoldings { mtype, client: number, pid, state: "impossible", ..ClientHoldings::default() }
}

/// A client of whom the daemon holds something, and nothing rests in the queue.
fn known(protocol: &Protocol, number: i64) -> ClientHoldings {
    let client = client_of(protocol.client_kind(), number);
    let (program, state) = (client.and_then(process_name), client_state(client));
    ClientHoldings { program, state, ..no_holdings(protocol, protocol.response_mtype(number)) }
}

/// Each user is looked up once: thousands of clients may be of one, and the look-up may go over a network.
fn name_users(holders: &mut [ClientHoldings]) {
    let mut users: HashMap<u32, Named> = HashMap::new();
    for holder in holders {
        let uid = holder.pid.and_then(uid_of_process);
        holder.user = uid.map(|uid| users.entry(uid).or_insert_with(|| Named::user(uid)).clone());
    }
}
