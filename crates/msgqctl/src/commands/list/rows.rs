//! The table of `list`: one line for each queue where the terminal is wide enough, else the rest in lines below it.

use crate::output::{StyledText, fit, rough_age_s, widest, width};
use crate::overview::{LastUse, QueueFacts, QueueServerState, WaiterRow};

const BAR_WIDTH: u64 = 10;
/// Names of users and programs are as long as their owners like.
const WIDEST_NAME: usize = 20;
/// Where the lines below a row begin.
const DETAIL_INDENT: usize = 14;
const NARROW: usize = 6;

const HEADINGS: [&str; 10] =
    ["key", "msqid", "owner", "mode", "messages", "bytes", "last sender", "last receiver", "waiting", "served by"];

/// The rows, with the verdicts at their ends.
pub(super) fn write_rows(text: &mut StyledText, queues: &[QueueFacts], now_s: i64) {
    if queues.is_empty() {
        return;
    }
    let cells: Vec<[String; 10]> = queues.iter().map(|queue| cells_of(queue, now_s)).collect();
    let headings = HEADINGS.map(str::to_owned);
    let rooms: [usize; 10] = std::array::from_fn(|column| {
        let texts = [&headings].into_iter().chain(&cells).filter_map(|row| row.get(column));
        widest(texts.map(String::as_str), 0, usize::MAX)
    });
    let verdicts = ["verdict"].into_iter().chain(queues.iter().map(|queue| queue.verdict().label()));
    let verdicts: Vec<&str> = verdicts.collect();
    let verdict_room = widest(verdicts.iter().copied(), 0, usize::MAX);
    let is_wide = rooms.iter().map(|room| room + 2).sum::<usize>() + verdict_room <= width();
    let columns = if is_wide { HEADINGS.len() } else { NARROW };
    for (index, (row, verdict)) in [&headings].into_iter().chain(&cells).zip(verdicts).enumerate() {
        let padded = row.iter().zip(rooms).take(columns).enumerate().map(|(column, (cell, room))| {
            if is_number(column) {
                format!("{}{cell}  ", blanks(room, cell))
            } else {
                format!("{cell}{}  ", blanks(room, cell))
            }
        });
        text.line(padded.collect::<String>() + verdict);
        if let Some(queue) = index.checked_sub(1).and_then(|at| queues.get(at)).filter(|_| !is_wide) {
            write_details(text, queue, now_s);
        }
    }
}

fn is_number(column: usize) -> bool {
    matches!(HEADINGS.get(column), Some(&"msqid" | &"messages"))
}

fn blanks(room: usize, cell: &str) -> String {
    " ".repeat(room.saturating_sub(widest([cell].into_iter(), 0, usize::MAX)))
}

fn cells_of(queue: &QueueFacts, now_s: i64) -> [String; 10] {
    let stat = &queue.stat;
    let last = |last: &Option<LastUse>| {
        last.as_ref()
            .map_or_else(|| "never".to_owned(), |last| format!("{} {}", last.short_label(), age(last.at_s, now_s)))
    };
    [
        stat.key.map_or_else(|| "private".to_owned(), |key| key.to_string()),
        stat.msqid.to_string(),
        fit(&queue.owner.label(), WIDEST_NAME),
        format!("{:04o}", stat.mode),
        stat.messages.to_string(),
        short_bar(stat.bytes, stat.max_bytes),
        last(&queue.last_send),
        last(&queue.last_receive),
        waiting(queue).unwrap_or_else(|| "-".to_owned()),
        queue.server.label().unwrap_or_else(|| "-".to_owned()),
    ]
}

/// In sentences below a row, where there is no room beside it.
fn write_details(text: &mut StyledText, queue: &QueueFacts, now_s: i64) {
    let last = |what: &str, last: &Option<LastUse>| {
        last.as_ref().map(|last| {
            let who = last.short_label();
            format!("{what} {} ago by {who}", age(last.at_s, now_s))
        })
    };
    let served = match queue.server.state {
        QueueServerState::Serving | QueueServerState::Hangs => {
            queue.server.label().map(|label| format!("served by {label}"))
        }
        _ => None,
    };
    let never = || Some("never used".to_owned()).filter(|_| queue.last_send.is_none() && queue.last_receive.is_none());
    let parts = [
        never(),
        last("sent", &queue.last_send),
        last("received", &queue.last_receive),
        waiting_in_words(&queue.receivers, "receive"),
        waiting_in_words(&queue.senders, "send"),
        served,
    ];
    write_wrapped(text, parts.into_iter().flatten());
}

/// Parts are never broken: on a narrow terminal each has a line.
fn write_wrapped(text: &mut StyledText, parts: impl Iterator<Item = String>) {
    let mut line = String::new();
    for part in parts {
        let needed = widest([line.as_str(), part.as_str()].into_iter(), 0, usize::MAX);
        let together = widest([format!("{line}, {part}").as_str()].into_iter(), 0, usize::MAX);
        if line.is_empty() {
            line = part;
        } else if needed > 0 && together + DETAIL_INDENT <= width() {
            line = format!("{line}, {part}");
        } else {
            text.line(format!("{:DETAIL_INDENT$}{line},", ""));
            line = part;
        }
    }
    if !line.is_empty() {
        text.line(format!("{:DETAIL_INDENT$}{line}", ""));
    }
}

fn waiting(queue: &QueueFacts) -> Option<String> {
    let count = |waiters: &[WaiterRow], what| match waiters.len() {
        0 => None,
        count => Some(format!("{count} {what}")),
    };
    let parts: Vec<_> =
        [count(&queue.receivers, "receive"), count(&queue.senders, "send")].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The first is named.
fn waiting_in_words(waiters: &[WaiterRow], what: &str) -> Option<String> {
    let first = waiters.first()?.label();
    let more = match waiters.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{first}{more} {} to {what}", if waiters.len() == 1 { "waits" } else { "wait" }))
}

fn age(at_s: i64, now_s: i64) -> String {
    rough_age_s(u64::try_from(now_s.saturating_sub(at_s)).unwrap_or(0))
}

/// As much of the size as is used; without one where the kernel does not tell it.
fn short_bar(bytes: u64, max_bytes: u64) -> String {
    if max_bytes == 0 {
        return format!("{bytes} of ?");
    }
    let share = |of: u64| bytes.saturating_mul(of).checked_div(max_bytes).unwrap_or(0);
    let filled = share(BAR_WIDTH).clamp(u64::from(bytes > 0), BAR_WIDTH);
    let marks: String = (0..BAR_WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    format!("[{marks}] {:>3} %", share(100))
}
