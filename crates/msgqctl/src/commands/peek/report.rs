use crate::messages::Kind;
use crate::output::{StyledText, Text, counted, fit, pad, width};
use serde::Serialize;
use std::fmt::Write as _;

/// What all columns but the text take, with the gap before it, where programs have short names.
const FIXED_COLUMNS: usize = 65;
const PROGRAM_ROOM: usize = 12;
/// Every name unescaped, and most of those with a character that is not.
const WIDE_PROGRAM_ROOM: usize = 24;
/// From here on there is room for both.
const WIDE: usize = 120;

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
    fn text(&self) -> StyledText {
        let mut text = String::new();
        let width = width();
        let program_room = if width < WIDE { PROGRAM_ROOM } else { WIDE_PROGRAM_ROOM };
        if !self.messages.is_empty() {
            let program = pad("program", program_room);
            let _ = writeln!(text, "index       type  kind          pid  state   {program}  size  text");
        }
        let text_room = (!self.is_full).then(|| width.saturating_sub(FIXED_COLUMNS + program_room - PROGRAM_ROOM));
        for message in &self.messages {
            message.write(program_room, text_room, &mut text);
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
        text.into()
    }
}

impl MessageRow {
    /// Without room for the text it gets a line of its own.
    fn write(&self, program_room: usize, text_room: Option<usize>, text: &mut String) {
        let Self { index, bytes, .. } = self;
        let (mtype, kind) = (fit(&self.mtype.to_string(), 10), self.kind.name());
        let pid = self.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let state = if self.pid.is_some() { self.state } else { "-" };
        let program = pad(self.program.as_deref().unwrap_or("-"), program_room);
        let content = match self.status {
            Some(status) if status != 0 => format!("({status}) {}", self.text_escaped),
            _ => self.text_escaped.clone(),
        };
        let start = format!("{index:>5} {mtype:>10}  {kind:<8} {pid:>8}  {state:<7} {program} {bytes:>5}");
        let _ = match text_room {
            None => writeln!(text, "{start}\n      {content}"),
            Some(room) => writeln!(text, "{start}  {}", fit(&content, room)),
        };
    }
}
