//! What one look at a queue shows, as JSON and as text; names with `_s` are seconds since 1970.

use super::holdings::{ClientHoldings, holdings_table};
use crate::daemon::DaemonReport;
use crate::names::Named;
use crate::output::{Colour, StyledText, Text, counted, fill_bar, moment_with_age, program_label};
use msgq_core::time::unix_time_s;
use serde::Serialize;
use std::collections::BTreeMap;

/// Result of `stat`.
#[derive(Debug, Serialize)]
pub(super) struct StatReport {
    pub(super) queue: QueueReport,
    /// `null` where the kernel cannot show what waits.
    pub(super) waiting: Option<Waiting>,
    pub(super) server: ServerReport,
    /// All for whom something is held, who holds the most first.
    pub(super) clients: Vec<ClientHoldings>,
    /// Who closed the door, since when and why; `null` while it is open.
    pub(super) closed: Option<String>,
    /// The verdict's kind, for programs.
    pub(super) condition: &'static str,
    /// In one sentence: whether all is well, and what to do if not.
    pub(super) verdict: String,
}

/// The queue itself, as the kernel tells it.
#[derive(Debug, Serialize)]
pub(super) struct QueueReport {
    pub(super) key: String,
    pub(super) msqid: i32,
    pub(super) owner: Named,
    pub(super) group: Named,
    pub(super) creator: Named,
    pub(super) creator_group: Named,
    pub(super) mode: String,
    pub(super) bytes: u64,
    pub(super) max_bytes: u64,
    pub(super) messages: u64,
    /// The kernel admits as many messages as bytes, so that empty ones have a limit too.
    pub(super) max_messages: u64,
    pub(super) last_send: Option<LastCall>,
    pub(super) last_receive: Option<LastCall>,
    pub(super) changed_at_s: i64,
}

/// Who did something last; PID 0 is a process of another PID namespace.
#[derive(Debug, Serialize)]
pub(super) struct LastCall {
    pub(super) pid: i32,
    pub(super) program: Option<String>,
    pub(super) at_s: i64,
}

/// What rests in the queue.
#[derive(Debug, Serialize)]
pub(super) struct Waiting {
    pub(super) is_complete: bool,
    pub(super) looked_at: usize,
    pub(super) requests: usize,
    pub(super) responses: usize,
    pub(super) clients: Vec<RestingClient>,
}

/// Responses for one client.
#[derive(Debug, Serialize)]
pub(super) struct RestingClient {
    pub(super) mtype: i64,
    /// `null` for a type that no process can have as its number.
    pub(super) pid: Option<i32>,
    pub(super) program: Option<String>,
    pub(super) state: &'static str,
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl RestingClient {
    /// True when nobody will read them.
    pub(super) fn is_orphan(&self) -> bool {
        matches!(self.state, "dead" | "zombie" | "impossible")
    }
}

/// Whether somebody serves the queue.
#[derive(Debug, Serialize)]
pub(super) struct ServerReport {
    pub(super) state: ServerState,
    pub(super) pid: Option<i32>,
    pub(super) program: Option<String>,
    pub(super) lock_file: Option<String>,
    pub(super) note: String,
    /// All counters of the daemon by name; `null` where `unknown` says why.
    pub(super) counters: Option<BTreeMap<&'static str, u64>>,
    /// `null` where `unknown` says why.
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

impl Text for StatReport {
    fn text(&self) -> StyledText {
        let now_s = i64::try_from(unix_time_s()).unwrap_or(i64::MAX);
        let mut text = StyledText::default();
        text.coloured_field(self.verdict_colour(), "verdict", &self.verdict);
        self.queue.write(now_s, &mut text);
        text.field("server", &self.server.note);
        if let Some(daemon) = &self.server.daemon {
            text.append(daemon.text(now_s));
        }
        if let Some(reason) = &self.server.unknown {
            text.field("daemon", &format!("its numbers are not shown: {reason}"));
        }
        match &self.waiting {
            Some(waiting) => waiting.write(&mut text),
            None => text.field("waiting", "not shown"),
        }
        holdings_table(&self.clients, &mut text);
        text
    }
}

impl StatReport {
    /// Of what its daemon says all is well; what a closed door or the lock alone tells is not more than a notice.
    fn verdict_colour(&self) -> Colour {
        match self.condition {
            _ if self.closed.is_some() => Colour::Yellow,
            "serving" if self.server.daemon.is_some() => Colour::Green,
            "hangs" | "down" => Colour::Red,
            _ => Colour::Yellow,
        }
    }
}

impl QueueReport {
    fn write(&self, now_s: i64, text: &mut StyledText) {
        let last = |call: &Option<LastCall>| {
            call.as_ref().map_or("never".to_owned(), |call| {
                let name = program_label(call.program.as_deref().or(Some("gone or hidden")));
                format!("{} by PID {} ({name})", moment_with_age(call.at_s, now_s), call.pid)
            })
        };
        let whose = format!(
            "{} (msqid {}) of user {}, group {}, mode {}",
            self.key,
            self.msqid,
            numbered(&self.owner),
            numbered(&self.group),
            self.mode
        );
        text.field("queue", &whose);
        text.unbroken_field("bytes", &fill_bar(self.bytes, self.max_bytes));
        text.unbroken_field("messages", &fill_bar(self.messages, self.max_messages));
        text.unbroken_field("last send", &last(&self.last_send));
        text.unbroken_field("last receive", &last(&self.last_receive));
        text.unbroken_field("last change", &moment_with_age(self.changed_at_s, now_s));
    }
}

impl Waiting {
    fn write(&self, text: &mut StyledText) {
        let (requests, responses) = (counted(self.requests, "request"), counted(self.responses, "response"));
        let clients = counted(self.clients.len(), "client");
        text.field("waiting", &format!("{requests}; {responses} for {clients}"));
        if !self.is_complete {
            let seen = self.looked_at;
            let ended = format!("only the oldest {seen} messages were looked at: there may be more");
            text.field("", &ended);
        }
        if self.clients.iter().any(RestingClient::is_orphan) {
            text.field("", "nobody will read some of these; `msgqctl purge` removes them");
        }
    }
}

fn numbered(named: &Named) -> String {
    named.name.as_ref().map_or_else(|| named.id.to_string(), |name| format!("{name} ({})", named.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(mtype: i64, messages: usize) -> RestingClient {
        RestingClient { mtype, pid: None, program: None, state: "dead", messages, bytes: messages * 264 }
    }

    #[test]
    fn a_look_that_ended_early_and_messages_for_nobody_are_said() {
        let waiting =
            Waiting { is_complete: false, looked_at: 5, requests: 1, responses: 9, clients: vec![client(77, 9)] };
        let mut text = StyledText::default();
        waiting.write(&mut text);
        let text = text.to_string();
        assert!(text.starts_with("waiting       1 request; 9 responses for 1 client\n"), "{text}");
        assert!(text.contains("the oldest 5 messages were looked at: there may be more"), "{text}");
        assert!(text.contains("msgqctl purge"), "{text}");
    }
}
