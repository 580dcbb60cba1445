//! `dead retry`: puts dead letters back into the queue, as their clients sent them.

use super::files::{LetterFiles, failure_of_file};
use super::row::LetterRow;
use super::selection::{Selected, Selection, write_summaries};
use crate::commands::interrupt::Interrupt;
use crate::commands::{CommandOutcome, RunCommand};
use crate::failure::{Failure, Status};
use crate::output::{Style, StyledText, Text, counted};
use crate::target::{QueueOptions, Target};
use clap::Args;
use msgq_core::dead_letters::{DeadLetter, DeadLetters, Fate, Record};
use msgq_core::queue::QueueError;
use nix::errno::Errno;
use serde::Serialize;
use std::collections::HashSet;

const EXAMPLES: &str = "\
Examples:
  msgqctl dead retry 1795409145000-17  this one goes back into the queue
  msgqctl dead retry --all             all of them";

/// Put dead letters back into the queue, with the type and the bytes that they had
///
/// Oldest first, and never waits: once the queue is full the rest stays, and is counted. A letter is removed from the file when
/// the kernel has taken it; after a kill in between, it is in both.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct DeadRetryArguments {
    #[command(flatten)]
    selection: Selection,
}

/// Result of `dead retry`.
#[derive(Debug, Serialize)]
struct DeadRetryReport {
    /// Letters that are in the queue now, and no dead letters any more.
    sent: Vec<LetterRow>,
    /// Letters that were asked for and are where they were.
    left: usize,
}

/// Sends the letters of which it is asked, and what became of them.
struct Sender<'a> {
    target: &'a Target,
    wanted: &'a HashSet<String>,
    interrupt: Interrupt,
    max_bytes: u64,
    sent: Vec<LetterRow>,
    sent_ids: HashSet<String>,
    /// How many of those that are wanted stay in the file.
    left: usize,
    /// Letters that can never be sent, and why.
    refused: Vec<String>,
    /// Why no other letter is tried.
    stopped: Option<Failure>,
}

impl RunCommand for DeadRetryArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let files = LetterFiles::find(queue)?;
        let Selected { ids, .. } = self.selection.find_in(&files)?;
        if ids.is_empty() {
            return Ok(CommandOutcome::done(DeadRetryReport { sent: Vec::new(), left: 0 }));
        }
        let target = queue.open()?;
        let mut sender = Sender {
            target: &target,
            wanted: &ids,
            interrupt: Interrupt::install()?,
            max_bytes: target.stat()?.max_bytes,
            sent: Vec::new(),
            sent_ids: HashSet::new(),
            left: 0,
            refused: Vec::new(),
            stopped: None,
        };
        for file in &files.files {
            sender.send_from(file)?;
        }
        Ok(sender.outcome())
    }
}

impl Sender<'_> {
    fn send_from(&mut self, file: &DeadLetters) -> Result<(), Failure> {
        let sent_before = self.sent.len();
        let rewritten = file.rewrite(|record| match record {
            Record::Letter(letter) if self.wanted.contains(&letter.id) => {
                let fate = self.send(file, letter);
                self.left += usize::from(fate == Fate::Keep);
                fate
            }
            _ => Fate::Keep,
        });
        rewritten.map(drop).map_err(|error| match self.sent.len() - sent_before {
            0 => failure_of_file(&error),
            sent => {
                let sent = counted(sent, "letter");
                let message =
                    format!("{error}; {sent} went to the queue before that, and may still be in the file too");
                Failure::new(Status::Other, message)
            }
        })
    }

    fn send(&mut self, file: &DeadLetters, letter: &DeadLetter) -> Fate {
        // A daemon that was killed may have written it twice.
        if self.sent_ids.contains(&letter.id) {
            return Fate::Remove;
        }
        if self.stopped.is_some() || self.interrupt.signal().is_some() {
            return Fate::Keep;
        }
        if Some(letter.queue_key) != self.target.queue.key() {
            self.refused.push(format!("{} is a letter of queue {}", letter.id, letter.queue_key));
            return Fate::Keep;
        }
        match self.target.queue.try_send(letter.mtype, &letter.body) {
            Ok(()) => {
                self.sent.push(LetterRow::new(file, letter));
                self.sent_ids.insert(letter.id.clone());
                return Fate::Remove;
            }
            Err(error) => self.note_error(letter, &error),
        }
        Fate::Keep
    }

    fn note_error(&mut self, letter: &DeadLetter, error: &QueueError) {
        let len = u64::try_from(letter.body.len()).unwrap_or(u64::MAX);
        match error.errno() {
            Errno::EAGAIN if len > self.max_bytes => {
                let (id, bytes) = (&letter.id, self.max_bytes);
                self.refused.push(format!("{id} has {len} bytes, and the whole queue holds {bytes} (msg_qbytes)"));
            }
            Errno::EINVAL if !error.is_gone() => self.refused.push(format!("{}: {error}", letter.id)),
            Errno::EAGAIN => {
                let message = format!("{error}: run it again when there is room");
                self.stopped = Some(Failure::new(Status::Other, message));
            }
            _ => self.stopped = Some(self.target.failure(error)),
        }
    }

    fn outcome(self) -> CommandOutcome {
        let left = self.left;
        let mut diagnostics: Vec<String> = self.refused.iter().map(|why| format!("not sent: {why}")).collect();
        let left_over = match left {
            1 => "1 letter is left in the file".to_owned(),
            _ => format!("{left} letters are left in the file"),
        };
        if let Some(failure) = &self.stopped {
            diagnostics.push(format!("{}; {left_over}", failure.message));
        } else if left > 0 {
            diagnostics.push(left_over);
        }
        let status = match &self.stopped {
            Some(failure) => failure.status,
            None if left > 0 => Status::Other,
            None => Status::Ok,
        };
        let ended_by = self.interrupt.signal();
        let report = DeadRetryReport { sent: self.sent, left };
        CommandOutcome { diagnostics, status, ended_by, ..CommandOutcome::done(report) }
    }
}

impl Text for DeadRetryReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        if self.sent.is_empty() && self.left == 0 {
            text.line("no dead letters: nothing to send");
            return text;
        }
        text.line(format!("sent {} to the queue again", counted(self.sent.len(), "letter")));
        write_summaries(&mut text, &self.sent);
        text
    }
}
