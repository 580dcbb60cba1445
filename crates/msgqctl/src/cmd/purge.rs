mod ages;
mod requests;

use super::Outcome;
use crate::cli::PurgeArguments;
use crate::failure::{Failure, Status};
use crate::inside;
use crate::report::{KeptClient, PurgeReport, RemovedClient};
use crate::target::Target;
use ages::Ages;
use msgq_core::identity::{ClientPid, process_name};
use msgq_core::orphan::{SweepOptions, SweepReport, SweepScope, Verdict, sweep, sweep_older_than};
use msgq_core::queue::BrowseLimits;

const UNFINISHED: &str = "it ended at its limit, and there may be more to remove: run it again";

pub(crate) fn run(
    options: &PurgeArguments,
    open: impl FnOnce() -> Result<Target, Failure>,
) -> Result<Outcome, Failure> {
    if options.requests {
        return requests::run(options, open);
    }
    let sweep_options = sweep_options(options)?;
    let target = open()?;
    let mut diagnostics = Vec::new();
    let swept = swept(options, &sweep_options, &target, &mut diagnostics)?;
    // Only who named a client is refused something; otherwise living clients are simply left alone.
    let refused = if sweep_options.scope == SweepScope::All { &[] } else { swept.kept.as_slice() };
    diagnostics.extend(refused.iter().map(|kept| refusal(kept.mtype, kept.verdict)));
    let status = if diagnostics.is_empty() { Status::Ok } else { Status::Other };
    if !swept.is_complete {
        diagnostics.insert(if is_selective(options) { diagnostics.len() } else { 0 }, UNFINISHED.to_owned());
    }
    Ok(Outcome { report: Box::new(report(options.dry_run, &swept)), diagnostics, status })
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
    if !is_selective(options) {
        return sweep(&target.queue, sweep_options).map_err(failed);
    }
    let stat = target.queue.stat().map_err(|error| Failure::of_queue(target.key, &error))?;
    let Some(limit) = options.older_than else { return sweep(&target.queue, sweep_options).map_err(failed) };
    let mut ages = match inside::table_of(target.key, &stat) {
        Ok((_, table)) => Ages::of(&table),
        Err(reason) => {
            diagnostics.push(format!("nobody knows how old the messages are: {reason}"));
            Ages::default()
        }
    };
    sweep_older_than(&target.queue, sweep_options, limit, |mtype, body| ages.take(mtype, body)).map_err(failed)
}

fn refusal(mtype: i64, verdict: Verdict) -> String {
    let name = ClientPid::from_mtype(mtype).and_then(process_name).unwrap_or_else(|| "name hidden".to_owned());
    let state = match verdict {
        Verdict::KeepUnknown => "may be alive, which could not be found out",
        _ => "is alive",
    };
    format!("PID {mtype} ({name}) {state}: its responses stay; --force removes them, and it may wait for them in vain")
}

fn report(is_dry_run: bool, swept: &SweepReport) -> PurgeReport {
    let removed = swept.removed.iter().map(|removed| RemovedClient {
        mtype: removed.mtype,
        reason: removed.reason.name(),
        reason_text: removed.reason.to_string(),
        messages: removed.resting.messages,
        bytes: removed.resting.bytes,
    });
    let kept = swept.kept.iter().map(|kept| KeptClient {
        mtype: kept.mtype,
        program: ClientPid::from_mtype(kept.mtype).and_then(process_name),
        messages: kept.seen.map(|seen| seen.messages),
    });
    PurgeReport {
        is_dry_run,
        is_complete: swept.is_complete,
        messages: swept.removed.iter().map(|removed| removed.resting.messages).sum(),
        bytes: swept.removed.iter().map(|removed| removed.resting.bytes).sum(),
        removed: removed.collect(),
        kept: kept.collect(),
        unknown_age: swept.unknown_age,
    }
}
