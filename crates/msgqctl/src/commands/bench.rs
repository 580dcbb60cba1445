//! `bench`: many clients, each a process of its own, as clients are.

mod arguments;
mod client;
mod processes;
mod progress;
mod report;
mod schedule;

pub(crate) use arguments::BenchArguments;

use super::latency::{latency_histogram, latency_percentiles};
use super::values::check_request_text;
use super::{Outcome, RunCommand};
use crate::daemon::{read_table, watched_clients};
use crate::failure::{Failure, Status};
use crate::output::{Style, complain, counted};
use crate::target::{QueueOptions, Target};
use msgq_core::client::Client;
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::queue::QueueStat;
use msgq_core::time::unix_time_s;
use processes::ClientProcesses;
use progress::Progress;
use report::{BenchReport, ClientResult, RequestTotals};
use std::os::unix::ffi::OsStrExt;

/// Who used the queue within this time uses it still.
const RECENTLY_S: i64 = 60;

impl RunCommand for BenchArguments {
    fn run_command(&self, queue: &QueueOptions, style: Style) -> Result<Outcome, Failure> {
        check_request_text(self.text.as_bytes())?;
        let target = queue.open()?;
        if let Some(role) = std::env::var(client::ROLE).ok().and_then(|role| role.parse().ok()) {
            return client::run_client(self, role, &target);
        }
        let stat = target.stat()?;
        warnings(self, &target, &stat).iter().for_each(|warning| complain(warning));
        // Where nobody serves, the requests of all clients would be left in the queue.
        let probe = Client::new(target.queue).call(self.text.as_bytes(), self.timeout);
        probe.map_err(|error| Failure::of_call(target.key, &error))?;
        let mut progress = Progress::new(self, style == Style::Json)?;
        let clients = ClientProcesses::start(self, &target, progress.is_shown())?;
        let results = clients.run(|requests| progress.show(requests))?;
        progress.clear();
        load_outcome(self, results)
    }
}

/// What the load may do to others.
fn warnings(options: &BenchArguments, target: &Target, stat: &QueueStat) -> Vec<String> {
    let mut warnings = Vec::new();
    let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
    let is_recent = |at_s: i64| at_s != 0 && now_s.saturating_sub(at_s) < RECENTLY_S;
    let watched = read_table(target.key, stat).map_or(0, |(_, table)| watched_clients(&table).count());
    if watched > 0 || stat.messages > 0 || is_recent(stat.last_send_time) {
        let others = match watched {
            0 => "it was used within the last minute".to_owned(),
            watched => format!("{} of it live", counted(watched, "client")),
        };
        warnings.push(format!("warning: queue {} serves others ({others}): this load slows them down", target.key));
    }
    let places = stat.max_bytes / u64::try_from(BODY_LEN_LP64).unwrap_or(1);
    if u64::from(options.clients) > places / 2 {
        let clients = options.clients;
        warnings.push(format!(
            "warning: {clients} clients fill more than half of the queue's {places} places: others may have to wait"
        ));
    }
    warnings
}

fn load_outcome(options: &BenchArguments, results: Vec<Result<ClientResult, Failure>>) -> Result<Outcome, Failure> {
    let mut latencies_ns = latency_histogram()?;
    let mut totals = RequestTotals::default();
    let mut failures = Vec::new();
    for result in results {
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
    if totals.unsent > 0 {
        let unsent = totals.unsent;
        diagnostics.push(format!("the rate was not reached: {unsent} of the requests that were due were not sent"));
    }
    let latency_ns = latency_percentiles(&latencies_ns);
    let report = BenchReport { clients: options.clients, rate_per_s: options.rate, totals, latency_ns };
    Ok(Outcome { diagnostics, status, ..Outcome::done(report) })
}
