//! Text in columns that fit into a terminal of 80.

/// Where the values stand, behind their headings.
pub(crate) const INDENT: usize = 14;
const WIDTH: usize = 80;
const CUT: &str = "...";

/// Columns that a character may take: beyond ASCII it may be a wide one.
fn columns(character: char) -> usize {
    if character.is_ascii() { 1 } else { 2 }
}

/// A heading and its value in lines of at most 80 columns, broken between words, and inside of one that fits no line.
pub(crate) fn field(heading: &str, value: &str) -> String {
    let mut text = format!("{heading:<INDENT$}");
    let mut used = INDENT;
    for (index, word) in value.split(' ').enumerate() {
        let len: usize = word.chars().map(columns).sum();
        if index > 0 && used + 1 + len > WIDTH {
            used = next_line(&mut text);
        } else if index > 0 {
            text.push(' ');
            used += 1;
        }
        for character in word.chars() {
            if used + columns(character) > WIDTH {
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
    if text.chars().map(columns).sum::<usize>() <= room {
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
    fn a_long_sentence_is_broken_between_words_at_80_columns() {
        let sentence = "word ".repeat(60);
        let text = field("verdict", sentence.trim());
        assert!(text.lines().count() > 3 && text.lines().all(|line| line.len() <= 80), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("              word")), "{text}");
        assert_eq!(text.matches("word").count(), 60);
        let text = field("text", &"x".repeat(200));
        assert_eq!(text.lines().map(str::len).collect::<Vec<_>>(), [80, 80, 80, 16]);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_marked() {
        assert_eq!(fit("12345678", 8), "12345678");
        assert_eq!(fit("123456789", 8), "12345...");
        assert_eq!(fit("äöüäöü", 8), "äö...");
    }
}
