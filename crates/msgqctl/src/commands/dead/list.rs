//! `dead list`: one row for each dead letter.

use super::files::{LetterFiles, damage_note};
use super::row::LetterRow;
use crate::commands::values::whole_number;
use crate::commands::{CommandOutcome, RunCommand};
use crate::failure::Failure;
use crate::output::{Style, StyledText, Text, counted, fit, widest, width};
use crate::target::QueueOptions;
use clap::Args;
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  msgqctl dead list            at most 100 of them, and how many there are
  msgqctl dead list --limit 5  at most 5";

/// List the dead letters, oldest first
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct DeadListArguments {
    /// Show at most this many letters
    #[arg(long, value_name = "N", default_value = "100", value_parser = whole_number::<usize>("", 0..=i64::MAX))]
    limit: usize,
}

/// Result of `dead list`.
#[derive(Debug, Serialize)]
struct DeadListReport {
    /// How many there are, shown or not.
    total: usize,
    /// Lines that are no letters.
    damaged: usize,
    /// The oldest first.
    letters: Vec<LetterRow>,
}

impl RunCommand for DeadListArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let files = LetterFiles::find(queue)?;
        let (mut total, mut letters) = (0, Vec::new());
        let damaged = files.for_each(|file, letter| {
            total += 1;
            if letters.len() < self.limit {
                letters.push(LetterRow::new(file, &letter));
            }
            Ok(())
        })?;
        let diagnostics = damage_note(damaged, &files).into_iter().collect();
        Ok(CommandOutcome { diagnostics, ..CommandOutcome::done(DeadListReport { total, damaged, letters }) })
    }
}

impl Text for DeadListReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        if self.total == 0 {
            text.line("no dead letters");
            return text;
        }
        if !self.letters.is_empty() {
            write_rows(&mut text, &self.letters);
        }
        let shown = self.letters.len();
        if shown < self.total {
            text.line(format!("{shown} of {} shown; --limit shows more", counted(self.total, "letter")));
        }
        text
    }
}

/// Each column is as wide as its widest value; the reasons have what is left.
fn write_rows(text: &mut StyledText, letters: &[LetterRow]) {
    let headings = ["id", "age", "type", "bytes", "client", "tries"].map(str::to_owned);
    let cells: Vec<[String; 6]> = letters.iter().map(cells_of).collect();
    let rooms: [usize; 6] = std::array::from_fn(|column| {
        let texts = [&headings].into_iter().chain(&cells).filter_map(|row| row.get(column));
        widest(texts.map(String::as_str), 0, usize::MAX)
    });
    let reasons = ["reason".to_owned()].into_iter().chain(letters.iter().map(LetterRow::shown_reason));
    for (row, reason) in [&headings].into_iter().chain(&cells).zip(reasons) {
        let padded: String = row.iter().zip(rooms).map(|(cell, room)| format!("{cell:>room$}  ")).collect();
        let room = width().saturating_sub(padded.len()).max(LEAST_ROOM_FOR_REASON);
        text.line(format!("{padded}{}", fit(&reason, room)));
    }
}

const LEAST_ROOM_FOR_REASON: usize = 10;

fn cells_of(row: &LetterRow) -> [String; 6] {
    let (bytes, attempts) = (row.bytes.to_string(), row.attempts.to_string());
    [row.id.clone(), row.age(), row.mtype.to_string(), bytes, row.client_label(), attempts]
}
