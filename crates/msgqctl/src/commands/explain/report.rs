//! The story of one client, as JSON and as text.

use crate::daemon::ServerPhase;
use crate::messages::NamedFields;
use crate::output::{Colour, StyledText, Text, counted, program_label, rough_age};
use crate::system::names::Named;
use msgq_core::layout::protocol::ReplyRoute;
use msgq_core::queue_call::QueueCall;
use serde::Serialize;

/// Rows of requests and answers that the text shows at most; JSON shows all.
const MAX_ROWS: usize = 10;

/// Result of `explain`.
#[derive(Debug, Default, Serialize)]
pub(super) struct ExplainReport {
    /// Its number.
    pub(super) client: i64,
    /// `null` where no process is behind the number.
    pub(super) pid: Option<i32>,
    pub(super) state: &'static str,
    pub(super) program: Option<String>,
    pub(super) user: Option<Named>,
    /// True while a signal or a debugger holds it.
    pub(super) is_stopped: bool,
    /// The call on this queue that it waits in; `null` also where this user may not look.
    pub(super) waits: Option<QueueCall>,
    pub(super) identity: ClientIdentity,
    /// What its server does; `null` where that is not known.
    pub(super) server: Option<ServerPhase>,
    pub(super) requests: Vec<WaitingRequest>,
    pub(super) requests_of_all: usize,
    pub(super) in_hand: Vec<HeldSlot>,
    pub(super) outbox: Vec<HeldSlot>,
    pub(super) resting: AnswersInQueue,
    pub(super) looked_at: usize,
    /// False when a limit ended the look at the queue, so that there may be more.
    pub(super) is_complete: bool,
    /// What the kernel shows of its part in a queue of which it is not known what its messages mean; else empty.
    pub(super) shown: Vec<String>,
    /// What could not be found out, and why.
    pub(super) unknown: Vec<String>,
    pub(super) verdict: String,
    /// What systemctl calls its server.
    #[serde(skip)]
    pub(super) unit: String,
    /// The type of answers to it, where they share a queue.
    #[serde(skip)]
    pub(super) answer_type: Option<i64>,
    /// Where answers go.
    #[serde(skip)]
    pub(super) route: ReplyRoute,
    /// Nobody knows whose the messages of this queue are: none was looked at.
    #[serde(skip)]
    pub(super) is_foreign: bool,
}

/// Whether the number still belongs to whom the server took hold of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientIdentity {
    /// The server does not know this client.
    #[default]
    NotWatched,
    Same,
    /// Another process has the number now.
    Reused,
    /// Nobody has it now.
    Ended,
    /// The kernel gives no identities.
    Unknown,
    /// No process is behind the number.
    WithoutProcess,
}

/// A request of this client that waits in the queue.
#[derive(Debug, Serialize)]
pub(super) struct WaitingRequest {
    /// Its place among the requests, from 1.
    pub(super) place: usize,
    /// Its place among all messages, from 0.
    pub(super) index: usize,
    pub(super) text_escaped: String,
    /// Where the protocol's struct is declared.
    pub(super) fields: Option<NamedFields>,
}

/// A request or its answer in the server's table.
#[derive(Debug, Serialize)]
pub(super) struct HeldSlot {
    pub(super) state: &'static str,
    /// The request's number since the daemon's start.
    pub(super) request: u64,
    pub(super) age_ms: u64,
}

/// The answers for this client that rest in the queue.
#[derive(Debug, Default, Serialize)]
pub(super) struct AnswersInQueue {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) first_status: Option<i32>,
    pub(super) first_text_escaped: Option<String>,
    /// Where the protocol's struct is declared.
    pub(super) first_fields: Option<NamedFields>,
}

impl Text for ExplainReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        text.coloured_field(Colour::Bold, "verdict", &self.verdict);
        if self.is_foreign {
            text.field("process", &self.client_in_words());
            self.shown.iter().for_each(|sentence| text.field("shown", sentence));
            self.unknown.iter().for_each(|sentence| text.field("unknown", sentence));
            return text;
        }
        text.field("client", &self.client_in_words());
        text.field("identity", self.identity.sentence());
        for request in self.requests.iter().take(MAX_ROWS) {
            let WaitingRequest { place, index, text_escaped, fields } = request;
            let shown = fields.as_ref().map_or(text_escaped.as_str(), NamedFields::text);
            let of = self.requests_of_all;
            let value = format!("request {place} of {of}, message {index} of the queue: {shown}");
            text.field("waiting", &value);
        }
        if let Some(more) = self.requests.len().checked_sub(MAX_ROWS).filter(|more| *more > 0) {
            text.field("", &format!("{more} more; --json shows them all"));
        }
        for held in &self.in_hand {
            let HeldSlot { state, request, .. } = held;
            text.field("in hand", &format!("request {request}: {}", meaning(state, &rough_age(held.age_ms))));
        }
        for state in ["offered", "sending", "ready"] {
            let held = || self.outbox.iter().filter(|held| held.state == state);
            if let Some(oldest_ms) = held().map(|held| held.age_ms).max() {
                let answers = counted(held().count(), "answer");
                text.field("outbox", &format!("{answers}: {}", meaning(state, &rough_age(oldest_ms))));
            }
        }
        match self.route {
            ReplyRoute::Shared => text.field("resting", &self.resting.sentence("the queue")),
            ReplyRoute::Separate => text.field("resting", &self.resting.sentence("the queue of the answers")),
            ReplyRoute::Private => {
                text.field("resting", "its answers go into a queue of its own, which is not looked at");
            }
            ReplyRoute::Nowhere => text.field("resting", "nothing is answered"),
        }
        if !self.is_complete {
            let seen = counted(self.looked_at, "message");
            text.field("", &format!("the look ended at its limit, after {seen}: there may be more"));
        }
        for sentence in &self.unknown {
            text.field("unknown", sentence);
        }
        text
    }
}

impl ExplainReport {
    pub(super) fn answer_type_in_words(&self) -> String {
        let mtype = self.answer_type.unwrap_or_default();
        if mtype == self.client { format!("its own number {mtype}") } else { mtype.to_string() }
    }

    fn client_in_words(&self) -> String {
        if self.pid.is_none() {
            return format!("{}, a number without a process", self.client);
        }
        let mut words = format!("{} {}, {}", self.client, program_label(self.program.as_deref()), self.state);
        if let Some(user) = &self.user {
            words.push_str(&format!(", of user {}", user.label()));
        }
        if self.is_stopped {
            words.push_str(", stopped");
        }
        match self.waits {
            Some(QueueCall::Msgrcv { msgtyp, .. }) => words.push_str(&format!(", waits in msgrcv for type {msgtyp}")),
            Some(QueueCall::Msgsnd { .. }) => words.push_str(", waits in msgsnd for room"),
            None => {}
        }
        words
    }
}

impl ClientIdentity {
    fn sentence(self) -> &'static str {
        match self {
            Self::NotWatched => "the server does not watch this number",
            Self::Same => "the process that asked",
            Self::Reused => "another process than the one that asked has the number now",
            Self::Ended => "the process that asked has ended",
            Self::WithoutProcess => "nobody knows whether it is still who asked, or whether it is there at all",
            Self::Unknown => "this kernel cannot tell whether it is still the process that asked",
        }
    }
}

fn meaning(state: &str, since: &str) -> String {
    let meaning = match state {
        "received" => "the handler works on it",
        "ready" => "held for room in the queue, or until it is offered again",
        "sending" => "being sent",
        "offered" => "rests in the queue, and is recalled if it is not read",
        _ => "in a state that this version does not know",
    };
    format!("{state}, {meaning}; asked for {since} ago")
}

impl AnswersInQueue {
    fn sentence(&self, queue: &str) -> String {
        let mut value = format!("{} ({}) in {queue}", counted(self.messages, "answer"), counted(self.bytes, "byte"));
        if let Some(fields) = &self.first_fields {
            value.push_str(&format!("; the first: {}", fields.text()));
        } else if let Some(text) = &self.first_text_escaped {
            let status = self.first_status.map_or_else(|| "no status".to_owned(), |it| format!("status {it}"));
            value.push_str(&format!("; the first, {status}: {text}"));
        }
        value
    }
}
