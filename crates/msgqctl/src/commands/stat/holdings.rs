//! Who holds what of a queue and its server, as JSON and as a table.

use crate::output::{StyledText, fit, height, pad, rough_age, widest, width};
use crate::system::names::Named;
use serde::Serialize;

/// Rows that the text shows where no screen bounds them; JSON shows all.
const USUAL_ROWS: usize = 10;
const MIN_ROWS: usize = 3;
/// Heading, the line that says what is left out, and the shell's prompt.
const LINES_AROUND: usize = 3;
/// What all columns but the first three take, with the gaps between them.
const FIXED_COLUMNS: usize = 51;

/// One client and all that is held for it.
#[derive(Debug, Default, Serialize)]
pub(super) struct ClientHoldings {
    /// The type of its messages, which is its number in the plain protocol.
    pub(super) mtype: i64,
    /// `null` for a type that no client's answers have.
    pub(super) client: Option<i64>,
    /// The same where a process is behind the number.
    pub(super) pid: Option<i32>,
    /// `null` when it is gone or hidden; so is `program`.
    pub(super) user: Option<Named>,
    pub(super) program: Option<String>,
    pub(super) state: &'static str,
    /// How many messages for it are in the queue.
    pub(super) resting: usize,
    pub(super) resting_bytes: usize,
    /// How many of its requests the daemon works on.
    pub(super) in_hand: usize,
    /// How many of its answers are in the outbox. One that is offered rests in the queue too, and counts in both.
    pub(super) outbox: usize,
    /// Milliseconds since the oldest request was received of which the daemon holds something; `null` where it holds nothing.
    pub(super) oldest_ms: Option<u64>,
}

impl ClientHoldings {
    /// How much is held for it, of all kinds together.
    pub(super) fn held(&self) -> usize {
        self.resting + self.in_hand + self.outbox
    }

    /// Of a type that is no client's, the type.
    fn number(&self) -> String {
        self.client.unwrap_or(self.mtype).to_string()
    }

    fn user_label(&self) -> String {
        let unnamed = || "unnamed".to_owned();
        self.user.as_ref().map_or_else(|| "-".to_owned(), |user| user.shown_name().unwrap_or_else(unnamed))
    }
}

/// A table of those who hold the most, in as many lines as the screen has below the text so far.
pub(super) fn holdings_table(holders: &[ClientHoldings], text: &mut StyledText) {
    let lines_around = text.line_count() + LINES_AROUND;
    let rows = height().map_or(USUAL_ROWS, |lines| lines.saturating_sub(lines_around).max(MIN_ROWS));
    if !holders.is_empty() {
        text.append(table_within(width(), rows, holders));
    }
}

fn table_within(width: usize, rows: usize, holders: &[ClientHoldings]) -> StyledText {
    let shown = || holders.iter().take(rows);
    let roomy = width >= 100;
    let numbers: Vec<String> = shown().map(ClientHoldings::number).collect();
    let are_processes = shown().any(|holder| holder.state != "number");
    let number_room = if roomy || !are_processes { 20 } else { 10 };
    let number_room = widest(numbers.iter().map(String::as_str), 8, number_room);
    let names = match are_processes {
        true => {
            names_of_processes(width.saturating_sub(FIXED_COLUMNS + number_room), roomy, &shown().collect::<Vec<_>>())
        }
        false => vec![String::new(); numbers.len() + 1],
    };
    let mut text = StyledText::default();
    let mut lines = names.iter();
    let mut line = |number: &str, rest: [&str; 5]| {
        let (number, names) = (fit(number, number_room), lines.next().map_or("", String::as_str));
        let [state, resting, in_hand, outbox, age] = rest;
        text.line(format!(
            "{number:>number_room$}  {names}{state:<10}  {resting:>7}  {in_hand:>7}  {outbox:>6}  {age:>7}"
        ));
    };
    line("client", ["state", "resting", "in hand", "outbox", "age"]);
    for (holder, number) in shown().zip(&numbers) {
        let ClientHoldings { state, resting, in_hand, outbox, .. } = holder;
        let age = holder.oldest_ms.map_or_else(|| "-".to_owned(), rough_age);
        let [resting, in_hand, outbox] = [resting, in_hand, outbox].map(ToString::to_string);
        line(number, [state, &resting, &in_hand, &outbox, &age]);
    }
    if let Some(more) = holders.len().checked_sub(rows).filter(|more| *more > 0) {
        text.line(format!("{more:>number_room$}  more hold less; --json shows them all"));
    }
    text
}

/// The columns with user and program, their heading first, each with the gap behind it.
fn names_of_processes(room: usize, roomy: bool, holders: &[&ClientHoldings]) -> Vec<String> {
    let users: Vec<String> = holders.iter().map(|holder| holder.user_label()).collect();
    let user_room = widest(users.iter().map(String::as_str), 4, if roomy { 20 } else { 8 });
    let programs = || holders.iter().map(|holder| holder.program.as_deref().unwrap_or("-"));
    let program_room = widest(programs(), 7, room.saturating_sub(user_room).max(7));
    let row = |user: &str, program: &str| format!("{}  {}  ", pad(user, user_room), pad(program, program_room));
    let rows = users.iter().zip(programs()).map(|(user, program)| row(user, program));
    std::iter::once(row("user", "program")).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(mtype: i64, program: &str) -> ClientHoldings {
        ClientHoldings {
            mtype,
            client: None,
            pid: None,
            user: Some(Named { id: 7, name: Some("somebody-with-a-long-name".into()) }),
            program: Some(program.into()),
            state: "impossible",
            resting: 16384,
            resting_bytes: 0,
            in_hand: 10000,
            outbox: 100_000,
            oldest_ms: Some(7_199_999),
        }
    }

    #[test]
    fn numbers_are_shown_whole_where_no_process_needs_the_room() {
        let number = ClientHoldings { state: "number", program: None, user: None, ..holder(i64::MAX, "") };
        let table = table_within(80, 10, &[number]).to_string();
        assert!(table.contains("9223372036854775807  number") && !table.contains("program"), "{table}");
        assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    }

    #[test]
    fn no_line_is_longer_than_the_screen_is_wide_and_wide_ones_are_used() {
        let name = "x".repeat(64);
        let holders = [holder(i64::MAX, &name), holder(7, "sh")];
        let narrow = table_within(80, 10, &holders).to_string();
        assert!(narrow.lines().all(|line| line.len() <= 80), "{narrow}");
        assert!(narrow.contains("9223372...  someb...  xxx"), "{narrow}");
        let wide = table_within(200, 10, &holders).to_string();
        assert!(wide.contains(&name) && wide.contains(&i64::MAX.to_string()), "{wide}");
        assert!(wide.lines().all(|line| line.len() <= 200), "{wide}");
    }

    #[test]
    fn columns_stand_below_their_headings() {
        let rest =
            ClientHoldings { in_hand: 0, outbox: 0, oldest_ms: None, user: None, state: "dead", ..holder(4711, "") };
        let text = table_within(80, 10, &[holder(7, "sh"), rest]).to_string();
        let expected = "  \
              client  user      program  state       resting  in hand  outbox      age
       7  someb...  sh       impossible    16384    10000  100000  119 min
    4711  -                  dead          16384        0       0        -
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let holders: Vec<_> = (2..102).map(|mtype| holder(mtype, "sh")).collect();
        let text = table_within(80, 10, &holders).to_string();
        assert_eq!(text.lines().count(), 12, "{text}");
        assert!(text.contains("90  more hold less; --json shows them all"), "{text}");
        let mut nothing = StyledText::default();
        holdings_table(&[], &mut nothing);
        assert_eq!(nothing.line_count(), 0);
    }
}
