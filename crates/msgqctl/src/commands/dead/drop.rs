//! `dead drop`: removes dead letters for good.

use super::files::{LetterFiles, failure_of_file};
use super::row::LetterRow;
use super::selection::{Selected, Selection, write_summaries};
use crate::commands::confirmation::{is_confirmed, nobody_can_be_asked};
use crate::commands::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::{Style, StyledText, Text, counted, shown_path};
use crate::target::QueueOptions;
use clap::{Args, ValueHint};
use msgq_core::dead_letters::{Fate, Record};
use msgq_core::trusted_file::sync_directory_of;
use serde::Serialize;
use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  msgqctl dead drop 1795409145000-17      one letter, for good
  msgqctl dead drop --all --save f.jsonl  all, into a file that `restore` puts back";

/// Remove dead letters: nobody will ever handle them
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct DeadDropArguments {
    #[command(flatten)]
    selection: Selection,

    /// Do not ask before all are removed
    #[arg(long, requires = "all")]
    yes: bool,

    /// Write them into this new file first, a line of JSON for each, as they stand in the file of dead letters; `msgqctl
    /// restore FILE` puts them back there. Damaged lines stay then
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    save: Option<PathBuf>,
}

/// Result of `dead drop`.
#[derive(Debug, Serialize)]
struct DeadDropReport {
    dropped: Vec<LetterRow>,
    /// Lines that were no letters and are gone too.
    damaged: usize,
    /// Where the letters were saved.
    saved_to: Option<String>,
}

impl RunCommand for DeadDropArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        if self.selection.all && !self.yes && nobody_can_be_asked() {
            let message = "where nobody can be asked, --all needs --yes: the letters would be gone for good";
            return Err(Failure::new(Status::Usage, message));
        }
        let files = LetterFiles::find(queue)?;
        let Selected { mut rows, ids, damaged } = self.selection.find_in(&files)?;
        let removes_damaged = self.selection.all && self.save.is_none() && damaged > 0;
        if rows.is_empty() && !removes_damaged {
            return Ok(CommandOutcome::done(DeadDropReport { dropped: rows, damaged: 0, saved_to: None }));
        }
        if self.selection.all && !self.yes && !is_confirmed(&self.question(&files, rows.len())) {
            return Err(Failure::new(Status::Other, "not confirmed: nothing was removed"));
        }
        if let Some(path) = &self.save {
            save_letters(&files, &ids, path)?;
        }
        let (gone, damaged) = remove(&files, &ids, removes_damaged)?;
        // Somebody else may have been faster.
        rows.retain(|row| gone.contains(&row.id));
        Ok(CommandOutcome::done(DeadDropReport {
            dropped: rows,
            damaged,
            saved_to: self.save.as_deref().map(shown_path),
        }))
    }
}

impl DeadDropArguments {
    fn question(&self, files: &LetterFiles, letters: usize) -> String {
        let letters = counted(letters, "dead letter");
        let saved = if self.save.is_some() { "" } else { " They are gone for good then." };
        format!("Remove {letters} of queue {}?{saved}", files.key)
    }
}

/// Returns the ids that were there, and how many damaged lines were.
fn remove(files: &LetterFiles, ids: &HashSet<String>, with_damaged: bool) -> Result<(HashSet<String>, usize), Failure> {
    let (mut gone, mut damaged) = (HashSet::new(), 0);
    for file in &files.files {
        let rewritten = file.rewrite(|record| match record {
            // What came since was not asked about.
            Record::Letter(letter) if ids.contains(&letter.id) => {
                gone.insert(letter.id.clone());
                Fate::Remove
            }
            Record::Damaged if with_damaged => {
                damaged += 1;
                Fate::Remove
            }
            _ => Fate::Keep,
        });
        rewritten.map_err(|error| failure_of_file(&error))?;
    }
    Ok((gone, damaged))
}

/// All of them are on the disk before the first is removed.
fn save_letters(files: &LetterFiles, ids: &HashSet<String>, path: &Path) -> Result<(), Failure> {
    let failed = |error: &io::Error| {
        let message = format!("cannot save them in {}, so nothing was removed: {error}", shown_path(path));
        Failure::new(Status::Other, message)
    };
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut writer = BufWriter::new(opened.map_err(|error| failed(&error))?);
    files.for_each(|_, letter| {
        if ids.contains(&letter.id) {
            let line = letter.to_line().map_err(|error| failed(&error))?;
            writer.write_all(&line).map_err(|error| failed(&error))?;
        }
        Ok(())
    })?;
    let synced = writer.flush().and_then(|()| writer.get_ref().sync_all()).and_then(|()| sync_directory_of(path));
    synced.map_err(|error| failed(&error))
}

impl Text for DeadDropReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        if self.dropped.is_empty() && self.damaged == 0 {
            text.line("no dead letters: nothing to drop");
            return text;
        }
        let saved = self.saved_to.as_ref().map_or_else(String::new, |path| format!(", saved in {path}"));
        let damaged = match self.damaged {
            0 => String::new(),
            lines => format!(" and {}", counted(lines, "damaged line")),
        };
        text.line(format!("dropped {}{damaged}{saved}", counted(self.dropped.len(), "letter")));
        write_summaries(&mut text, &self.dropped);
        text
    }
}
