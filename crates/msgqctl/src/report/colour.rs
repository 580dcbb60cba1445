//! Colours, for people at a terminal who did not forbid them.

use super::layout::INDENT;
use std::io::IsTerminal;

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// On a terminal that can show colours, and never with `NO_COLOR` (no-color.org).
pub(crate) fn is_wanted() -> bool {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    std::io::stdout().is_terminal() && variable("NO_COLOR").is_none() && variable("TERM").is_some_and(|it| it != "dumb")
}

/// Puts the verdict in the colour of its meaning and the headings in bold. The text itself holds no control characters.
pub(crate) fn paint(text: &str) -> String {
    let mut painted = String::with_capacity(text.len() + 256);
    let mut verdict = None;
    for line in text.lines() {
        let is_continued = line.starts_with(' ');
        if let Some(value) = line.strip_prefix("verdict") {
            verdict = Some(colour(value.trim_start()));
        } else if !is_continued {
            verdict = finding(line);
        }
        let has_heading = !is_continued && line.get(INDENT - 1..INDENT) == Some(" ");
        let heading = if has_heading { line.get(..INDENT).unwrap_or_default().trim_end() } else { "" };
        // A list with other columns.
        let heading = if heading.contains("  ") { "" } else { heading };
        let value = line.strip_prefix(heading).unwrap_or(line);
        if !heading.is_empty() {
            painted.extend([BOLD, heading, PLAIN]);
        }
        match verdict {
            Some(colour) => painted.extend([colour, value, PLAIN]),
            None => painted.push_str(value),
        }
        painted.push('\n');
    }
    painted
}

/// The colour of what `doctor` found.
fn finding(line: &str) -> Option<&'static str> {
    match line.split(' ').next() {
        Some("problem") => Some(RED),
        Some("warning") => Some(YELLOW),
        _ => None,
    }
}

fn colour(verdict: &str) -> &'static str {
    match verdict.split([':', ' ', ';']).next().unwrap_or_default() {
        "serving" => GREEN,
        "hangs" | "down" => RED,
        "PID" => BOLD,
        _ => YELLOW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_has_the_colour_of_its_meaning_to_its_last_line() {
        let text = "verdict       down since\n              yesterday\nlast send     0x1\n                 77  dead\n";
        let painted = paint(text);
        let expected = "\x1b[1mverdict\x1b[0m\x1b[31m       down since\x1b[0m\n\x1b[31m              yesterday\x1b[0m\n\
                        \x1b[1mlast send\x1b[0m     0x1\n                 77  dead\n";
        assert_eq!(painted, expected);
        assert!(paint("verdict       serving\n").contains(GREEN));
        let painted = paint("problem       bad\n              very\nwhy           so\n1 problem, 0 warnings\n");
        let expected = "\x1b[1mproblem\x1b[0m\x1b[31m       bad\x1b[0m\n\x1b[31m              very\x1b[0m\n\
                        \x1b[1mwhy\x1b[0m           so\n1 problem, 0 warnings\n";
        assert_eq!(painted, expected);
        assert_eq!(paint("latency   min 6.2\n"), "latency   min 6.2\n");
    }
}
