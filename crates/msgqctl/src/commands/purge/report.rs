use crate::output::{StyledText, Text, counted, program_label};
use serde::Serialize;
use std::fmt::Write as _;

/// Rows of clients that the text shows at most; JSON shows all.
const MAX_ROWS: usize = 40;

/// Result of `purge`.
#[derive(Debug, Serialize)]
pub(crate) struct PurgeReport {
    /// Nothing was changed; `removed` is what would go.
    pub(crate) is_dry_run: bool,
    pub(crate) is_complete: bool,
    /// How many were removed.
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) removed: Vec<RemovedClient>,
    pub(crate) kept: Vec<KeptClient>,
    /// Messages that stay because nobody knows how old they are.
    pub(crate) unknown_age: usize,
}

/// Responses for one number that were removed.
#[derive(Debug, Serialize)]
pub(crate) struct RemovedClient {
    pub(crate) mtype: i64,
    pub(crate) reason: &'static str,
    #[serde(skip)]
    pub(crate) reason_text: String,
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// Responses of a living client.
#[derive(Debug, Serialize)]
pub(crate) struct KeptClient {
    pub(crate) mtype: i64,
    pub(crate) program: Option<String>,
    /// `null` where the kernel cannot show them.
    pub(crate) messages: Option<usize>,
}

impl Text for PurgeReport {
    fn text(&self) -> StyledText {
        let verb = if self.is_dry_run { "would remove" } else { "removed" };
        if self.removed.is_empty() {
            let why = match self.unknown_age {
                0 => "no response of a dead client rests in the queue".to_owned(),
                unknown => format!("of {} it is not known how old it is", counted(unknown, "response")),
            };
            return format!("{verb} nothing: {why}\n").into();
        }
        let responses = counted(self.messages, "response");
        let clients = counted(self.removed.len(), "client");
        let mut text = format!("{verb} {responses} ({} bytes) for {clients}\n", self.bytes);
        for client in self.removed.iter().take(MAX_ROWS) {
            let messages = counted(client.messages, "response");
            let _ = writeln!(text, "  {}: {messages}, {} bytes: {}", client.mtype, client.bytes, client.reason_text);
        }
        write_more(&mut text, self.removed.len());
        if self.unknown_age > 0 {
            let kept = counted(self.unknown_age, "response");
            let _ = writeln!(text, "kept {kept} of which it is not known how old it is");
        }
        text.into()
    }
}

fn write_more(text: &mut String, rows: usize) {
    if let Some(more) = rows.checked_sub(MAX_ROWS).filter(|more| *more > 0) {
        let _ = writeln!(text, "  {more} more; --json shows them all");
    }
}

/// Result of `purge --requests`.
#[derive(Debug, Serialize)]
pub(crate) struct RequestsReport {
    /// Nothing was changed; the rest is what would go.
    pub(crate) is_dry_run: bool,
    pub(crate) is_complete: bool,
    /// How many were removed.
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    /// Who waits for answers in vain.
    pub(crate) clients: Vec<Abandoned>,
}

/// A client whose requests were removed.
#[derive(Debug, Serialize)]
pub(crate) struct Abandoned {
    /// `null` for requests that name nobody.
    pub(crate) pid: Option<i32>,
    pub(crate) program: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) requests: usize,
}

impl Text for RequestsReport {
    fn text(&self) -> StyledText {
        let verb = if self.is_dry_run { "would remove" } else { "removed" };
        if self.messages == 0 {
            return format!("{verb} nothing: no request waits in the queue\n").into();
        }
        let mut text = format!("{verb} {} ({} bytes)\n", counted(self.messages, "request"), self.bytes);
        for client in self.clients.iter().take(MAX_ROWS) {
            let requests = counted(client.requests, "request");
            let _ = match client.pid {
                Some(pid) => {
                    let (state, name) = (client.state, program_label(client.program.as_deref()));
                    writeln!(text, "  {pid}: {requests}, {state}: {name}")
                }
                None => writeln!(text, "  nobody: {requests}"),
            };
        }
        write_more(&mut text, self.clients.len());
        if self.clients.iter().any(|client| client.state == "alive") {
            let verb = if self.is_dry_run { "would wait" } else { "wait" };
            let _ = writeln!(text, "those that are alive {verb} for an answer in vain: restart them");
        }
        text.into()
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
