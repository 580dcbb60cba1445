//! `purge` of responses: tells the sweep whose they are and how old, and says what came of it.

use super::ages::AnswerAges;
use super::arguments::PurgeArguments;
use super::planned::{Gone, Plan};
use super::report::{LOOK_ENDED, PurgeReport, UNFINISHED};
use super::scope::{scope_of_clients, scope_on_unknown_queue};
use crate::commands::CommandOutcome;
use crate::commands::confirmation::{Removal, say_on_terminal};
use crate::daemon::read_table;
use crate::failure::{Failure, Status};
use crate::target::{QueueOptions, Target};
use msgq_core::layout::protocol::Protocol;
use msgq_core::orphan::{
    Kept, SweepError, SweepOptions, SweepReport, SweepScope, Verdict, reader_of, sweep, sweep_older_than,
};
use msgq_core::process::{ClientNumber, process_name};
use msgq_core::queue::{BrowseLimits, QueueStat};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn purge_responses(options: &PurgeArguments, queue: &QueueOptions) -> Result<CommandOutcome, Failure> {
    for number in options.pid.iter().flatten() {
        queue.client(*number)?;
    }
    let requests = queue.open()?;
    let stat = requests.identity()?;
    let foreign = requests.why_unknown(&stat);
    let target = match &foreign {
        Some(_) => requests.clone(),
        None => match requests.with_answers() {
            Err(failure) if is_for_all(options) && failure.status == Status::Usage => {
                return Ok(nothing_to_remove(options, failure.message));
            }
            target => target?,
        },
    };
    let scope = match &foreign {
        Some(seen) => scope_on_unknown_queue(options, seen),
        None => scope_of_clients(options, &target.messages),
    };
    let sweep_options = sweep_options(options, &target, scope?);
    let mut diagnostics = Vec::new();
    let ages = options.older_than.map(|limit| (limit, known_ages(&stat, &mut diagnostics)));
    let swept = match is_planned(options, foreign.is_some()) {
        false => {
            say_on_terminal(|| what_will_go(options, &sweep_options, &target, &stat));
            let report = swept(&sweep_options, &target, ages).map_err(|error| Failure::of_sweep(&error))?;
            Swept { report, gone: Gone::default() }
        }
        true => sweep_by_plan(options, &sweep_options, &target, ages)?,
    };
    // Only who named a client is refused something; otherwise living clients are simply left alone.
    if sweep_options.scope != SweepScope::All {
        diagnostics.extend(swept.report.kept.iter().map(|kept| refusal(&target.messages, kept)));
    }
    Ok(outcome(options, &target.messages, swept, diagnostics, foreign.is_some()))
}

fn outcome(
    options: &PurgeArguments,
    protocol: &Protocol,
    swept: Swept,
    mut diagnostics: Vec<String>,
    is_foreign: bool,
) -> CommandOutcome {
    let Swept { report: swept, gone } = swept;
    diagnostics.extend(gone.diagnostics);
    let status = gone.status.unwrap_or(if diagnostics.is_empty() { Status::Ok } else { Status::Other });
    if !swept.is_complete && gone.status.is_none() && gone.ended_by.is_none() {
        let place = if is_selective(options) { diagnostics.len() } else { 0 };
        diagnostics.insert(place, unfinished(options, &swept));
    }
    let report = PurgeReport {
        is_foreign,
        saved_to: options.saving.shown_file().filter(|_| !options.dry_run && !swept.removed.is_empty()),
        ..PurgeReport::of_sweep(protocol, options.dry_run, &swept)
    };
    CommandOutcome { diagnostics, status, ended_by: gone.ended_by, ..CommandOutcome::done(report) }
}

/// That there may be more, and how it goes.
fn unfinished(options: &PurgeArguments, swept: &SweepReport) -> String {
    if !options.dry_run && !swept.removed.is_empty() {
        return UNFINISHED.to_owned();
    }
    match is_for_all(options) && options.older_than.is_none() {
        true => format!("{LOOK_ENDED}; what is named is found wherever it stands: --pid PID, --type N"),
        false => LOOK_ENDED.to_owned(),
    }
}

/// What a sweep did, and what is to be said besides.
struct Swept {
    report: SweepReport,
    gone: Gone,
}

/// A look of its own, for who looks on; where nobody can look nothing is said.
fn what_will_go(
    options: &PurgeArguments,
    sweep_options: &SweepOptions,
    target: &Target,
    stat: &QueueStat,
) -> Option<String> {
    let looking = SweepOptions { dry_run: true, ..sweep_options.clone() };
    let ages = options.older_than.map(|limit| (limit, known_ages(stat, &mut Vec::new())));
    let report = swept(&looking, target, ages).ok().filter(|report| !options.dry_run && !report.removed.is_empty())?;
    let what = plan_of(options, sweep_options, &report).what("response");
    Some(format!("{what}, from queue {}", target.name))
}

/// Where something is asked, cut or saved, it is counted first.
fn is_planned(options: &PurgeArguments, is_unknown: bool) -> bool {
    is_unknown || options.limit.is_some() || options.saving.save.is_some()
}

/// The sweep looks, and what it would remove is announced and removed then.
fn sweep_by_plan(
    options: &PurgeArguments,
    sweep_options: &SweepOptions,
    target: &Target,
    ages: Option<(Duration, AnswerAges)>,
) -> Result<Swept, Failure> {
    let looking = SweepOptions { dry_run: true, ..sweep_options.clone() };
    let mut report = match swept(&looking, target, ages) {
        // What is named needs no look, as long as nothing of it is to be saved.
        Err(SweepError::Queue(error)) if error.is_without_msg_copy() && !needs_look(options) => SweepReport::default(),
        report => report.map_err(|error| Failure::of_sweep(&error))?,
    };
    let mut plan = plan_of(options, sweep_options, &report);
    plan.cut_to_oldest(&target.queue, sweep_options.survey, options.limit)?;
    // What all goes of is looked for to the end, whatever the first look saw.
    let needs_no_look = sweep_options.scope != SweepScope::All && options.older_than.is_none();
    if options.dry_run || plan.is_empty() {
        report.set_removed(&plan.seen);
        report.is_complete |= needs_no_look && !options.dry_run;
        return Ok(Swept { report, gone: Gone::default() });
    }
    let is_by_hand = matches!(sweep_options.scope, SweepScope::WholeTypes(_));
    let (what, place) = (plan.what(if is_by_hand { "message" } else { "response" }), format!("queue {}", target.name));
    let removal = Removal {
        what: &what,
        place: &place,
        meaning: "What they mean to the programs that use it, nobody knows.",
        why_asked: "nothing is known of this queue but what types its messages have",
    };
    if !is_by_hand {
        say_on_terminal(|| Some(format!("{what}, from {place}")));
    }
    let gone = plan.carry_out(options, target, |mtype| sweep_options.lets_go(mtype), is_by_hand.then_some(&removal))?;
    report.set_removed(&gone.by_type);
    report.is_complete = gone.is_complete && (report.is_complete || needs_no_look);
    Ok(Swept { report, gone })
}

fn needs_look(options: &PurgeArguments) -> bool {
    options.r#type.is_empty() || options.dry_run || options.older_than.is_some() || options.saving.save.is_some()
}

/// Of what is named all may go, seen or not; but not where ages decide, and nothing of who lives.
fn plan_of(options: &PurgeArguments, sweep_options: &SweepOptions, report: &SweepReport) -> Plan {
    let mut unbounded: Vec<i64> = match &sweep_options.scope {
        _ if report.is_complete || options.older_than.is_some() => Vec::new(),
        SweepScope::All => Vec::new(),
        SweepScope::Types(types) | SweepScope::WholeTypes(types) => types.clone(),
        SweepScope::Clients(clients) => {
            clients.iter().map(|client| sweep_options.protocol.response_mtype(client.get())).collect()
        }
    };
    unbounded.retain(|mtype| sweep_options.lets_go(*mtype));
    Plan { seen: report.removed.iter().map(|removed| (removed.mtype, removed.resting)).collect(), unbounded }
}

/// Nobody and nothing is named.
fn is_for_all(options: &PurgeArguments) -> bool {
    options.r#type.is_empty() && options.pid.as_ref().is_none_or(Vec::is_empty) && !options.force
}

fn nothing_to_remove(options: &PurgeArguments, reason: String) -> CommandOutcome {
    let nothing = SweepReport { is_complete: true, ..SweepReport::default() };
    let report = PurgeReport::of_sweep(&Protocol::default(), options.dry_run, &nothing);
    CommandOutcome { diagnostics: vec![reason], ..CommandOutcome::done(report) }
}

/// Certain types, or what is old: only what the look shows is removed.
fn is_selective(options: &PurgeArguments) -> bool {
    !options.r#type.is_empty() || options.older_than.is_some()
}

fn sweep_options(options: &PurgeArguments, target: &Target, scope: SweepScope) -> SweepOptions {
    // The oldest are looked for in a look of their own.
    let survey = BrowseLimits::default().shared_by(if options.limit.is_some() { 2 } else { 1 });
    let protocol = Arc::clone(&target.messages);
    SweepOptions { protocol, scope, force: options.force, dry_run: options.dry_run, survey, ..SweepOptions::default() }
}

fn known_ages(stat: &QueueStat, diagnostics: &mut Vec<String>) -> AnswerAges {
    match read_table(stat) {
        Ok((_, table)) => AnswerAges::read(&table),
        Err(reason) => {
            diagnostics.push(format!("nobody knows how old the messages are: {reason}"));
            AnswerAges::default()
        }
    }
}

fn swept(
    sweep_options: &SweepOptions,
    target: &Target,
    ages: Option<(Duration, AnswerAges)>,
) -> Result<SweepReport, SweepError> {
    match ages {
        None => sweep(&target.queue, sweep_options),
        Some((limit, mut ages)) => {
            sweep_older_than(&target.queue, sweep_options, limit, |mtype, body| ages.take_age(mtype, body))
        }
    }
}

fn refusal(protocol: &Protocol, kept: &Kept) -> String {
    let client = reader_of(protocol, kept.mtype);
    let name = client.and_then(process_name).unwrap_or_else(|| "name hidden".to_owned());
    let number = client.map_or(kept.mtype, ClientNumber::get);
    if client.is_some_and(|client| client.pid().is_none()) {
        return format!(
            "client {number} is a number without a process, and nobody knows whether it will read: its responses stay; \
             --force removes them, and it may wait for them in vain"
        );
    }
    let state = match kept.verdict {
        Verdict::KeepUnknown => "may be alive, which could not be found out",
        _ => "is alive",
    };
    format!("PID {number} ({name}) {state}: its responses stay; --force removes them, and it may wait for them in vain")
}
