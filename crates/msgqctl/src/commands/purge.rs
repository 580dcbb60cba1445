//! `purge`: removes what nobody will read.

mod arguments;
mod report;
mod requests;
mod selective;

pub(crate) use arguments::PurgeArguments;

use super::{Outcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::Style;
use crate::target::QueueOptions;
use msgq_core::identity::{ClientPid, process_name};
use msgq_core::orphan::{SweepOptions, SweepReport, Verdict, sweep};
use report::{KeptClient, PurgeReport, RemovedClient};

const UNFINISHED: &str = "it ended at its limit, and there may be more to remove: run it again";

impl RunCommand for PurgeArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<Outcome, Failure> {
        if self.requests {
            return requests::run(self, queue);
        }
        let sweep_options = sweep_options(self)?;
        let target = queue.open()?;
        if !self.r#type.is_empty() || self.older_than.is_some() {
            return selective::run(self, &target);
        }
        let swept = sweep(&target.queue, &sweep_options).map_err(|error| Failure::of_sweep(target.key, &error))?;
        let mut diagnostics = Vec::new();
        if !swept.is_complete {
            diagnostics.push(UNFINISHED.to_owned());
        }
        // Only who named a client is refused something; otherwise living clients are simply left alone.
        let refused = if sweep_options.only.is_some() { swept.kept.as_slice() } else { &[] };
        diagnostics.extend(refused.iter().map(|kept| refusal(kept.mtype, kept.verdict)));
        let status = if refused.is_empty() { Status::Ok } else { Status::Other };
        Ok(Outcome { diagnostics, status, ..Outcome::done(purge_report(self.dry_run, &swept)) })
    }
}

fn sweep_options(options: &PurgeArguments) -> Result<SweepOptions, Failure> {
    let named: Vec<_> = options.pid.iter().flatten().filter_map(|pid| ClientPid::new(*pid)).collect();
    if options.force && named.is_empty() && options.r#type.is_empty() {
        return Err(Failure::new(Status::Usage, "--force needs to know whom: name them, as in --pid 4711 --force"));
    }
    let only = (!named.is_empty()).then_some(named);
    Ok(SweepOptions { only, force: options.force, dry_run: options.dry_run, ..SweepOptions::default() })
}

fn refusal(mtype: i64, verdict: Verdict) -> String {
    let name = ClientPid::from_mtype(mtype).and_then(process_name).unwrap_or_else(|| "name hidden".to_owned());
    let state = match verdict {
        Verdict::KeepUnknown => "may be alive, which could not be found out",
        _ => "is alive",
    };
    format!("PID {mtype} ({name}) {state}: its responses stay; --force removes them, and it may wait for them in vain")
}

fn purge_report(is_dry_run: bool, swept: &SweepReport) -> PurgeReport {
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
        unknown_age: 0,
    }
}
