//! What `dead drop --save` wrote, put back into the file of dead letters: for `restore`.

use super::files::{LetterFiles, failure_of_file};
use crate::commands::CommandOutcome;
use crate::failure::{Failure, Status};
use crate::output::{StyledText, Text, counted, shown_path};
use crate::target::QueueOptions;
use msgq_core::dead_letters::{DeadLetter, DeadLetters};
use serde::Serialize;
use std::io;
use std::path::Path;

/// Result of `restore` of dead letters.
#[derive(Debug, Serialize)]
struct LettersBackReport {
    /// The file that they were saved in.
    file: String,
    /// The file that they are in now.
    dead_letters: String,
    /// How many were put back.
    letters: usize,
    /// How many were in it already.
    back_before: usize,
}

/// `None` where the first line of the file is no dead letter.
pub(in crate::commands) fn put_back_letters(
    file: &Path,
    queue: &QueueOptions,
) -> Result<Option<CommandOutcome>, Failure> {
    let failed = |error: &io::Error| {
        let failure = failure_of_file(error);
        Failure::new(failure.status, format!("not all dead letters were put back: {}", failure.message))
    };
    let mut saved = DeadLetters::at(file).list().map_err(|error| failed(&error))?;
    let letters: Vec<DeadLetter> = saved.by_ref().collect::<io::Result<_>>().map_err(|error| failed(&error))?;
    let Some(first) = letters.first() else { return Ok(None) };
    let damaged = match saved.damaged() {
        0 => None,
        lines => Some(format!("{} of {} damaged, and passed over", counted(lines, "line"), shown_path(file))),
    };
    let place = place_of(first, queue)?;
    let mut report = LettersBackReport {
        file: shown_path(file),
        dead_letters: shown_path(place.path()),
        letters: 0,
        back_before: 0,
    };
    for letter in &letters {
        match place.append_once(letter).map_err(|error| failed(&error))? {
            true => report.letters += 1,
            false => report.back_before += 1,
        }
    }
    let status = if damaged.is_some() { Status::Other } else { Status::Ok };
    Ok(Some(CommandOutcome { diagnostics: damaged.into_iter().collect(), status, ..CommandOutcome::done(report) }))
}

/// The file of the letters' queue, which must be there: one that another user makes may be none that the daemon can write.
fn place_of(letter: &DeadLetter, queue: &QueueOptions) -> Result<DeadLetters, Failure> {
    let key = letter.queue_key;
    if queue.key.is_some_and(|named| named != key) {
        let message = format!("these are dead letters of queue {key}, and go back to those of that queue alone");
        return Err(Failure::new(Status::Usage, message));
    }
    let files = LetterFiles::find(&QueueOptions { key: Some(key), msqid: None, ..queue.clone() })?;
    files.files.into_iter().find(|file| file.path().exists()).ok_or_else(|| {
        let message = format!(
            "there is no file of dead letters of queue {key} to put them back into: its daemon makes it in its state directory \
             (STATE_DIRECTORY says where a daemon that was started by hand has it)"
        );
        Failure::new(Status::Other, message)
    })
}

impl Text for LettersBackReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        text.line(format!("put back {} into {}", counted(self.letters, "dead letter"), self.dead_letters));
        if self.back_before > 0 {
            let verb = if self.back_before == 1 { "was" } else { "were" };
            text.line(format!("  {} {verb} there already", counted(self.back_before, "letter")));
        }
        text
    }
}
