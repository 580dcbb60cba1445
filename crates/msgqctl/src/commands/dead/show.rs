//! `dead show`: all that is known of one dead letter.

use super::files::LetterFiles;
use super::row::LetterRow;
use super::selection::{ids_of_letters, no_such_letter};
use crate::commands::{CommandOutcome, RunCommand};
use crate::failure::Failure;
use crate::messages::NamedFields;
use crate::output::{Style, StyledText, Text, moment_with_age};
use crate::target::QueueOptions;
use clap::Args;
use msgq_core::dead_letters::DeadLetter;
use msgq_core::escape::escape;
use msgq_core::layout::protocol::Protocol;
use msgq_core::time::unix_time_s;
use serde::Serialize;
use std::fmt::Write as _;

const EXAMPLES: &str = "\
Examples:
  msgqctl dead show 1795409145000-17     all of one letter
  msgqctl -j dead show 1795409145000-17  with every byte, for a program";

/// Show all of a dead letter, with all bytes of its body
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct DeadShowArguments {
    /// The letter, by the id that `dead list` shows
    #[arg(value_name = "ID", add = ids_of_letters())]
    id: String,
}

/// Result of `dead show`.
#[derive(Debug, Serialize)]
struct DeadShowReport {
    #[serde(flatten)]
    row: LetterRow,
    queue_key: String,
    msqid: i32,
    /// The text of the request, escaped; `null` where the body is no request of the configured protocol.
    text_escaped: Option<String>,
    /// Of a request whose struct is declared.
    fields: Option<NamedFields>,
    body_hex: String,
    #[serde(skip)]
    body_escaped: String,
}

impl RunCommand for DeadShowArguments {
    fn run_command(&self, queue: &QueueOptions, _: Style) -> Result<CommandOutcome, Failure> {
        let files = LetterFiles::find(queue)?;
        let known = queue.known_protocol(Some(files.key));
        let mut found = None;
        files.for_each(|file, letter| {
            if letter.id == self.id && found.is_none() {
                found = Some(DeadShowReport::new(LetterRow::new(file, &letter), &letter, &known.protocol));
            }
            Ok(())
        })?;
        found.map(CommandOutcome::done).ok_or_else(|| no_such_letter(&self.id))
    }
}

impl DeadShowReport {
    fn new(row: LetterRow, letter: &DeadLetter, protocol: &Protocol) -> Self {
        let request = protocol.read_request(letter.mtype, &letter.body).ok();
        let shape = request.as_ref().and_then(|request| protocol.shapes(request.form)).map(|(request, _)| request);
        Self {
            row,
            queue_key: letter.queue_key.to_string(),
            msqid: letter.msqid,
            text_escaped: request.as_ref().map(|request| escape(request.text)),
            fields: shape.map(|shape| NamedFields::of_body(shape, &letter.body)),
            body_hex: hexadecimal(&letter.body),
            body_escaped: escape(&letter.body),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

impl Text for DeadShowReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        let row = &self.row;
        let second = |at_s: u64| i64::try_from(at_s).unwrap_or(i64::MAX);
        text.field("id", &row.id);
        text.field("given up", &moment_with_age(second(row.at_s), second(unix_time_s())));
        text.field("reason", &row.shown_reason());
        text.field("attempts", &row.attempts.to_string());
        text.field("queue", &format!("{} (msqid {})", self.queue_key, self.msqid));
        text.field("type", &row.mtype.to_string());
        text.field("client", &row.client_label());
        text.field("request", &row.request.to_string());
        text.field("bytes", &row.bytes.to_string());
        if let Some(fields) = &self.fields {
            text.field("fields", fields.text());
        }
        if let Some(readable) = &self.text_escaped {
            text.field("text", readable);
        }
        text.field("body", &self.body_escaped);
        text.unbroken_field("file", &row.file);
        text
    }
}
