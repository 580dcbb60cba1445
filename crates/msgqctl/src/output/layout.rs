//! How wide text is, how wide the terminal is, and texts cut or filled up to a width.

use std::io;
use unicode_width::UnicodeWidthChar;

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

/// Columns that a character takes on a terminal.
pub(crate) fn columns_of(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// Columns that a text takes.
pub(crate) fn width_of(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// As much of `text` as fits into `room` columns; what was cut is marked.
pub(crate) fn fit(text: &str, room: usize) -> String {
    if width_of(text) <= room {
        return text.to_owned();
    }
    let room_for_text = room.saturating_sub(CUT.len());
    let mut used = 0;
    let kept = text.chars().take_while(|character| {
        used += columns_of(*character);
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

#[cfg(test)]
mod tests {
    use super::*;

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
