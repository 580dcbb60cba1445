//! One queue and what waits in it, as JSON and as text; names with `_s` are seconds since 1970.

use super::by_type::write_incomplete;
use crate::output::{StyledText, counted, fill_bar, moment_with_age, program_label};
use crate::system::names::Named;
use serde::Serialize;

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

/// The messages in the queue.
#[derive(Debug, Serialize)]
pub(super) struct Waiting {
    pub(super) is_complete: bool,
    pub(super) looked_at: usize,
    pub(super) requests: usize,
    pub(super) responses: usize,
    /// Messages of types that nobody takes, in a queue of requests where answers go elsewhere.
    pub(super) others: usize,
    pub(super) clients: Vec<RestingClient>,
}

/// The messages in the queue for one client.
#[derive(Debug, Serialize)]
pub(super) struct RestingClient {
    pub(super) mtype: i64,
    /// `null` for a type that no client's answers have.
    pub(super) client: Option<i64>,
    /// The same where a process is behind the number.
    pub(super) pid: Option<i32>,
    pub(super) program: Option<String>,
    pub(super) state: &'static str,
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl RestingClient {
    /// True when nobody will read them.
    pub(super) fn is_orphan(&self) -> bool {
        matches!(self.state, "dead" | "zombie" | "kernel" | "impossible")
    }
}

impl QueueReport {
    /// Without who used it last.
    pub(super) fn write_briefly(&self, name: &'static str, now_s: i64, text: &mut StyledText) {
        text.field(name, &self.whose());
        text.unbroken_field("bytes", &fill_bar(self.bytes, self.max_bytes));
        text.unbroken_field("messages", &fill_bar(self.messages, self.max_messages));
        text.unbroken_field("last change", &moment_with_age(self.changed_at_s, now_s));
    }

    fn whose(&self) -> String {
        format!(
            "{} (msqid {}) of user {}, group {}, mode {}",
            self.key,
            self.msqid,
            numbered(&self.owner),
            numbered(&self.group),
            self.mode
        )
    }

    pub(super) fn write(&self, now_s: i64, text: &mut StyledText) {
        let last = |call: &Option<LastCall>| {
            call.as_ref().map_or("never".to_owned(), |call| {
                if call.pid == 0 {
                    return format!("{} from outside of this PID namespace", moment_with_age(call.at_s, now_s));
                }
                let name = program_label(call.program.as_deref().or(Some("gone or hidden")));
                format!("{} by PID {} ({name})", moment_with_age(call.at_s, now_s), call.pid)
            })
        };
        text.field("queue", &self.whose());
        text.unbroken_field("bytes", &fill_bar(self.bytes, self.max_bytes));
        text.unbroken_field("messages", &fill_bar(self.messages, self.max_messages));
        text.unbroken_field("last send", &last(&self.last_send));
        text.unbroken_field("last receive", &last(&self.last_receive));
        text.unbroken_field("last change", &moment_with_age(self.changed_at_s, now_s));
    }
}

impl Waiting {
    pub(super) fn write(&self, text: &mut StyledText) {
        let (requests, responses) = (counted(self.requests, "request"), counted(self.responses, "response"));
        let clients = counted(self.clients.len(), "client");
        text.field("waiting", &format!("{requests}; {responses} for {clients}"));
        self.write_end(text);
    }

    /// Of a queue of requests.
    pub(super) fn write_requests(&self, text: &mut StyledText) {
        let others = match self.others {
            0 => String::new(),
            others => format!("; {} of types that nobody takes", counted(others, "message")),
        };
        text.field("waiting", &format!("{}{others}", counted(self.requests, "request")));
        self.write_end(text);
    }

    /// Of a queue of answers.
    pub(super) fn write_answers(&self, text: &mut StyledText) {
        let (responses, clients) = (counted(self.responses, "response"), counted(self.clients.len(), "client"));
        text.field("waiting", &format!("{responses} for {clients}"));
        self.write_end(text);
    }

    fn write_end(&self, text: &mut StyledText) {
        write_incomplete(self.is_complete, self.looked_at, text);
        if self.clients.iter().any(RestingClient::is_orphan) {
            text.field("", "nobody will read some of these; `msgqctl purge` removes them");
        }
    }
}

fn numbered(named: &Named) -> String {
    named.shown_name().map_or_else(|| named.id.to_string(), |name| format!("{name} ({})", named.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(mtype: i64, messages: usize) -> RestingClient {
        RestingClient { mtype, client: None, pid: None, program: None, state: "dead", messages, bytes: messages * 264 }
    }

    #[test]
    fn a_look_that_ended_early_and_messages_for_nobody_are_said() {
        let waiting = Waiting {
            is_complete: false,
            looked_at: 5,
            requests: 1,
            responses: 9,
            others: 0,
            clients: vec![client(77, 9)],
        };
        let mut text = StyledText::default();
        waiting.write(&mut text);
        let text = text.to_string();
        assert!(text.starts_with("waiting       1 request; 9 responses for 1 client\n"), "{text}");
        assert!(text.contains("the oldest 5 messages were looked at: there may be more"), "{text}");
        assert!(text.contains("msgqctl purge"), "{text}");
    }
}
