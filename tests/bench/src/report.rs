//! The report in Markdown: what was measured where, tables, plots, and what went wrong.

use crate::cell::WARM_UP_MS_EACH;
use crate::failure::{Failure, Result};
use crate::machine::Machine;
use crate::table::Table;
use crate::turns::{Plan, Results};
use serde::Serialize;
use std::path::Path;

/// A report that is being written.
#[derive(Debug)]
pub struct Report {
    text: String,
}

/// What the file of raw numbers holds.
#[derive(Debug, Serialize)]
struct Raw<'a> {
    machine: &'a Machine,
    plan: Plan,
    finished: bool,
    groups: &'a [Results],
}

impl Report {
    /// With its head.
    #[must_use]
    pub fn new(title: &str, machine: &Machine, plan: Plan) -> Self {
        let Machine { kernel, cpu_model, cpus, autogroup, .. } = machine;
        let groups = if *autogroup { "one scheduling group for all" } else { "no scheduling groups by session" };
        let times = plan.times;
        let text = format!(
            "# {title}\n\n{kernel}, {cpu_model}, {cpus} CPUs, {groups}. {} rounds in turns, {} ms each after {} ms of \
             warm-up and {WARM_UP_MS_EACH} ms more for each client; a fresh server in each. Closed-loop client processes, 264-byte requests and answers, every answer \
             checked.\n",
            plan.rounds, times.round_ms, times.warm_up_ms
        );
        Self { text }
    }

    /// Begins a section.
    pub fn section(&mut self, name: &str) {
        self.text += &format!("\n## {name}\n");
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: &str) {
        self.text += &format!("\n{text}\n");
    }

    /// Adds a table.
    pub fn table(&mut self, table: &Table) {
        self.text += &format!("\n{}", table.markdown());
    }

    /// Adds a plot that lies beside the report.
    pub fn plot(&mut self, title: &str, file: &str) {
        self.text += &format!("\n![{title}]({file})\n");
    }

    /// Lists what was not run, stuck or wrong, each once.
    pub fn troubles(&mut self, results: &[Results], finished: bool) {
        let mut lines: Vec<String> = Vec::new();
        if !finished {
            lines.push("It was interrupted: the last group is not whole.".to_owned());
        }
        for measured in results.iter().flat_map(|group| &group.cells) {
            let label = measured.cell.label();
            if let Some(reason) = &measured.not_run {
                lines.push(format!("not run: {label}: {reason}"));
            }
            if measured.stuck() > 0 {
                lines.push(format!("stuck: {label}: {} clients never got their answer", measured.stuck()));
            }
            if measured.wrong() > 0 {
                lines.push(format!("**wrong answers**: {label}: {}", measured.wrong()));
            }
        }
        self.section("What could not be measured, and wrong answers");
        if lines.is_empty() {
            self.text("Nothing: everything ran, and every answer was right.");
            return;
        }
        let list: Vec<String> = lines.iter().map(|line| format!("- {}", line.replace('\n', " "))).collect();
        self.text(&list.join("\n"));
        if results.iter().flat_map(|group| &group.cells).all(|measured| measured.wrong() == 0) {
            self.text("Every answer that came was right.");
        }
    }

    /// The whole text.
    #[must_use]
    pub fn markdown(&self) -> &str {
        &self.text
    }

    /// Writes `NAME.md` and `NAME.json`.
    ///
    /// # Errors
    /// That of the file.
    pub fn write(&self, directory: &Path, name: &str, raw: (&Machine, Plan, &[Results], bool)) -> Result<()> {
        let path = directory.join(name).with_extension("md");
        std::fs::write(&path, &self.text).map_err(Failure::on("write", &path))?;
        let (machine, plan, groups, finished) = raw;
        let json = serde_json::to_vec_pretty(&Raw { machine, plan, finished, groups });
        let json = json.map_err(|error| Failure::Io { what: "write JSON".to_owned(), source: error.into() })?;
        let path = path.with_extension("json");
        std::fs::write(&path, json).map_err(Failure::on("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::Round;
    use crate::server::Server;
    use crate::turns::tests::{results, round};

    fn report() -> Report {
        Report { text: String::new() }
    }

    #[test]
    fn wrong_answers_and_what_was_not_run_are_never_left_out() {
        let wrong = [Round { wrong: 3, ..round(1.0) }, Round { wrong: 4, ..round(1.0) }];
        let mut report = report();
        report.troubles(&[results(8, &[(Server::msgqd(), &wrong), (Server::bare(1), &[])])], true);
        for line in ["**wrong answers**: msgqd, 8 clients: 7", "not run: bare C loop, 8 clients: it is missing"] {
            assert!(report.markdown().contains(line), "{line} is missing in {}", report.markdown());
        }
        assert!(!report.markdown().contains("was right"));
    }

    #[test]
    fn a_run_without_trouble_says_so() {
        let mut report = report();
        report.troubles(&[results(8, &[(Server::msgqd(), &[round(1.0)])])], true);
        assert!(report.markdown().ends_with("every answer was right.\n"));
    }
}
