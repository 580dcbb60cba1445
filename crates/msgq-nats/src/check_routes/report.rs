//! The lines that a check writes.

use std::io::{self, Write};

/// Writes lines as the steps are done.
pub(super) struct Report<'a> {
    out: &'a mut (dyn Write + Send),
    is_all_well: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self { out, is_all_well: true }
    }

    /// True while no step has failed.
    pub(super) fn is_all_well(&self) -> bool {
        self.is_all_well
    }

    /// What was seen, in order.
    pub(super) fn ok(&mut self, who: &str, seen: &str) -> io::Result<()> {
        self.line("ok  ", who, seen)
    }

    /// What was seen, and what to do.
    pub(super) fn fail(&mut self, who: &str, seen: &str, advice: &str) -> io::Result<()> {
        self.is_all_well = false;
        let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
        self.line("FAIL", who, &format!("{seen}{advice}"))
    }

    /// What was not looked at, and why.
    pub(super) fn skipped(&mut self, who: &str, what: &str) -> io::Result<()> {
        self.line("-   ", who, &format!("not looked at: {what}"))
    }

    /// What is as it may be, and should be known.
    pub(super) fn note(&mut self, who: &str, what: &str) -> io::Result<()> {
        self.line("-   ", who, what)
    }

    fn line(&mut self, verdict: &str, who: &str, sentence: &str) -> io::Result<()> {
        writeln!(self.out, "{verdict} {who}: {sentence}")?;
        // The next step may take its time.
        self.out.flush()
    }
}
