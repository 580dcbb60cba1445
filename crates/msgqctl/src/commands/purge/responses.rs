//! `purge` of responses: tells the sweep whose they are and how old, and says what came of it.

use super::ages::AnswerAges;
use super::arguments::PurgeArguments;
use super::report::{PurgeReport, UNFINISHED};
use crate::commands::Outcome;
use crate::daemon::read_table;
use crate::failure::{Failure, Status};
use crate::target::{QueueOptions, Target};
use msgq_core::orphan::{SweepOptions, SweepReport, SweepScope, Verdict, sweep, sweep_older_than};
use msgq_core::process::{ClientPid, process_name};
use msgq_core::queue::BrowseLimits;

pub(super) fn purge_responses(options: &PurgeArguments, queue: &QueueOptions) -> Result<Outcome, Failure> {
    let sweep_options = sweep_options(options)?;
    let target = queue.open()?;
    let mut diagnostics = Vec::new();
    let swept = swept(options, &sweep_options, &target, &mut diagnostics)?;
    // Only who named a client is refused something; otherwise living clients are simply left alone.
    if sweep_options.scope != SweepScope::All {
        diagnostics.extend(swept.kept.iter().map(|kept| refusal(kept.mtype, kept.verdict)));
    }
    let status = if diagnostics.is_empty() { Status::Ok } else { Status::Other };
    if !swept.is_complete {
        let place = if is_selective(options) { diagnostics.len() } else { 0 };
        diagnostics.insert(place, UNFINISHED.to_owned());
    }
    Ok(Outcome { diagnostics, status, ..Outcome::done(PurgeReport::of_sweep(options.dry_run, &swept)) })
}

/// Certain types, or what is old: only what a shorter look shows is removed.
fn is_selective(options: &PurgeArguments) -> bool {
    !options.r#type.is_empty() || options.older_than.is_some()
}

fn sweep_options(options: &PurgeArguments) -> Result<SweepOptions, Failure> {
    let named: Vec<_> = options.pid.iter().flatten().filter_map(|pid| ClientPid::new(*pid)).collect();
    let scope = match (options.r#type.as_slice(), named.as_slice()) {
        ([], []) if options.force => {
            return Err(Failure::new(Status::Usage, "--force needs to know whom: name them, as in --pid 4711 --force"));
        }
        ([], []) => SweepScope::All,
        ([], _) => SweepScope::Clients(named),
        (types, _) => SweepScope::Types(types.iter().copied().chain(named.iter().map(|pid| pid.as_mtype())).collect()),
    };
    let defaults = SweepOptions::default();
    let survey = if is_selective(options) { BrowseLimits::default() } else { defaults.survey };
    Ok(SweepOptions { scope, force: options.force, dry_run: options.dry_run, survey, ..defaults })
}

fn swept(
    options: &PurgeArguments,
    sweep_options: &SweepOptions,
    target: &Target,
    diagnostics: &mut Vec<String>,
) -> Result<SweepReport, Failure> {
    let failed = |error| Failure::of_sweep(target.key, &error);
    let Some(limit) = options.older_than else { return sweep(&target.queue, sweep_options).map_err(failed) };
    let mut ages = match read_table(target.key, &target.stat()?) {
        Ok((_, table)) => AnswerAges::read(&table),
        Err(reason) => {
            diagnostics.push(format!("nobody knows how old the messages are: {reason}"));
            AnswerAges::default()
        }
    };
    sweep_older_than(&target.queue, sweep_options, limit, |mtype, body| ages.take_age(mtype, body)).map_err(failed)
}

fn refusal(mtype: i64, verdict: Verdict) -> String {
    let name = ClientPid::from_mtype(mtype).and_then(process_name).unwrap_or_else(|| "name hidden".to_owned());
    let state = match verdict {
        Verdict::KeepUnknown => "may be alive, which could not be found out",
        _ => "is alive",
    };
    format!("PID {mtype} ({name}) {state}: its responses stay; --force removes them, and it may wait for them in vain")
}
