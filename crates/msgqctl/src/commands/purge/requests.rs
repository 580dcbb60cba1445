//! `purge --requests`: for an operator who knows that nobody will ever serve them.

use super::arguments::PurgeArguments;
use super::planned::{Gone, take_into};
use super::report::{Abandoned, LOOK_ENDED, RequestsReport, UNFINISHED};
use super::scope::no_requests_known;
use crate::commands::CommandOutcome;
use crate::commands::confirmation::Removal;
use crate::failure::{Failure, Status};
use crate::messages::{browse_messages, describe_message};
use crate::output::counted;
use crate::system::names::client_state;
use crate::target::{QueueOptions, Target};
use msgq_core::layout::protocol::Protocol;
use msgq_core::orphan::{RemovalLimits, take_requests};
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::{MessageBuffer, QueueError};
use msgq_core::saved_messages::{SaveFile, Taking};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// How many requests each client has there; `None`: such as name nobody.
#[derive(Default)]
struct RequestCounts {
    messages: usize,
    bytes: usize,
    by_client: BTreeMap<Option<ClientNumber>, usize>,
    is_complete: bool,
}

impl RequestCounts {
    fn add(&mut self, protocol: &Protocol, mtype: i64, body: &[u8]) {
        self.messages += 1;
        self.bytes += body.len();
        let client = describe_message(protocol, mtype, body).client;
        *self.by_client.entry(client).or_default() += 1;
    }
}

pub(super) fn purge_requests(options: &PurgeArguments, queue: &QueueOptions) -> Result<CommandOutcome, Failure> {
    let target = queue.open()?;
    let stat = target.stat()?;
    if let Some(seen) = target.why_unknown(&stat) {
        return Err(no_requests_known(&seen));
    }
    let seen = count_requests(&target, options.limit).map_err(|error| target.failure(&error))?;
    if options.dry_run || (seen.messages == 0 && seen.is_complete) {
        return Ok(requests_outcome(options, &seen, Gone::default()));
    }
    let what = what_goes(&seen, options.limit);
    let removal = Removal {
        what: &what,
        place: &format!("queue {}", target.name),
        meaning: "Their clients will wait for answers in vain.",
        why_asked: "the clients of requests that are removed wait for answers in vain",
    };
    removal.announce(options.yes)?;
    // No more than were there: what came meanwhile was not asked about. A receive finds requests by their type, also those
    // that stand behind more messages than can be looked at.
    let resting = if seen.is_complete { seen.messages } else { usize::try_from(stat.messages).unwrap_or(usize::MAX) };
    let at_most = options.limit.unwrap_or(usize::MAX).min(resting);
    let (taken, gone) = match options.saving.open_file(&target)? {
        None => (removed_requests(&target, at_most)?, Gone::default()),
        Some(file) => saved_requests(file, &target, at_most)?,
    };
    Ok(requests_outcome(options, &taken, gone))
}

fn removed_requests(target: &Target, at_most: usize) -> Result<RequestCounts, Failure> {
    let mut taken = RequestCounts::default();
    let (limits, protocol) = (RemovalLimits::default(), &target.messages);
    let types = protocol.request_types();
    let add = |message: &MessageBuffer| taken.add(protocol, message.mtype(), message.body());
    let is_complete = take_requests(&target.queue, types, at_most, limits, add);
    taken.is_complete = is_complete.map_err(|error| target.failure(&error))?;
    Ok(taken)
}

fn saved_requests(file: SaveFile, target: &Target, at_most: usize) -> Result<(RequestCounts, Gone), Failure> {
    let taken = RefCell::new(RequestCounts::default());
    let on_taken = |mtype: i64, body: &[u8]| taken.borrow_mut().add(&target.messages, mtype, body);
    let is_request = |mtype: i64| target.protocol().request_types().receives(mtype);
    let taking = Taking { all_of: Some(&is_request), at_most, on_taken: &on_taken, ..Taking::of_types([]) };
    let gone = take_into(file, target, taking)?;
    let mut taken = taken.into_inner();
    taken.is_complete = gone.is_complete;
    Ok((taken, gone))
}

/// Up to `limit` of them.
fn count_requests(target: &Target, limit: Option<usize>) -> Result<RequestCounts, QueueError> {
    let mut seen = RequestCounts::default();
    let browsed = browse_messages(&target.queue, |_, message| {
        let is_request = target.protocol().request_types().receives(message.mtype());
        if is_request && limit.is_none_or(|limit| seen.messages < limit) {
            seen.add(&target.messages, message.mtype(), message.body());
        }
    })?;
    seen.is_complete = browsed.is_complete || limit == Some(seen.messages);
    Ok(seen)
}

fn what_goes(seen: &RequestCounts, limit: Option<usize>) -> String {
    let (requests, clients) = (counted(seen.messages, "request"), counted(seen.by_client.len(), "client"));
    let bytes = counted(seen.bytes, "byte");
    match (seen.is_complete, limit) {
        (true, _) => format!("{requests} of {clients} ({bytes})"),
        (false, None) => format!("all requests, of which {requests} of {clients} ({bytes}) could be seen"),
        (false, Some(limit)) => {
            format!("up to {}, of which {requests} of {clients} ({bytes}) could be seen", counted(limit, "request"))
        }
    }
}

fn requests_outcome(options: &PurgeArguments, requests: &RequestCounts, gone: Gone) -> CommandOutcome {
    let clients = requests.by_client.iter().map(|(client, requests)| Abandoned {
        client: client.map(ClientNumber::get),
        pid: client.and_then(ClientNumber::pid),
        program: client.and_then(process_name),
        state: client_state(*client),
        requests: *requests,
    });
    let RequestCounts { messages, bytes, is_complete, .. } = *requests;
    let is_dry_run = options.dry_run;
    let saved_to = options.saving.shown_file().filter(|_| !is_dry_run && messages > 0);
    let report = RequestsReport { is_dry_run, is_complete, messages, bytes, clients: clients.collect(), saved_to };
    let Gone { mut diagnostics, status, ended_by, .. } = gone;
    // A second look would end where the first did.
    if !is_complete && !is_dry_run && status.is_none() && ended_by.is_none() {
        diagnostics.push(if messages > 0 { UNFINISHED } else { LOOK_ENDED }.to_owned());
    }
    let status = status.unwrap_or(Status::Ok);
    CommandOutcome { diagnostics, status, ended_by, ..CommandOutcome::done(report) }
}
