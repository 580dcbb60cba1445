//! One run of the benchmark: what was chosen, what was measured so far, and where it goes.

use crate::cell::Cell;
use crate::cli::{Mode, Options};
use crate::failure::Result;
use crate::machine::{Machine, raise_limits};
use crate::plot::Plot;
use crate::programs::Programs;
use crate::report::Report;
use crate::turns::{Group, Plan, Results, measure};

/// What the modes share.
#[derive(Debug)]
pub struct Session {
    mode: Mode,
    options: Options,
    plan: Plan,
    machine: Machine,
    programs: Programs,
    results: Vec<Results>,
    finished: bool,
}

impl Session {
    /// Raises limits and makes the directory for the output.
    ///
    /// # Errors
    /// That of the directory.
    pub fn new(mode: Mode, options: Options) -> Result<Self> {
        raise_limits();
        let programs = Programs::new(options.output.join("programs"))?;
        let plan = options.plan(mode);
        Ok(Self { mode, options, plan, machine: Machine::this(), programs, results: Vec::new(), finished: true })
    }

    /// The numbers of clients that were asked for; `None`: the mode's own.
    #[must_use]
    pub fn clients(&self) -> Option<&[u32]> {
        self.options.clients.as_deref()
    }

    /// Measures what was chosen of the groups; nothing more after an interrupt.
    ///
    /// # Errors
    /// What makes all measuring pointless.
    pub fn measure(&mut self, mut groups: Vec<Group>) -> Result<Vec<Results>> {
        for group in &mut groups {
            group.cells.retain(|cell| self.is_chosen(cell));
        }
        groups.retain(|group| self.finished && !group.cells.is_empty());
        let progress = |line: &str| eprintln!("{line}");
        let (results, finished) = measure(&groups, self.plan, &mut self.programs, progress)?;
        self.finished = self.finished && finished;
        self.results.extend(results.iter().cloned());
        Ok(results)
    }

    fn is_chosen(&self, cell: &Cell) -> bool {
        self.options.only.as_deref().is_none_or(|text| cell.label().contains(text))
            && self.clients().is_none_or(|numbers| numbers.contains(&cell.clients))
    }

    /// A report with its head.
    #[must_use]
    pub fn report(&self, title: &str) -> Report {
        Report::new(title, &self.machine, self.plan)
    }

    /// Writes a plot beside the report and names it there.
    ///
    /// # Errors
    /// `NotRun` with what the library says.
    pub fn plot(&self, report: &mut Report, file: &str, plot: &Plot) -> Result<()> {
        let file = format!("{file}.svg");
        if plot.write(&self.options.output.join(&file))? {
            report.plot(plot.title, &file);
        }
        Ok(())
    }

    /// Writes the report and the raw numbers, and prints the report. True when nothing interrupted it.
    ///
    /// # Errors
    /// That of a file.
    pub fn finish(self, mut report: Report) -> Result<bool> {
        report.troubles(&self.results, self.finished);
        let raw = (&self.machine, self.plan, self.results.as_slice(), self.finished);
        report.write(&self.options.output, self.mode.report(), raw)?;
        println!("{}", report.markdown());
        eprintln!("This is {}", self.options.output.join(self.mode.report()).with_extension("md").display());
        Ok(self.finished)
    }
}
