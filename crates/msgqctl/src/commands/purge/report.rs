//! What `purge` removed, or would remove, as JSON and as text.

use crate::output::{StyledText, Text, counted, program_label};
use msgq_core::layout::protocol::{ClientKind, Protocol};
use msgq_core::orphan::{Removed, SweepReport, reader_of};
use msgq_core::process::process_name;
use serde::Serialize;

pub(super) const UNFINISHED: &str = "it ended at its limit, and there may be more to remove: run it again";

/// Where nothing went: another look ends at the same place.
pub(super) const LOOK_ENDED: &str =
    "the look ended at its limit, and there may be more behind the messages that were looked at";

/// Rows of clients that the text shows at most; JSON shows all.
const MAX_ROWS: usize = 40;

/// Result of `purge`.
#[derive(Debug, Serialize)]
pub(super) struct PurgeReport {
    /// Nothing was changed; `removed` is what would go.
    pub(super) is_dry_run: bool,
    pub(super) is_complete: bool,
    /// How many responses were removed, and their bytes.
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) removed: Vec<RemovedClient>,
    pub(super) kept: Vec<KeptClient>,
    /// Messages that stay because nobody knows how old they are.
    pub(super) unknown_age: usize,
    /// Where what was removed can be put back from.
    pub(super) saved_to: Option<String>,
    /// Nobody knows for whom the messages of this queue are.
    #[serde(skip)]
    pub(super) is_foreign: bool,
    /// Of its clients nobody knows which are dead.
    #[serde(skip)]
    pub(super) clients_are_numbers: bool,
}

/// Responses for one number that were removed.
#[derive(Debug, Serialize)]
pub(super) struct RemovedClient {
    pub(super) mtype: i64,
    pub(super) reason: &'static str,
    #[serde(skip)]
    pub(super) reason_text: String,
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// Responses that stay, since their client lives or may live.
#[derive(Debug, Serialize)]
pub(super) struct KeptClient {
    pub(super) mtype: i64,
    pub(super) program: Option<String>,
    /// How many were seen; `null` where the kernel cannot show them.
    pub(super) messages: Option<usize>,
}

impl PurgeReport {
    pub(super) fn of_sweep(protocol: &Protocol, is_dry_run: bool, swept: &SweepReport) -> Self {
        let kept = swept.kept.iter().map(|kept| KeptClient {
            mtype: kept.mtype,
            program: reader_of(protocol, kept.mtype).and_then(process_name),
            messages: kept.seen.map(|seen| seen.messages),
        });
        Self {
            is_dry_run,
            is_complete: swept.is_complete,
            messages: swept.removed.iter().map(|removed| removed.resting.messages).sum(),
            bytes: swept.removed.iter().map(|removed| removed.resting.bytes).sum(),
            removed: swept.removed.iter().map(RemovedClient::of_removed).collect(),
            kept: kept.collect(),
            unknown_age: swept.unknown_age,
            saved_to: None,
            is_foreign: false,
            clients_are_numbers: protocol.client_kind() == ClientKind::Number,
        }
    }
}

impl RemovedClient {
    fn of_removed(removed: &Removed) -> Self {
        let Removed { mtype, reason, resting } = removed;
        let (reason, reason_text) = (reason.name(), reason.to_string());
        Self { mtype: *mtype, reason, reason_text, messages: resting.messages, bytes: resting.bytes }
    }
}

impl Text for PurgeReport {
    fn text(&self) -> StyledText {
        let verb = removal_verb(self.is_dry_run);
        let noun = if self.is_foreign { "message" } else { "response" };
        if self.removed.is_empty() {
            let found = if self.is_complete { "rests in the queue" } else { "was seen" };
            let why = match self.unknown_age {
                0 if self.is_foreign => format!("no such message {found}"),
                0 if self.clients_are_numbers => {
                    "clients are numbers without processes, so nobody is known to be dead; unread responses go when \
                     response_ttl_s has passed, or with --pid N --force"
                        .to_owned()
                }
                0 => format!("no response of a dead client {found}"),
                unknown => format!("of {} it is not known how old it is", counted(unknown, noun)),
            };
            return format!("{verb} nothing: {why}\n").into();
        }
        let whose = match self.is_foreign {
            true => format!("of {}", counted(self.removed.len(), "type")),
            false => format!("for {}", counted(self.removed.len(), "client")),
        };
        let mut text = StyledText::default();
        text.line(format!("{verb} {} ({}) {whose}", counted(self.messages, noun), counted(self.bytes, "byte")));
        write_saved(&mut text, self.saved_to.as_deref());
        for client in self.removed.iter().take(MAX_ROWS) {
            let (messages, bytes) = (counted(client.messages, noun), counted(client.bytes, "byte"));
            text.line(format!("  {}: {messages}, {bytes}: {}", client.mtype, client.reason_text));
        }
        write_more(&mut text, self.removed.len());
        if self.unknown_age > 0 {
            let kept = counted(self.unknown_age, noun);
            text.line(format!("kept {kept} of which it is not known how old it is"));
        }
        text
    }
}

fn removal_verb(is_dry_run: bool) -> &'static str {
    if is_dry_run { "would remove" } else { "removed" }
}

fn write_saved(text: &mut StyledText, saved_to: Option<&str>) {
    if let Some(file) = saved_to {
        text.line(format!("  saved in {file}: `msgqctl restore` with this file puts them back"));
    }
}

fn write_more(text: &mut StyledText, rows: usize) {
    if let Some(more) = rows.checked_sub(MAX_ROWS).filter(|more| *more > 0) {
        text.line(format!("  {more} more; --json shows them all"));
    }
}

/// Result of `purge --requests`.
#[derive(Debug, Serialize)]
pub(super) struct RequestsReport {
    /// Nothing was changed; the rest is what would go.
    pub(super) is_dry_run: bool,
    pub(super) is_complete: bool,
    /// How many requests were removed, and their bytes.
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// Who asked, and now waits for answers in vain.
    pub(super) clients: Vec<Abandoned>,
    /// Where what was removed can be put back from.
    pub(super) saved_to: Option<String>,
}

/// A client whose requests were removed.
#[derive(Debug, Serialize)]
pub(super) struct Abandoned {
    /// Its number; `null` for requests that name nobody.
    pub(super) client: Option<i64>,
    /// The same where a process is behind it.
    pub(super) pid: Option<i32>,
    pub(super) program: Option<String>,
    pub(super) state: &'static str,
    pub(super) requests: usize,
}

impl Text for RequestsReport {
    fn text(&self) -> StyledText {
        let verb = removal_verb(self.is_dry_run);
        let mut text = StyledText::default();
        if self.is_dry_run && !self.is_complete {
            text.line(
                "not all messages could be looked at, so it is not known how many requests wait behind those that were",
            );
        }
        if self.messages == 0 {
            let what = if self.is_complete { "no request waits in the queue" } else { "no request was seen" };
            text.line(format!("{verb} nothing: {what}"));
            return text;
        }
        text.line(format!("{verb} {} ({})", counted(self.messages, "request"), counted(self.bytes, "byte")));
        write_saved(&mut text, self.saved_to.as_deref());
        for client in self.clients.iter().take(MAX_ROWS) {
            let requests = counted(client.requests, "request");
            text.line(match client.client {
                Some(number) if client.pid.is_none() => format!("  {number}: {requests}"),
                Some(pid) => {
                    let (state, name) = (client.state, program_label(client.program.as_deref()));
                    format!("  {pid}: {requests}, {state}: {name}")
                }
                None => format!("  nobody: {requests}"),
            });
        }
        write_more(&mut text, self.clients.len());
        if self.clients.iter().any(|client| client.state == "alive") {
            let verb = if self.is_dry_run { "would wait" } else { "wait" };
            text.line(format!("those that are alive {verb} for an answer in vain: restart them"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_does_not_claim_to_have_removed_anything() {
        let removed = vec![RemovedClient {
            mtype: 4711,
            reason: "zombie",
            reason_text: "the client has ended (zombie)".into(),
            messages: 1,
            bytes: 264,
        }];
        let mut report = PurgeReport {
            is_dry_run: true,
            is_complete: true,
            messages: 1,
            bytes: 264,
            removed,
            kept: vec![],
            unknown_age: 0,
            saved_to: None,
            is_foreign: false,
            clients_are_numbers: false,
        };
        let text = report.text().to_string();
        assert!(text.starts_with("would remove 1 response (264 bytes) for 1 client\n"), "{text}");
        assert!(text.contains("4711: 1 response, 264 bytes: the client has ended"), "{text}");
        report.is_dry_run = false;
        assert!(report.text().to_string().starts_with("removed 1"));
    }
}
