//! `bench`: many clients, each a process of its own, as clients are.

mod arguments;
mod client;
mod probe;
mod processes;
mod progress;
mod report;
mod request;
mod schedule;

pub(crate) use arguments::BenchArguments;

use super::interrupt::{ENDING, Interrupt};
use super::latency::{latency_histogram, latency_percentiles};
use super::own_type::refuse_to_take_messages_of_others;
use super::reply_choice::ReplyChoice;
use super::test_client::{TestClient, is_msgqds};
use super::{CommandOutcome, RunCommand};
use crate::daemon::{read_table, watched_clients};
use crate::failure::{Failure, Status};
use crate::output::{Style, complain, counted};
use crate::target::{QueueOptions, Target};
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::queue::QueueStat;
use msgq_core::time::unix_time_s;
use nix::sys::signal::Signal;
use probe::probe_server;
use processes::ClientProcesses;
use progress::Progress;
use report::{BenchReport, ClientResult, RequestTotals};
use request::LoadRequest;

/// Who used the queue within this time uses it still.
const RECENTLY_S: i64 = 60;

impl RunCommand for BenchArguments {
    fn run_command(&self, queue: &QueueOptions, style: Style) -> Result<CommandOutcome, Failure> {
        let target = queue.open()?;
        if let Some(wanted) = self.reply {
            wanted.check(&target)?;
        }
        let request = LoadRequest::new(self, target.protocol())?;
        if let Some(role) = std::env::var(client::ROLE).ok().and_then(|role| role.parse().ok()) {
            return client::run_client(self, role, &target);
        }
        let stat = target.identity()?;
        warnings(self, &target, &stat).iter().for_each(|warning| complain(warning));
        refuse_to_take_messages_of_others(&target)?;
        let client = TestClient::new(&target, self.timeout)?;
        // A queue of its own must not outlive it, nor an answer that nobody removes.
        let leaves_something = client.has_own_queues() || !is_msgqds(&target)?;
        let early = leaves_something.then(|| client.interrupt_by(ENDING, 1)).transpose()?;
        probe_server(&target, self.timeout, &client, &request)?;
        drop(client);
        if let Some(signal) = early.as_ref().and_then(Interrupt::signal) {
            return Ok(CommandOutcome { ended_by: Some(signal), ..CommandOutcome::silent() });
        }
        let interrupt = early.map_or_else(Interrupt::install, Ok)?;
        let mut progress = Progress::new(self, style == Style::Json)?;
        let clients = ClientProcesses::start(self, queue, &target, progress.is_shown())?;
        let results = clients.run(&mut progress, &interrupt)?;
        progress.clear();
        load_outcome(self, &target, results, interrupt.signal())
    }
}

/// What the load may do to others.
fn warnings(options: &BenchArguments, target: &Target, stat: &QueueStat) -> Vec<String> {
    let mut warnings = Vec::new();
    let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
    let is_recent = |at_s: i64| at_s != 0 && now_s.saturating_sub(at_s) < RECENTLY_S;
    let watched = read_table(stat).map_or(0, |(_, table)| watched_clients(&table).count());
    if watched > 0 || stat.messages > 0 || is_recent(stat.last_send_time) {
        let others = match watched {
            0 => "it was used within the last minute".to_owned(),
            watched => format!("{} of it live", counted(watched, "client")),
        };
        warnings.push(format!("warning: queue {} serves others ({others}): this load slows them down", target.name));
    }
    let protocol = target.protocol();
    let is_with_answers = protocol.route() == ReplyRoute::Shared;
    let longest_response = if is_with_answers { protocol.longest_response(0) } else { 0 };
    let longest = protocol.longest_request(0).max(longest_response);
    // Who may not look into the queue does not know its size.
    let places = if stat.max_bytes == 0 { u64::MAX } else { stat.max_bytes };
    let places = places / u64::try_from(longest).unwrap_or(1).max(1);
    if u64::from(options.clients) > places / 2 {
        let (clients, places) = (counted(options.clients, "client"), counted(places, "place"));
        let fill = if options.clients == 1 { "fills" } else { "fill" };
        warnings
            .push(format!("warning: {clients} {fill} more than half of the queue's {places}: others may have to wait"));
    }
    warnings
}

fn load_outcome(
    options: &BenchArguments,
    target: &Target,
    results: Vec<Result<ClientResult, Failure>>,
    signal: Option<Signal>,
) -> Result<CommandOutcome, Failure> {
    let mut latencies_ns = latency_histogram()?;
    let mut totals = RequestTotals::default();
    let mut failures = Vec::new();
    // Where the end was asked for, a client may not have come to its beginning.
    for result in results.into_iter().filter(|result| signal.is_none() || result.is_ok()) {
        let client =
            result.unwrap_or_else(|failure| ClientResult { failure: Some(failure), ..ClientResult::default() });
        for (latency_ns, count) in client.latencies_ns {
            latencies_ns.saturating_record_n(latency_ns, count);
        }
        totals.add(&client.totals);
        failures.extend(client.failure);
    }
    let status = match failures.first() {
        Some(failure) => failure.status,
        None if totals.timeouts > 0 => Status::Timeout,
        None if totals.errors > 0 => Status::ServerError,
        None => Status::Ok,
    };
    let mut diagnostics = Vec::new();
    if let Some(Failure { message, .. }) = failures.first() {
        diagnostics.push(format!("{} ended early; the first: {message}", counted(failures.len(), "client")));
    }
    if let Some(signal) = signal {
        diagnostics.push(format!("ended by a signal ({signal}); what was measured until then is shown"));
    }
    if totals.unsent > 0 {
        let unsent = totals.unsent;
        diagnostics.push(format!("the rate was not reached: {unsent} of the requests that were due were not sent"));
    }
    let latency_ns = latency_percentiles(&latencies_ns);
    let reply = ReplyChoice::of(target.protocol());
    let report = BenchReport { clients: options.clients, reply, rate_per_s: options.rate, totals, latency_ns };
    Ok(CommandOutcome { diagnostics, status, ended_by: signal, ..CommandOutcome::done(report) })
}
