//! Who holds what of a queue and its server, as JSON and as a table.

use crate::names::Named;
use crate::output::{StyledText, fit, height, pad, rough_age, widest, width};
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
    /// The type of its messages, which is its number.
    pub(super) mtype: i64,
    /// `null` for a type that no process can have as its number.
    pub(super) pid: Option<i32>,
    /// `null` when it is gone or hidden; so is `program`.
    pub(super) user: Option<Named>,
    pub(super) program: Option<String>,
    pub(super) state: &'static str,
    /// Messages for it in the queue.
    pub(super) resting: usize,
    pub(super) resting_bytes: usize,
    /// Its requests that the daemon works on.
    pub(super) in_hand: usize,
    /// Its answers in the outbox. One that is offered rests in the queue too, and counts in both.
    pub(super) outbox: usize,
    /// Since the oldest request was received of which the daemon holds something; `null` where it holds nothing.
    pub(super) oldest_ms: Option<u64>,
}

impl ClientHoldings {
    /// Of all kinds together.
    pub(super) fn held(&self) -> usize {
        self.resting + self.in_hand + self.outbox
    }

    fn label(&self) -> &str {
        match (&self.user, self.pid) {
            (Some(Named { name: Some(name), .. }), _) => name,
            (Some(_), _) => "unnamed",
            (None, _) => "-",
        }
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
    let numbers: Vec<String> = shown().map(|holder| holder.mtype.to_string()).collect();
    let pid_room = widest(numbers.iter().map(String::as_str), 8, if roomy { 20 } else { 10 });
    let user_room = widest(shown().map(ClientHoldings::label), 4, if roomy { 20 } else { 8 });
    let left = width.saturating_sub(FIXED_COLUMNS + pid_room + user_room);
    let program_room = widest(shown().filter_map(|holder| holder.program.as_deref()), 7, left.max(7));
    let mut text = StyledText::default();
    text.line(format!(
        "{:>pid_room$}  {:<user_room$}  {:<program_room$}  {:<10}  {:>7}  {:>7}  {:>6}  {:>7}",
        "client", "user", "program", "state", "resting", "in hand", "outbox", "age"
    ));
    for (holder, number) in shown().zip(&numbers) {
        let ClientHoldings { state, resting, in_hand, outbox, .. } = holder;
        let (number, user) = (fit(number, pid_room), pad(holder.label(), user_room));
        let program = pad(holder.program.as_deref().unwrap_or("-"), program_room);
        let age = holder.oldest_ms.map_or_else(|| "-".to_owned(), rough_age);
        text.line(format!(
            "{number:>pid_room$}  {user}  {program}  {state:<10}  {resting:>7}  {in_hand:>7}  {outbox:>6}  {age:>7}"
        ));
    }
    if let Some(more) = holders.len().checked_sub(rows).filter(|more| *more > 0) {
        text.line(format!("{more:>pid_room$}  more hold less; --json shows them all"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(mtype: i64, program: &str) -> ClientHoldings {
        ClientHoldings {
            mtype,
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
