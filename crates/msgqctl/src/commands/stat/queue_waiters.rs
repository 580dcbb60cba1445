//! Who waits for room in the queue and who for a message of it, as JSON and as text.

use crate::output::{StyledText, counted};
use crate::overview::{WaiterRow, waiting_on};
use crate::system::names::Named;
use msgq_core::waiters::Waiters;
use serde::Serialize;
use std::collections::HashMap;

/// Lines of each kind that the text shows; JSON shows all.
const ROWS: usize = 10;

/// Who waits on the queue.
#[derive(Debug, Serialize)]
pub(super) struct QueueWaiters {
    /// For room.
    pub(super) senders: Vec<WaiterRow>,
    /// For a message; without the threads of the msgqd that serves the queue.
    pub(super) receivers: Vec<WaiterRow>,
    /// Threads that wait in msgsnd or msgrcv, and this user may not see on which queue.
    pub(super) somewhere: usize,
    /// Processes of which this user may not see whether they wait.
    pub(super) hidden: usize,
    /// False when a limit ended the look, so that there may be more.
    pub(super) is_complete: bool,
}

impl QueueWaiters {
    /// Without the msgqd that serves the queue: its workers wait for requests all the time.
    pub(super) fn of_queue(msqid: i32, seen: &Waiters, daemon: Option<i32>) -> Self {
        let mut users: HashMap<u32, Named> = HashMap::new();
        let (mut senders, mut receivers) =
            waiting_on(msqid, seen, |uid| users.entry(uid).or_insert_with(|| Named::user(uid)).clone());
        for rows in [&mut senders, &mut receivers] {
            rows.retain(|row| Some(row.pid) != daemon);
        }
        Self { senders, receivers, somewhere: seen.somewhere.len(), hidden: seen.hidden, is_complete: seen.is_complete }
    }

    /// Of a queue of msgqd's that many wait is usual, and who is told by its table: so they are only counted.
    pub(super) fn write(&self, is_of_msgqd: bool, text: &mut StyledText) {
        let rows = if is_of_msgqd { 0 } else { ROWS };
        write_rows("senders", "for room", &self.senders, rows, text);
        write_rows("receivers", "for a message", &self.receivers, rows, text);
        if is_of_msgqd {
            return;
        }
        if let Some(said) = self.what_is_hidden() {
            text.field("not seen", &said);
        }
    }

    /// What root may not see either, such as the init of some containers, nobody can.
    fn what_is_hidden(&self) -> Option<String> {
        let is_root = nix::unistd::geteuid().is_root();
        let mut said = Vec::new();
        if self.hidden > 0 && !is_root {
            said.push(format!("whether {} of other users waits here", counted(self.hidden, "program")));
        }
        if self.somewhere > 0 {
            said.push(format!("on which queue {} in msgsnd or msgrcv waits", counted(self.somewhere, "thread")));
        }
        if !self.is_complete {
            said.push("all programs: the time for one look was over".to_owned());
        }
        let advice = if is_root { "" } else { "; root sees it" };
        (!said.is_empty()).then(|| format!("{}{advice}", said.join("; ")))
    }
}

fn write_rows(heading: &'static str, what: &str, rows: &[WaiterRow], shown: usize, text: &mut StyledText) {
    if rows.is_empty() {
        return;
    }
    let wait = if rows.len() == 1 { "waits" } else { "wait" };
    text.field(heading, &format!("{} {wait} {what}", rows.len()));
    for row in rows.iter().take(shown) {
        text.field("", &row.line(heading == "senders"));
    }
    if let Some(more) = rows.len().checked_sub(shown).filter(|more| *more > 0 && shown > 0) {
        text.field("", &format!("and {more} more; --json shows them all"));
    }
}
