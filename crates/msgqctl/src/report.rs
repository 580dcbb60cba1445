//! The one place that turns a result into text or JSON.

mod bench;
mod colour;
mod doctor;
mod door;
mod explain;
mod holders;
mod inside;
mod layout;
mod peek;
mod prometheus;
mod purge;
mod send;
mod stat;

pub(crate) use bench::{BenchReport, ClientResult};
pub(crate) use colour::paint;
pub(crate) use doctor::{Check, CheckOutcome, DoctorReport};
pub(crate) use door::DoorReport;
pub(crate) use explain::{ExplainReport, Held, Identity, RestingAnswers, WaitingRequest};
pub(crate) use holders::Holder;
pub(crate) use inside::{InHand, InsideReport, LastError, LatencySummary, OutboxReport, OutboxRow, Rates, ServerPhase};
pub(crate) use layout::{age, counted, field, fit};
pub(crate) use peek::{MessageRow, PeekReport};
pub(crate) use prometheus::Exposition;
pub(crate) use purge::{Abandoned, KeptClient, PurgeReport, RemovedClient, RequestsReport};
pub(crate) use send::{AnswerReport, LatencyReport, SummaryReport};
pub(crate) use stat::{Client, LastCall, QueueReport, ServerReport, ServerState, StatReport, Verdict, Waiting};

use crate::cli::Arguments;
use crate::failure::{Failure, Status};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write};

/// Raised when a field changes its meaning or goes; new fields do not raise it.
const SCHEMA_VERSION: u32 = 1;

/// A result that can be shown to people.
pub(crate) trait Text {
    /// Lines that end with a newline.
    fn text(&self) -> String;
}

/// A result that can be shown to people and to programs.
pub(crate) trait Report: Text {
    fn json(&self) -> serde_json::Result<String>;
}

impl<T: Serialize + Text> Report for T {
    fn json(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(&Envelope { schema_version: SCHEMA_VERSION, result: self })?;
        text.push('\n');
        Ok(ascii(&text))
    }
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    result: &'a T,
}

/// How results look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Coloured,
    Json,
}

impl Style {
    pub(crate) fn of(arguments: &Arguments) -> Self {
        match () {
            () if arguments.json => Self::Json,
            () if colour::is_wanted() => Self::Coloured,
            () => Self::Plain,
        }
    }
}

/// Prints a result. A reader who closed the pipe has what it wanted: false then.
pub(crate) fn print(report: &dyn Report, style: Style, out: &mut dyn Write) -> Result<bool, Failure> {
    let text = match style {
        Style::Json => report.json().map_err(|error| cannot_write(&error))?,
        Style::Coloured => paint(&report.text()),
        Style::Plain => report.text(),
    };
    write(&text, out)
}

/// False when the reader has closed the pipe.
pub(crate) fn write(text: &str, out: &mut dyn Write) -> Result<bool, Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(cannot_write(&error)),
        Ok(()) => Ok(true),
    }
}

fn cannot_write(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Status::Other, format!("cannot write the result to standard output: {error}"))
}

/// Escapes what is not printable ASCII, which can only stand inside of strings: JSON may end on a terminal too, and
/// carries marks there that change the direction of writing.
fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || (' '..='~').contains(&character) {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// Nothing more to say.
#[derive(Debug, Serialize)]
pub(crate) struct NothingReport;

impl Text for NothingReport {
    fn text(&self) -> String {
        String::new()
    }
}

/// A completion script.
#[derive(Debug, Serialize)]
pub(crate) struct ScriptReport {
    pub(crate) shell: String,
    pub(crate) script: String,
}

impl Text for ScriptReport {
    fn text(&self) -> String {
        self.script.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn report() -> ScriptReport {
        ScriptReport { shell: "ba\u{202e}sh \u{1f600}".into(), script: "\u{1b}[31m\u{9b}\u{7f}".into() }
    }

    #[test]
    fn json_is_printable_ascii_and_keeps_every_character() {
        let json = report().json().unwrap();
        assert!(json.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["shell"], "ba\u{202e}sh \u{1f600}");
        assert_eq!(value["script"], "\u{1b}[31m\u{9b}\u{7f}");
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        assert_eq!(print(&report(), Style::Plain, &mut Failing(ErrorKind::BrokenPipe)), Ok(false));
        let failure = print(&report(), Style::Json, &mut Failing(ErrorKind::StorageFull)).unwrap_err();
        assert_eq!(failure.status, Status::Other);
    }
}
