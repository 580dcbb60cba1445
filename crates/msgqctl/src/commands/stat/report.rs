//! What one look at a queue shows, as JSON and as text; names with `_s` are seconds since 1970.

use super::by_type::MessagesByType;
use super::dead_letters::DeadLettersWaiting;
use super::holdings::{ClientHoldings, holdings_table};
use super::queue_report::{QueueReport, Waiting};
use super::queue_waiters::QueueWaiters;
use super::second_queue::SecondQueue;
use crate::commands::reply_choice::ReplyChoice;
use crate::condition::{Condition, Level};
use crate::daemon::DaemonReport;
use crate::output::{Colour, StyledText, Text};
use msgq_core::time::unix_time_s;
use serde::Serialize;
use std::collections::BTreeMap;

/// Result of `stat`.
#[derive(Debug, Serialize)]
pub(super) struct StatReport {
    pub(super) queue: QueueReport,
    /// Where answers go.
    pub(super) reply: ReplyChoice,
    /// The queue into which answers go, where they have one of their own: `messages` and `waiting` are about the queue of
    /// requests then.
    pub(super) answers: Option<SecondQueue>,
    /// Messages that no handler took; `null` where answers go somewhere, and where this user may not read them.
    pub(super) dead_letters: Option<DeadLettersWaiting>,
    /// The messages by type, whatever a type means there; `null` where the kernel cannot show them.
    pub(super) messages: Option<MessagesByType>,
    /// What they mean in the protocol of msgqd; `null` where the kernel cannot show them, and on a queue that is not known
    /// to be msgqd's.
    pub(super) waiting: Option<Waiting>,
    /// Who waits on the queue, as far as this user may see.
    pub(super) waiters: QueueWaiters,
    pub(super) server: ServerReport,
    /// All for whom something is held, who holds the most first.
    pub(super) clients: Vec<ClientHoldings>,
    /// Who closed the door, since when and why; `null` while it is open.
    pub(super) closed: Option<String>,
    /// The verdict's kind, for programs.
    pub(super) condition: Condition,
    /// In one sentence: whether all is well, and what to do if not.
    pub(super) verdict: String,
    /// What that is worth to monitoring, with `--check`; `null` otherwise.
    pub(super) check: Option<Level>,
    /// The command that lets a deadlocked queue run on; `null` otherwise.
    pub(super) cure: Option<String>,
}

/// Whether somebody serves the queue.
#[derive(Debug, Serialize)]
pub(super) struct ServerReport {
    pub(super) state: ServerState,
    /// The instance of msgqd; `null` for the one without a name, and for other programs.
    pub(super) instance: Option<String>,
    pub(super) pid: Option<i32>,
    pub(super) program: Option<String>,
    pub(super) lock_file: Option<String>,
    pub(super) note: String,
    /// All counters of the daemon by name; `null` where `unknown` says why.
    pub(super) counters: Option<BTreeMap<&'static str, u64>>,
    /// What the daemon's table tells; `null` where `unknown` says why.
    #[serde(rename = "inside")]
    pub(super) daemon: Option<DaemonReport>,
    /// Why the daemon's inside is not shown; `null` where it is, or where there is no daemon.
    pub(super) unknown: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServerState {
    /// A msgqd holds the lock.
    Msgqd,
    /// No msgqd does; another program may serve the queue.
    NotFound,
    /// The lock cannot be looked at.
    Unknown,
}

impl ServerReport {
    /// True of a queue that a msgqd serves, or served until it died: only there a type is known to be a client.
    pub(super) fn is_of_msgqd(&self) -> bool {
        self.daemon.is_some() || self.state == ServerState::Msgqd
    }
}

impl Text for StatReport {
    fn text(&self) -> StyledText {
        let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
        let mut text = StyledText::default();
        text.coloured_field(self.verdict_colour(), "verdict", &self.verdict);
        if let Some(command) = &self.cure {
            text.unbroken_field("run on with", command);
        }
        self.queue.write(now_s, &mut text);
        let instance = self.server.instance.as_ref().map_or_else(String::new, |name| format!("; instance {name}"));
        text.field("server", &format!("{}{instance}", self.server.note));
        if let Some(daemon) = &self.server.daemon {
            text.append(daemon.text(now_s));
        }
        if let Some(reason) = &self.server.unknown {
            text.field("daemon", &format!("its numbers are not shown: {reason}"));
        }
        match (&self.waiting, &self.messages) {
            (Some(waiting), _) if self.reply != ReplyChoice::Shared => waiting.write_requests(&mut text),
            (Some(waiting), _) => waiting.write(&mut text),
            (None, Some(messages)) => messages.write(&mut text),
            (None, None) => text.field("waiting", "not shown"),
        }
        if let Some(answers) = &self.answers {
            answers.write(now_s, &mut text);
        }
        self.waiters.write(self.server.is_of_msgqd(), &mut text);
        holdings_table(&self.clients, &mut text);
        text
    }
}

impl StatReport {
    /// Of what its daemon says all is well; what a closed door or the lock alone tells is not more than a notice.
    fn verdict_colour(&self) -> Colour {
        match self.condition {
            _ if self.closed.is_some() => Colour::Yellow,
            Condition::Serving if self.server.daemon.is_some() => Colour::Green,
            Condition::Hangs | Condition::Down | Condition::Deadlocked => Colour::Red,
            _ => Colour::Yellow,
        }
    }
}
