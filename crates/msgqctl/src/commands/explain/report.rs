//! The story of one client, as JSON and as text.

use crate::daemon::ServerPhase;
use crate::names::Named;
use crate::output::{Colour, StyledText, Text, counted, program_label, rough_age};
use crate::procfs::Waits;
use serde::Serialize;

/// Rows of requests and answers that the text shows at most; JSON shows all.
const MAX_ROWS: usize = 10;

/// Result of `explain`.
#[derive(Debug, Default, Serialize)]
pub(super) struct ExplainReport {
    pub(super) pid: i32,
    pub(super) state: &'static str,
    pub(super) program: Option<String>,
    pub(super) user: Option<Named>,
    /// By a signal or a debugger.
    pub(super) is_stopped: bool,
    /// The call on this queue that it waits in; `null` also where this user may not look.
    pub(super) waits: Option<Waits>,
    pub(super) identity: ClientIdentity,
    /// What its server does; `null` where that is not known.
    pub(super) server: Option<ServerPhase>,
    pub(super) requests: Vec<WaitingRequest>,
    pub(super) requests_of_all: usize,
    pub(super) in_hand: Vec<HeldSlot>,
    pub(super) outbox: Vec<HeldSlot>,
    pub(super) resting: RestingAnswers,
    pub(super) looked_at: usize,
    /// False when a limit ended the look at the queue, so that there may be more.
    pub(super) is_complete: bool,
    /// What could not be found out, and why.
    pub(super) unknown: Vec<String>,
    pub(super) verdict: String,
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
}

/// A request in the queue.
#[derive(Debug, Serialize)]
pub(super) struct WaitingRequest {
    /// Among the requests, from 1.
    pub(super) place: usize,
    /// Among all messages, from 0.
    pub(super) index: usize,
    pub(super) text_escaped: String,
}

/// A request or its answer in the server's table.
#[derive(Debug, Serialize)]
pub(super) struct HeldSlot {
    pub(super) state: &'static str,
    /// Its number since the start.
    pub(super) request: u64,
    pub(super) age_ms: u64,
}

/// Answers in the queue.
#[derive(Debug, Default, Serialize)]
pub(super) struct RestingAnswers {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) first_status: Option<i32>,
    pub(super) first_text_escaped: Option<String>,
}

impl Text for ExplainReport {
    fn text(&self) -> StyledText {
        let mut text = StyledText::default();
        text.coloured_field(Colour::Bold, "verdict", &self.verdict);
        text.field("client", &self.client());
        text.field("identity", self.identity.sentence());
        for request in self.requests.iter().take(MAX_ROWS) {
            let WaitingRequest { place, index, text_escaped } = request;
            let of = self.requests_of_all;
            let value = format!("request {place} of {of}, message {index} of the queue: {text_escaped}");
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
        text.field("resting", &self.resting.sentence());
        if !self.is_complete {
            let seen = self.looked_at;
            text.field("", &format!("the look ended at its limit, after {seen} messages: there may be more"));
        }
        for sentence in &self.unknown {
            text.field("unknown", sentence);
        }
        text
    }
}

impl ExplainReport {
    fn client(&self) -> String {
        let mut words = format!("{} {}, {}", self.pid, program_label(self.program.as_deref()), self.state);
        if let Some(user) = &self.user {
            words.push_str(&format!(", of user {}", user.label()));
        }
        if self.is_stopped {
            words.push_str(", stopped");
        }
        match self.waits {
            Some(Waits::Msgrcv { msgtyp, .. }) => words.push_str(&format!(", waits in msgrcv for type {msgtyp}")),
            Some(Waits::Msgsnd { .. }) => words.push_str(", waits in msgsnd for room"),
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

impl RestingAnswers {
    fn sentence(&self) -> String {
        let mut value = format!("{} ({} bytes) in the queue", counted(self.messages, "answer"), self.bytes);
        if let Some(text) = &self.first_text_escaped {
            let status = self.first_status.map_or_else(|| "no status".to_owned(), |it| format!("status {it}"));
            value.push_str(&format!("; the first, {status}: {text}"));
        }
        value
    }
}
