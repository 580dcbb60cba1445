//! `purge --requests`: for an operator who knows that nobody will ever serve them.

use super::arguments::PurgeArguments;
use super::report::{Abandoned, RequestsReport, UNFINISHED};
use crate::commands::Outcome;
use crate::failure::{Failure, Status};
use crate::messages::{browse_messages, describe_message};
use crate::names::process_state;
use crate::output::counted;
use crate::target::{QueueOptions, Target};
use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::orphan::{RemovalLimits, take_requests};
use msgq_core::process::{ClientPid, process_name};
use msgq_core::queue::{MessageBuffer, QueueError};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

/// How many requests each client has there; `None`: such as name nobody.
#[derive(Default)]
struct RequestCounts {
    messages: usize,
    bytes: usize,
    by_client: BTreeMap<Option<ClientPid>, usize>,
    is_complete: bool,
}

impl RequestCounts {
    fn add(&mut self, message: &MessageBuffer) {
        self.messages += 1;
        self.bytes += message.body().len();
        *self.by_client.entry(describe_message(message.mtype(), message.body()).client).or_default() += 1;
    }
}

pub(super) fn purge_requests(options: &PurgeArguments, queue: &QueueOptions) -> Result<Outcome, Failure> {
    let may_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let must_ask = !options.yes && !options.dry_run;
    if must_ask && !may_ask {
        return Err(Failure::new(
            Status::Usage,
            "their clients would wait for answers in vain: where nobody can be asked, --requests needs --yes",
        ));
    }
    let target = queue.open()?;
    let failed = |error: QueueError| target.failure(&error);
    let seen = count_requests(&target).map_err(failed)?;
    if options.dry_run || seen.messages == 0 {
        return Ok(requests_outcome(options.dry_run, &seen));
    }
    if must_ask && !is_confirmed(&target, &seen) {
        return Err(Failure::new(Status::Other, "not confirmed: nothing was removed"));
    }
    // No more than were seen: what came meanwhile was not asked about.
    let mut taken = RequestCounts { is_complete: seen.is_complete, ..RequestCounts::default() };
    let limits = RemovalLimits::default();
    let is_all = take_requests(&target.queue, seen.messages, limits, |message| taken.add(message)).map_err(failed)?;
    taken.is_complete &= is_all;
    Ok(requests_outcome(false, &taken))
}

fn count_requests(target: &Target) -> Result<RequestCounts, QueueError> {
    let mut seen = RequestCounts::default();
    let browsed = browse_messages(&target.queue, |_, message| {
        if message.mtype() == REQUEST_MTYPE {
            seen.add(message);
        }
    })?;
    seen.is_complete = browsed.is_complete;
    Ok(seen)
}

fn is_confirmed(target: &Target, seen: &RequestCounts) -> bool {
    let (requests, clients) = (counted(seen.messages, "request"), counted(seen.by_client.len(), "client"));
    let _ = write!(
        std::io::stderr().lock(),
        "Remove {requests} of {clients} from queue {}? Their clients will wait for answers in vain. [y/N] ",
        target.key
    );
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    matches!(answer.trim(), "y" | "Y" | "yes")
}

fn requests_outcome(is_dry_run: bool, requests: &RequestCounts) -> Outcome {
    let clients = requests.by_client.iter().map(|(client, requests)| Abandoned {
        pid: client.map(ClientPid::get),
        program: client.and_then(process_name),
        state: process_state(client.map_or(0, ClientPid::get)),
        requests: *requests,
    });
    let RequestCounts { messages, bytes, is_complete, .. } = *requests;
    let report = RequestsReport { is_dry_run, is_complete, messages, bytes, clients: clients.collect() };
    let diagnostics = if is_complete { vec![] } else { vec![UNFINISHED.to_owned()] };
    Outcome { diagnostics, ..Outcome::done(report) }
}
