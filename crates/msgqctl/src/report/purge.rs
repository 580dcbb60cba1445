use super::{Text, counted};
use serde::Serialize;
use std::fmt::Write as _;

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
    fn text(&self) -> String {
        let verb = if self.is_dry_run { "would remove" } else { "removed" };
        if self.removed.is_empty() {
            return format!("{verb} nothing: no response of a dead client rests in the queue\n");
        }
        let responses = counted(self.messages, "response");
        let clients = counted(self.removed.len(), "client");
        let mut text = format!("{verb} {responses} ({} bytes) for {clients}\n", self.bytes);
        for client in &self.removed {
            let messages = counted(client.messages, "response");
            let _ = writeln!(text, "  {}: {messages}, {} bytes: {}", client.mtype, client.bytes, client.reason_text);
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
        let mut report =
            PurgeReport { is_dry_run: true, is_complete: true, messages: 1, bytes: 264, removed, kept: vec![] };
        let text = report.text();
        assert!(text.starts_with("would remove 1 response (264 bytes) for 1 client\n"), "{text}");
        assert!(text.contains("4711: 1 response, 264 bytes: the client has ended"), "{text}");
        report.is_dry_run = false;
        assert!(report.text().starts_with("removed 1"));
    }
}
