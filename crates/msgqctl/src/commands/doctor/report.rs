//! The result of `doctor`: its JSON and its text.

use super::checks::{Check, CheckOutcome, Finding};
use crate::output::{Colour, StyledText, Text, counted};
use serde::Serialize;

/// Result of `doctor`.
#[derive(Debug, Serialize)]
pub(crate) struct DoctorReport {
    /// `null` where the configuration does not tell it.
    pub(crate) key: Option<String>,
    pub(crate) summary: DoctorSummary,
    pub(crate) checks: Vec<Check>,
}

/// How many checks ended how.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DoctorSummary {
    pub(crate) problems: usize,
    pub(crate) warnings: usize,
    pub(crate) fine: usize,
    pub(crate) not_checked: usize,
    pub(crate) not_applicable: usize,
}

impl DoctorReport {
    pub(crate) fn new(key: Option<String>, checks: Vec<Check>) -> Self {
        let mut summary = DoctorSummary::default();
        for check in &checks {
            *match check.outcome {
                CheckOutcome::Problem(_) => &mut summary.problems,
                CheckOutcome::Warning(_) => &mut summary.warnings,
                CheckOutcome::Fine { .. } => &mut summary.fine,
                CheckOutcome::NotChecked { .. } => &mut summary.not_checked,
                CheckOutcome::NotApplicable { .. } => &mut summary.not_applicable,
            } += 1;
        }
        Self { key, summary, checks }
    }

    /// True when everything that matters here was looked at and is well.
    pub(crate) fn is_all_well(&self) -> bool {
        self.summary.problems + self.summary.warnings + self.summary.not_checked == 0
    }

    /// What was not looked at, by heading and reason: many checks may share one.
    fn left_out(&self) -> Vec<(&'static str, Vec<&'static str>, &str)> {
        let mut groups: Vec<(&str, Vec<&str>, &str)> = Vec::new();
        for Check { title, outcome, .. } in &self.checks {
            let (heading, reason) = match outcome {
                CheckOutcome::NotChecked { reason } => ("not checked", reason),
                CheckOutcome::NotApplicable { reason } => ("not needed", reason),
                _ => continue,
            };
            match groups.iter_mut().find(|(other, _, why)| (*other, *why) == (heading, reason)) {
                Some((_, titles, _)) => titles.push(title),
                None => groups.push((heading, vec![title], reason)),
            }
        }
        groups.sort_by_key(|(heading, ..)| *heading);
        groups
    }
}

impl Text for DoctorReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        for check in &self.checks {
            if let CheckOutcome::Problem(finding) = &check.outcome {
                finding.write(Colour::Red, "problem", &mut text);
            }
        }
        for check in &self.checks {
            if let CheckOutcome::Warning(finding) = &check.outcome {
                finding.write(Colour::Yellow, "warning", &mut text);
            }
        }
        for (heading, titles, reason) in self.left_out() {
            text.field(heading, &format!("{}: {reason}", titles.join(", ")));
        }
        let fine = self.checks.iter().filter(|check| matches!(check.outcome, CheckOutcome::Fine { .. }));
        let fine: Vec<&str> = fine.map(|check| check.title).collect();
        if !fine.is_empty() {
            text.field("fine", &fine.join(", "));
        }
        text.line(self.summary.sentence());
        text
    }
}

impl Finding {
    fn write(&self, colour: Colour, heading: &str, text: &mut StyledText) {
        text.coloured_field(colour, heading, &self.what);
        text.field("why", &self.why);
        // A command stays in one line, however long, so that it can be copied.
        for (index, command) in self.mend.iter().enumerate() {
            text.unbroken_field(if index == 0 { "mend" } else { "" }, command);
        }
        text.line("");
    }
}

impl DoctorSummary {
    fn sentence(&self) -> String {
        let Self { problems, warnings, fine, not_checked, .. } = self;
        let (problems, warnings) = (counted(*problems, "problem"), counted(*warnings, "warning"));
        format!("{problems}, {warnings}, {} fine, {not_checked} not checked", counted(*fine, "check"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: CheckOutcome) -> Check {
        Check { check: "one", title: "one thing", outcome }
    }

    fn finding(what: &str) -> Finding {
        let mend = vec![format!("sysctl {}", "x".repeat(90)), "second".into()];
        Finding { what: what.into(), why: "it matters".into(), mend }
    }

    #[test]
    fn findings_come_first_commands_stay_whole_and_the_last_line_counts() {
        let checks = vec![
            check(CheckOutcome::Fine { what: "good".into() }),
            check(CheckOutcome::Warning(finding("smaller"))),
            check(CheckOutcome::NotChecked { reason: "hidden".into() }),
            check(CheckOutcome::Problem(finding("bigger"))),
        ];
        let report = DoctorReport::new(None, checks);
        let text = report.text().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[1]), ("problem       bigger", "why           it matters"));
        assert_eq!(lines[2], format!("mend          sysctl {}", "x".repeat(90)));
        assert_eq!((lines[3], lines[4], lines[5]), ("              second", "", "warning       smaller"));
        assert_eq!((lines[10], lines[11]), ("not checked   one thing: hidden", "fine          one thing"));
        assert_eq!(lines.last(), Some(&"1 problem, 1 warning, 1 check fine, 1 not checked"));
        assert!(!report.is_all_well());
    }

    #[test]
    fn what_cannot_matter_does_not_spoil_it() {
        let checks = vec![
            check(CheckOutcome::Fine { what: "good".into() }),
            check(CheckOutcome::NotApplicable { reason: "no".into() }),
        ];
        let report = DoctorReport::new(None, checks);
        assert!(report.is_all_well());
        assert!(report.text().to_string().ends_with("0 problems, 0 warnings, 1 check fine, 0 not checked\n"));
        assert_eq!(serde_json::to_value(&report).unwrap()["checks"][1]["state"], "not_applicable");
    }
}
