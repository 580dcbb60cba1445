//! What every result can do, and how it is printed.

use super::styled::StyledText;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Raised when a field changes its meaning or goes; new fields do not raise it.
const SCHEMA_VERSION: u32 = 1;

/// A result that can be shown to people.
pub(crate) trait Text {
    /// The result in lines; none where there is nothing to say.
    fn text(&self) -> StyledText;
}

/// A result that can be shown to people and to programs.
pub(crate) trait Report: Text {
    /// One JSON object with the fields of the result and `schema_version`, and a newline.
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

/// How results are printed: as text, as text in colours, or as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Coloured,
    Json,
}

impl Style {
    /// What was asked for; where that is nothing, colours only on a terminal that can show them, and never with `NO_COLOR` (no-color.org).
    pub(crate) fn choose(is_json: bool, colours: Option<bool>) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let can_colour = || io::stdout().is_terminal() && variable("TERM").is_some_and(|term| term != "dumb");
        match () {
            () if is_json => Self::Json,
            () if colours == Some(true) => Self::Coloured,
            () if colours == Some(false) => Self::Plain,
            () if can_colour() && variable("NO_COLOR").is_none() => Self::Coloured,
            () => Self::Plain,
        }
    }
}

/// Prints a result. A reader who closed the pipe has what it wanted: false then.
pub(crate) fn print_report(report: &dyn Report, style: Style, out: &mut dyn Write) -> io::Result<bool> {
    let text = match style {
        Style::Json => report.json()?,
        Style::Coloured => report.text().painted(),
        Style::Plain => report.text().to_string(),
    };
    write_text(&text, out)
}

/// False when the reader has closed the pipe.
pub(crate) fn write_text(text: &str, out: &mut dyn Write) -> io::Result<bool> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// Writes a line to standard error; where that is closed, nobody wants to know.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "msgqctl: {message}");
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Serialize)]
    struct Script {
        shell: &'static str,
        script: &'static str,
    }

    impl Text for Script {
        fn text(&self) -> StyledText {
            self.script.into()
        }
    }

    const REPORT: Script = Script { shell: "ba\u{202e}sh \u{1f600}", script: "\u{1b}[31m\u{9b}\u{7f}" };

    #[test]
    fn json_is_printable_ascii_and_keeps_every_character() {
        let json = REPORT.json().unwrap();
        assert!(json.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["shell"], "ba\u{202e}sh \u{1f600}");
        assert_eq!(value["script"], "\u{1b}[31m\u{9b}\u{7f}");
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        assert!(!print_report(&REPORT, Style::Plain, &mut Failing(ErrorKind::BrokenPipe)).unwrap());
        let error = print_report(&REPORT, Style::Json, &mut Failing(ErrorKind::StorageFull)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
