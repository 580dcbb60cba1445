//! Text for people that knows what stands out in it, so that it is coloured without being read again.

use super::layout::{columns_of, fit, width, width_of};
use std::fmt;

/// Columns of a heading; the values stand behind them.
const INDENT: usize = 14;
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// How a field stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Bold,
}

impl Colour {
    fn escape_sequence(self) -> &'static str {
        match self {
            Self::Red => "\x1b[31m",
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
            Self::Bold => BOLD,
        }
    }
}

/// Lines for people. The text itself holds no control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StyledText(Vec<StyledLine>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct StyledLine {
    text: String,
    /// Bytes at the start that are a heading.
    heading_len: usize,
    /// Of all that is no heading.
    colour: Option<Colour>,
}

impl StyledText {
    /// A heading and its value in lines that fit, broken between words, and inside of one that fits no line.
    pub(crate) fn field(&mut self, heading: &str, value: &str) {
        self.push_field(None, heading, value_lines(width(), value));
    }

    /// As [`StyledText::field`], with the value in a colour.
    pub(crate) fn coloured_field(&mut self, colour: Colour, heading: &str, value: &str) {
        self.push_field(Some(colour), heading, value_lines(width(), value));
    }

    /// A heading and its value in one line, however long, so that it can be copied.
    pub(crate) fn unbroken_field(&mut self, heading: &str, value: &str) {
        self.push_field(None, heading, vec![value.to_owned()]);
    }

    fn push_field(&mut self, colour: Option<Colour>, heading: &str, values: Vec<String>) {
        for (index, value) in values.into_iter().enumerate() {
            let heading = if index == 0 { heading } else { "" };
            self.0.push(StyledLine { text: format!("{heading:<INDENT$}{value}"), heading_len: heading.len(), colour });
        }
    }

    /// A line in which nothing stands out.
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.0.push(StyledLine { text: text.into(), ..StyledLine::default() });
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn line_count(&self) -> usize {
        self.0.len()
    }

    /// As much of it as fits into a screen.
    pub(crate) fn cut(&self, columns: usize, rows: usize) -> Self {
        let cut = |line: &StyledLine| StyledLine { text: fit(&line.text, columns), ..*line };
        Self(self.0.iter().take(rows).map(cut).collect())
    }

    /// With the escape sequences of a terminal.
    pub(crate) fn painted(&self) -> String {
        self.0.iter().map(|line| line.painted() + "\n").collect()
    }
}

impl StyledLine {
    fn painted(&self) -> String {
        let (heading, value) = self.text.split_at_checked(self.heading_len).unwrap_or((&self.text, ""));
        let heading = if heading.is_empty() { String::new() } else { format!("{BOLD}{heading}{PLAIN}") };
        match self.colour {
            Some(colour) => format!("{heading}{}{value}{PLAIN}", colour.escape_sequence()),
            None => heading + value,
        }
    }
}

/// Without any colours.
impl fmt::Display for StyledText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(formatter, "{}", line.text))
    }
}

/// Lines that end with a newline, in which nothing stands out.
impl<T: AsRef<str>> From<T> for StyledText {
    fn from(text: T) -> Self {
        let mut styled = Self::default();
        text.as_ref().split_terminator('\n').for_each(|line| styled.line(line));
        styled
    }
}

fn value_lines(width: usize, value: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = INDENT;
    for (index, word) in value.split(' ').enumerate() {
        if index > 0 && used + 1 + width_of(word) > width {
            lines.push(std::mem::take(&mut line));
            used = INDENT;
        } else if index > 0 {
            line.push(' ');
            used += 1;
        }
        for character in word.chars() {
            if used + columns_of(character) > width {
                lines.push(std::mem::take(&mut line));
                used = INDENT;
            }
            line.push(character);
            used += columns_of(character);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_broken_between_words_at_the_width() {
        let lines = value_lines(80, "word ".repeat(60).trim());
        assert!(lines.len() > 3 && lines.iter().all(|line| line.len() <= 80 - INDENT), "{lines:?}");
        assert!(lines.iter().all(|line| line.starts_with("word")), "{lines:?}");
        assert_eq!(lines.concat().matches("word").count(), 60);
        let lengths = |width| value_lines(width, &"x".repeat(200)).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!((lengths(80), lengths(214)), (vec![66, 66, 66, 2], vec![200]));
    }

    #[test]
    fn a_value_has_its_colour_to_its_last_line_and_headings_are_bold() {
        let mut text = StyledText::default();
        text.push_field(Some(Colour::Red), "verdict", vec!["down since".into(), "yesterday".into()]);
        text.unbroken_field("last send", "0x1");
        text.unbroken_field("", "more");
        text.line("                 77  dead");
        text.append("1 problem,   0 warnings\n".into());
        let plain = "verdict       down since\n              yesterday\nlast send     0x1\n              more\n                 \
                     77  dead\n1 problem,   0 warnings\n";
        assert_eq!(text.to_string(), plain);
        let painted = "\x1b[1mverdict\x1b[0m\x1b[31m       down since\x1b[0m\n\x1b[31m              yesterday\x1b[0m\n\
                       \x1b[1mlast send\x1b[0m     0x1\n              more\n                 77  dead\n1 problem,   0 warnings\n";
        assert_eq!(text.painted(), painted);
        assert_eq!(text.cut(9, 1).painted(), "\x1b[1mverdic.\x1b[0m\x1b[31m..\x1b[0m\n");
    }
}
