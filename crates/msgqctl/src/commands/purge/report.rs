//! What `purge` removed, or would remove, as JSON and as text.

use crate::output::{StyledText, Text, counted, program_label};
use msgq_core::orphan::{Removed, SweepReport};
use msgq_core::process::{ClientPid, process_name};
use serde::Serialize;

pub(super) const UNFINISHED: &str = "it ended at its limit, and there may be more to remove: run it again";

/// Rows of clients that the text shows at most; JSON shows all.
const MAX_ROWS: usize = 40;

/// Result of `purge`.
#[derive(Debug, Serialize)]
pub(super) struct PurgeReport {
    /// Nothing was changed; `removed` is what would go.
    pub(super) is_dry_run: bool,
    pub(super) is_complete: bool,
    /// How many were removed.
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) removed: Vec<RemovedClient>,
    pub(super) kept: Vec<KeptClient>,
    /// Messages that stay because nobody knows how old they are.
    pub(super) unknown_age: usize,
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

/// Responses of a living client.
#[derive(Debug, Serialize)]
pub(super) struct KeptClient {
    pub(super) mtype: i64,
    pub(super) program: Option<String>,
    /// `null` where the kernel cannot show them.
    pub(super) messages: Option<usize>,
}

impl PurgeReport {
    pub(super) fn of_sweep(is_dry_run: bool, swept: &SweepReport) -> Self {
        let kept = swept.kept.iter().map(|kept| KeptClient {
            mtype: kept.mtype,
            program: ClientPid::from_mtype(kept.mtype).and_then(process_name),
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
        if self.removed.is_empty() {
            let why = match self.unknown_age {
                0 => "no response of a dead client rests in the queue".to_owned(),
                unknown => format!("of {} it is not known how old it is", counted(unknown, "response")),
            };
            return format!("{verb} nothing: {why}\n").into();
        }
        let responses = counted(self.messages, "response");
        let clients = counted(self.removed.len(), "client");
        let mut text = StyledText::default();
        text.line(format!("{verb} {responses} ({} bytes) for {clients}", self.bytes));
        for client in self.removed.iter().take(MAX_ROWS) {
            let messages = counted(client.messages, "response");
            text.line(format!("  {}: {messages}, {} bytes: {}", client.mtype, client.bytes, client.reason_text));
        }
        write_more(&mut text, self.removed.len());
        if self.unknown_age > 0 {
            let kept = counted(self.unknown_age, "response");
            text.line(format!("kept {kept} of which it is not known how old it is"));
        }
        text
    }
}

fn removal_verb(is_dry_run: bool) -> &'static str {
    if is_dry_run { "would remove" } else { "removed" }
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
    /// How many were removed.
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// Who waits for answers in vain.
    pub(super) clients: Vec<Abandoned>,
}

/// A client whose requests were removed.
#[derive(Debug, Serialize)]
pub(super) struct Abandoned {
    /// `null` for requests that name nobody.
    pub(super) pid: Option<i32>,
    pub(super) program: Option<String>,
    pub(super) state: &'static str,
    pub(super) requests: usize,
}

impl Text for RequestsReport {
    fn text(&self) -> StyledText {
        let verb = removal_verb(self.is_dry_run);
        if self.messages == 0 {
            return format!("{verb} nothing: no request waits in the queue\n").into();
        }
        let mut text = StyledText::default();
        text.line(format!("{verb} {} ({} bytes)", counted(self.messages, "request"), self.bytes));
        for client in self.clients.iter().take(MAX_ROWS) {
            let requests = counted(client.requests, "request");
            text.line(match client.pid {
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
        };
        let text = report.text().to_string();
        assert!(text.starts_with("would remove 1 response (264 bytes) for 1 client\n"), "{text}");
        assert!(text.contains("4711: 1 response, 264 bytes: the client has ended"), "{text}");
        report.is_dry_run = false;
        assert!(report.text().to_string().starts_with("removed 1"));
    }
}
