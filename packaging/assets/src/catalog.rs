//! The journal's catalog, by which `journalctl -x` explains entries: made from the table of events in docs/operations.md, so that
//! both say the same.

use std::fmt::Write;

/// Stands before the table.
const MARK: &str = "<!-- catalog: read by packaging/assets -->";
const WIDTH: usize = 78;

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// The name of the event.
    pub name: String,
    /// Its id, in hexadecimal.
    pub message_id: String,
    meaning: String,
    advice: String,
}

/// The events of the page, in its order.
#[must_use]
pub fn events(page: &str) -> Vec<Event> {
    let rows = page.split_once(MARK).map_or("", |(_, rest)| rest).lines().skip_while(|line| line.is_empty());
    rows.take_while(|line| line.starts_with('|')).skip(2).filter_map(event).collect()
}

fn event(row: &str) -> Option<Event> {
    let cells: Vec<String> = row.trim_matches('|').split('|').map(|cell| without_marks(cell.trim())).collect();
    let [name, message_id, meaning, advice] = cells.try_into().ok()?;
    Some(Event { name, message_id, meaning, advice })
}

/// Markdown's marks mean nothing on a terminal; of a link its text is left.
fn without_marks(text: &str) -> String {
    let text = text.replace('`', "");
    let Some((before, rest)) = text.split_once('[') else { return text };
    match rest.split_once("](").and_then(|(words, rest)| Some((words, rest.split_once(')')?.1))) {
        Some((words, after)) => format!("{before}{words}{}", without_marks(after)),
        None => text,
    }
}

/// The catalog in the form of systemd.
#[must_use]
pub fn catalog(page: &str) -> String {
    let mut text =
        "# Made from docs/operations.md of msgqd. `journalctl --update-catalog` makes it known.\n".to_owned();
    for Event { name: _, message_id, meaning, advice } in events(page) {
        let subject = meaning.split_once(". ").map_or(meaning.as_str(), |(first, _)| first);
        let subject = subject.trim_end_matches('.');
        let head = format!("Subject: {subject}\nDefined-By: msgqd\nDocumentation: man:msgqd(8)\n");
        let (meaning, advice) = (wrapped(&meaning), wrapped(&format!("What to do: {advice}")));
        let _ = write!(text, "\n-- {message_id}\n{head}\n{meaning}\n{advice}\nQueue: @MSGQD_QUEUE_KEY@\n");
    }
    text
}

fn wrapped(text: &str) -> String {
    let (mut lines, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        if column > 0 && column + 1 + word.len() > WIDTH {
            lines.push('\n');
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += word.len();
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const PAGE: &str = include_str!("../../../docs/operations.md");

    #[test]
    fn every_event_of_the_code_stands_on_the_page_with_its_id_and_no_other_does() {
        let of_code: BTreeSet<_> =
            msgqd::alerts::ALL.iter().map(|(name, id)| ((*name).to_owned(), format!("{id:032x}"))).collect();
        let of_page: BTreeSet<_> = events(PAGE).into_iter().map(|event| (event.name, event.message_id)).collect();
        assert_eq!(of_page, of_code);
        assert_eq!(events(PAGE).len(), of_code.len(), "an event stands there twice");
    }

    #[test]
    fn every_event_is_explained_in_sentences_and_says_what_to_do() {
        for event in events(PAGE) {
            for text in [&event.meaning, &event.advice] {
                assert!(text.ends_with('.'), "{event:?}");
                assert!(!text.contains(['`', '[', '|']), "{event:?}");
            }
        }
    }

    #[test]
    fn an_entry_of_the_catalog_has_a_subject_a_meaning_and_an_advice() {
        let page = format!(
            "{MARK}\n\n| event | MESSAGE_ID | what happened | do |\n|---|---|---|---|\n\
            | broken | `00ff` | It broke. All of it. | See [here](x.md), `now`. |\n\n| other | table | x | y |\n"
        );
        let text = catalog(&page);
        let entry = "\n-- 00ff\nSubject: It broke\nDefined-By: msgqd\nDocumentation: man:msgqd(8)\n\n\
            It broke. All of it.\n\nWhat to do: See here, now.\n\nQueue: @MSGQD_QUEUE_KEY@\n";
        assert!(text.ends_with(entry), "{text}");
        assert_eq!(events(&page).len(), 1);
    }
}
