//! Text in columns that fit into the terminal.

use std::io;
use unicode_width::UnicodeWidthChar;

/// Where the values stand, behind their headings.
pub(crate) const INDENT: usize = 14;
const USUAL_WIDTH: usize = 80;
/// Beyond it lines are hard to read.
const MAX_WIDTH: usize = 240;
const CUT: &str = "...";

/// Columns that text may take: those of the terminal, elsewhere `$COLUMNS`, else 80. Never fewer than 80, since whoever
/// draws on a smaller screen cuts the lines.
pub(crate) fn width() -> usize {
    let of_terminal = terminal_size().map(|(columns, _)| columns);
    let given = || std::env::var("COLUMNS").ok()?.parse().ok();
    of_terminal.or_else(given).unwrap_or(USUAL_WIDTH).clamp(USUAL_WIDTH, MAX_WIDTH)
}

/// Lines of the terminal; `None` where there is none.
pub(crate) fn height() -> Option<usize> {
    terminal_size().map(|(_, rows)| rows)
}

/// `None` also for a terminal that does not tell its size.
fn terminal_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

fn columns(character: char) -> usize {
    character.width().unwrap_or(0)
}

fn width_of(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// A heading and its value in lines that fit, broken between words, and inside of one that fits no line.
pub(crate) fn field(heading: &str, value: &str) -> String {
    field_within(width(), heading, value)
}

fn field_within(width: usize, heading: &str, value: &str) -> String {
    let mut text = format!("{heading:<INDENT$}");
    let mut used = INDENT;
    for (index, word) in value.split(' ').enumerate() {
        if index > 0 && used + 1 + width_of(word) > width {
            used = next_line(&mut text);
        } else if index > 0 {
            text.push(' ');
            used += 1;
        }
        for character in word.chars() {
            if used + columns(character) > width {
                used = next_line(&mut text);
            }
            text.push(character);
            used += columns(character);
        }
    }
    text.push('\n');
    text
}

fn next_line(text: &mut String) -> usize {
    text.push('\n');
    text.push_str(&" ".repeat(INDENT));
    INDENT
}

/// As much of `text` as fits into `room` columns; what was cut is marked.
pub(crate) fn fit(text: &str, room: usize) -> String {
    if width_of(text) <= room {
        return text.to_owned();
    }
    let room_for_text = room.saturating_sub(CUT.len());
    let mut used = 0;
    let kept = text.chars().take_while(|character| {
        used += columns(*character);
        used <= room_for_text
    });
    kept.collect::<String>() + CUT
}

/// As [`fit`], and with blanks behind what is shorter.
pub(crate) fn pad(text: &str, room: usize) -> String {
    let fitted = fit(text, room);
    let blanks = room.saturating_sub(width_of(&fitted));
    fitted + &" ".repeat(blanks)
}

/// Columns of the widest of these texts, within bounds.
pub(crate) fn widest<'a>(texts: impl Iterator<Item = &'a str>, at_least: usize, at_most: usize) -> usize {
    texts.map(width_of).max().unwrap_or(0).clamp(at_least, at_most)
}

/// A program's name, which its user chose, at the end of a line.
pub(crate) fn program(name: Option<&str>) -> String {
    fit(name.unwrap_or("-"), 20)
}

/// `1 response`, `2 responses`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Milliseconds in the unit that fits.
pub(crate) fn age(milliseconds: u64) -> String {
    match milliseconds {
        0..10_000 => format!("{milliseconds} ms"),
        10_000..120_000 => format!("{} s", milliseconds / 1000),
        120_000..7_200_000 => format!("{} min", milliseconds / 60_000),
        7_200_000..172_800_000 => format!("{} h", milliseconds / 3_600_000),
        _ => format!("{} days", milliseconds / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_broken_between_words_at_the_width() {
        let sentence = "word ".repeat(60);
        let text = field_within(80, "verdict", sentence.trim());
        assert!(text.lines().count() > 3 && text.lines().all(|line| line.len() <= 80), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("              word")), "{text}");
        assert_eq!(text.matches("word").count(), 60);
        let text = field_within(80, "text", &"x".repeat(200));
        assert_eq!(text.lines().map(str::len).collect::<Vec<_>>(), [80, 80, 80, 16]);
        assert_eq!(field_within(214, "text", &"x".repeat(200)).lines().count(), 1);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_marked() {
        assert_eq!(fit("12345678", 8), "12345678");
        assert_eq!(fit("123456789", 8), "12345...");
        assert_eq!(fit("äöüäöü", 8), "äöüäöü");
        assert_eq!(fit("漢字漢字漢", 8), "漢字...");
    }

    #[test]
    fn what_is_shorter_is_filled_up_by_what_it_takes_on_the_screen() {
        assert_eq!(pad("漢字", 6), "漢字  ");
        assert_eq!(pad("ab", 1), "...");
        assert_eq!((widest(["a", "漢字"].into_iter(), 2, 9), widest([].into_iter(), 2, 9)), (4, 2));
    }
}
