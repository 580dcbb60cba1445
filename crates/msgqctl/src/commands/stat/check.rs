//! `--check`: the verdict as a monitoring plugin says it.

use super::look::look_at_queue;
use super::report::StatReport;
use crate::commands::CommandOutcome;
use crate::condition::Level;
use crate::failure::{Failure, Status};
use crate::output::{Style, StyledText, Text};
use crate::target::QueueOptions;
use clap::{Args, ValueEnum};
use serde::Serialize;

/// The option, and from what on it is a failure.
#[derive(Debug, Clone, Args)]
pub(super) struct CheckOption {
    /// Say in one line whether all is well, with values behind a bar, and exit with 0, 1, 2 or 3, as plugins of Nagios and
    /// Icinga do. LEVEL is the lowest level that makes it fail
    #[arg(
        long,
        value_name = "LEVEL",
        num_args = 0..=1,
        default_missing_value = "warning",
        conflicts_with_all = ["watch", "prometheus"]
    )]
    pub(super) check: Option<LowestLevel>,
}

/// From which level on `--check` fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LowestLevel {
    /// Warnings exit with 1
    Warning,
    /// Warnings exit with 0, and their line says OK
    Critical,
}

/// The line, in the form that monitoring reads.
#[derive(Debug, Serialize)]
pub(crate) struct PluginLine {
    level: Level,
    sentence: String,
    /// What stands behind the bar.
    values: Vec<String>,
}

/// Looks once. A failure becomes a line too, where all that can fail is done: `failed_check`.
pub(super) fn check(queue: &QueueOptions, style: Style, lowest: LowestLevel) -> Result<CommandOutcome, Failure> {
    let target = queue.open()?;
    let (report, diagnostics) = look_at_queue(&target)?;
    // A protocol that was named says what messages mean, not who should serve.
    let is_expected = target.known.is_configured && queue.protocol.is_none();
    let level = counted_as(report.condition.level(is_expected), lowest);
    let status = status_of(level);
    let shown = match style {
        Style::Json => CommandOutcome::done(StatReport { check: Some(level), ..report }),
        _ => CommandOutcome::done(PluginLine::of_report(level, &report)),
    };
    Ok(CommandOutcome { diagnostics, status, ..shown })
}

/// Nobody is served where no queue is; whatever else keeps this program from looking tells nothing.
pub(crate) fn failed_check(failure: Failure, style: Style) -> CommandOutcome {
    let level = if failure.status == Status::NoQueue { Level::Critical } else { Level::Unknown };
    let status = status_of(level);
    match style {
        Style::Json => CommandOutcome { diagnostics: vec![failure.message], status, ..CommandOutcome::silent() },
        _ => CommandOutcome { status, ..CommandOutcome::done(PluginLine::new(level, &failure.message)) },
    }
}

/// What monitoring is told where the command line is wrong: 2 would be critical.
pub(crate) fn refused_command_line() -> CommandOutcome {
    let line = PluginLine::new(Level::Unknown, "the command line of the check is wrong; standard error says how");
    CommandOutcome { status: Status::CheckedUnknown, ..CommandOutcome::done(line) }
}

fn counted_as(level: Level, lowest: LowestLevel) -> Level {
    if level == Level::Warning && lowest == LowestLevel::Critical { Level::Ok } else { level }
}

fn status_of(level: Level) -> Status {
    match level {
        Level::Ok => Status::Ok,
        Level::Warning => Status::CheckedWarning,
        Level::Critical => Status::CheckedCritical,
        Level::Unknown => Status::CheckedUnknown,
    }
}

impl PluginLine {
    /// A bar in the sentence would begin the values, and a second line is shown elsewhere or not at all.
    fn new(level: Level, sentence: &str) -> Self {
        let sentence = sentence.lines().collect::<Vec<_>>().join("; ").replace('|', "\\x7c");
        Self { level, sentence, values: Vec::new() }
    }

    fn of_report(level: Level, report: &StatReport) -> Self {
        Self { values: values(report), ..Self::new(level, &report.verdict) }
    }
}

/// `NAME=VALUE[UNIT];WARNING;CRITICAL;LEAST;MOST`; the levels come from the verdict, so none stands there.
fn values(report: &StatReport) -> Vec<String> {
    let queue = &report.queue;
    let mut values = vec![
        format!("messages={};;;0;{}", queue.messages, queue.max_messages),
        format!("bytes={}B;;;0;{}", queue.bytes, queue.max_bytes),
    ];
    if let Some(daemon) = &report.server.daemon {
        let (seconds, thousandths) = (daemon.silent_ms / 1000, daemon.silent_ms % 1000);
        values.push(format!("in_hand={};;;0", daemon.in_hand.len()));
        values.push(format!("outbox={};;;0;{}", daemon.outbox.answers, daemon.outbox.capacity));
        values.push(format!("silence={seconds}.{thousandths:03}s;;;0"));
    }
    let answered = report.server.counters.as_ref().and_then(|counters| counters.get("answered"));
    values.extend(answered.map(|answered| format!("answered={answered}c")));
    values.extend(report.dead_letters.as_ref().map(|waiting| format!("dead_letters={};;;0", waiting.letters)));
    values
}

impl Text for PluginLine {
    fn text(&self) -> StyledText {
        let level = match self.level {
            Level::Ok => "OK",
            Level::Warning => "WARNING",
            Level::Critical => "CRITICAL",
            Level::Unknown => "UNKNOWN",
        };
        let values = if self.values.is_empty() { String::new() } else { format!(" | {}", self.values.join(" ")) };
        format!("MSGQD {level} - {}{values}\n", self.sentence).as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_stays_in_one_line_and_never_begins_the_values() {
        let line = PluginLine::new(Level::Unknown, "first | cut\nsecond").text().to_string();
        assert_eq!(line, "MSGQD UNKNOWN - first \\x7c cut; second\n");
    }

    #[test]
    fn only_a_warning_is_let_pass() {
        let counted = [Level::Ok, Level::Warning, Level::Critical, Level::Unknown]
            .map(|level| status_of(counted_as(level, LowestLevel::Critical)).code());
        assert_eq!(counted, [0, 0, 2, 3]);
    }
}
