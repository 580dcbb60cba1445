//! Which letters a command is about.

use super::files::LetterFiles;
use super::row::LetterRow;
use crate::completion::dead_letters::dead_letter_candidates;
use crate::failure::{Failure, Status};
use crate::output::StyledText;
use clap::Args;
use clap_complete::ArgValueCandidates;
use msgq_core::escape::escape;
use std::collections::HashSet;

/// Rows that the text shows at most; JSON shows all.
const MAX_ROWS: usize = 40;

/// The letters that are named, or all.
#[derive(Debug, Clone, Args)]
pub(super) struct Selection {
    /// The letters, by the ids that `dead list` shows
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all", add = ids_of_letters())]
    ids: Vec<String>,

    /// All letters of the queue
    #[arg(long)]
    pub(super) all: bool,
}

/// What was selected, as it was found.
pub(super) struct Selected {
    pub(super) rows: Vec<LetterRow>,
    pub(super) ids: HashSet<String>,
    /// Lines that are no letters, in all files.
    pub(super) damaged: usize,
}

/// The ids of letters, which a shell offers.
pub(super) fn ids_of_letters() -> ArgValueCandidates {
    ArgValueCandidates::new(dead_letter_candidates)
}

impl Selection {
    /// All of them are there, or nothing is done.
    pub(super) fn find_in(&self, files: &LetterFiles) -> Result<Selected, Failure> {
        let wanted: HashSet<&String> = self.ids.iter().collect();
        let mut rows = Vec::new();
        let damaged = files.for_each(|file, letter| {
            if self.all || wanted.contains(&letter.id) {
                rows.push(LetterRow::new(file, &letter));
            }
            Ok(())
        })?;
        let ids: HashSet<String> = rows.iter().map(|row| row.id.clone()).collect();
        match self.ids.iter().find(|id| !ids.contains(*id)) {
            Some(missing) => Err(no_such_letter(missing)),
            None => Ok(Selected { rows, ids, damaged }),
        }
    }
}

pub(super) fn no_such_letter(id: &str) -> Failure {
    let message = format!(
        "no dead letter of this queue has the id {}, so nothing was done; `msgqctl dead list` shows them",
        escape(id.as_bytes())
    );
    Failure::new(Status::Other, message)
}

/// A line for each of the first letters.
pub(super) fn write_summaries(text: &mut StyledText, rows: &[LetterRow]) {
    rows.iter().take(MAX_ROWS).for_each(|row| text.line(row.summary()));
    if let Some(more) = rows.len().checked_sub(MAX_ROWS).filter(|more| *more > 0) {
        text.line(format!("  {more} more; --json shows them all"));
    }
}
