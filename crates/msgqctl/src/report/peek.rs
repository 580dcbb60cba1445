use super::Text;
use super::layout::{counted, fit};
use crate::messages::Kind;
use serde::Serialize;
use std::fmt::Write as _;

/// What is left of 80 columns.
const TEXT_ROOM: usize = 15;

/// Result of `peek`.
#[derive(Debug, Serialize)]
pub(crate) struct PeekReport {
    /// False when a limit ended the look, so that there may be more.
    pub(crate) is_complete: bool,
    pub(crate) looked_at: usize,
    /// Messages that were asked for, shown or not.
    pub(crate) matched: usize,
    #[serde(skip)]
    pub(crate) is_full: bool,
    /// The oldest first.
    pub(crate) messages: Vec<MessageRow>,
}

/// One message.
#[derive(Debug, Serialize)]
pub(crate) struct MessageRow {
    /// Its place in the queue, from 0.
    pub(crate) index: usize,
    pub(crate) mtype: i64,
    pub(crate) kind: Kind,
    /// Who asks, or who is to read it; `null` for a number that no process can have.
    pub(crate) pid: Option<i32>,
    pub(crate) program: Option<String>,
    pub(crate) state: &'static str,
    /// Length of the body.
    pub(crate) bytes: usize,
    /// Of a response.
    pub(crate) status: Option<i32>,
    /// As it stands there, or escaped where it is no UTF-8 or no text of the protocol.
    pub(crate) text: String,
    pub(crate) text_escaped: String,
}

impl Text for PeekReport {
    fn text(&self) -> String {
        let mut text = String::new();
        if !self.messages.is_empty() {
            text.push_str("index       type  kind          pid  state   program       size  text\n");
        }
        for message in &self.messages {
            message.write(self.is_full, &mut text);
        }
        if self.matched == 0 {
            text.push_str("no such message\n");
        }
        let shown = self.messages.len();
        if shown < self.matched {
            let all = counted(self.matched, "message");
            let _ = writeln!(text, "{shown} of {all} shown; --limit shows more");
        }
        if !self.is_complete {
            let seen = self.looked_at;
            let _ = writeln!(text, "the look ended at its limit, after {seen} messages: there may be more");
        }
        text
    }
}

impl MessageRow {
    fn write(&self, is_full: bool, text: &mut String) {
        let Self { index, bytes, .. } = self;
        let (mtype, kind) = (fit(&self.mtype.to_string(), 10), self.kind.name());
        let pid = self.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let state = if self.pid.is_some() { self.state } else { "-" };
        let program = fit(self.program.as_deref().unwrap_or("-"), 12);
        let content = match self.status {
            Some(status) if status != 0 => format!("({status}) {}", self.text_escaped),
            _ => self.text_escaped.clone(),
        };
        let start = format!("{index:>5} {mtype:>10}  {kind:<8} {pid:>8}  {state:<7} {program:<12} {bytes:>5}");
        let _ = if is_full {
            writeln!(text, "{start}\n      {content}")
        } else {
            writeln!(text, "{start}  {}", fit(&content, TEXT_ROOM))
        };
    }
}
