//! What the server forbids, as it tells it.

use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Something that the server did not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What was tried.
    pub kind: DenialKind,
    /// With which subject.
    pub subject: String,
}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialKind {
    /// To publish.
    Publish,
    /// To subscribe.
    Subscribe,
}

impl Denial {
    /// Reads the server's sentence: `Permissions Violation for Publish to "orders.a"`, or `Publish with Reply of` where it is the
    /// place for the answer, and the like for subscriptions, which may go on with a queue group.
    pub(super) fn read(said: &str) -> Option<Self> {
        let lower = said.to_ascii_lowercase();
        let start = lower.find("permissions violation for ")? + "permissions violation for ".len();
        let rest = said.get(start..)?;
        let (verb, subject) = rest.split_once(" to ").or_else(|| rest.split_once(" of "))?;
        let kind = match verb.to_ascii_lowercase().as_str() {
            "publish" | "publish with reply" => DenialKind::Publish,
            "subscription" => DenialKind::Subscribe,
            _ => return None,
        };
        let subject = subject.trim_start_matches(['"', '\'']);
        let end = subject.find(['"', '\'', ' ']).unwrap_or(subject.len());
        Some(Self { kind, subject: subject.get(..end)?.to_owned() })
    }
}

/// Waits until the server says that the gateway may not publish to that subject.
pub async fn publishing_is_denied(mut denials: Receiver<Denial>, subject: &str) {
    loop {
        match denials.recv().await {
            Ok(denial) if denial.kind == DenialKind::Publish && denial.subject == subject => return,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_stands_in_the_servers_sentence() {
        let read = |said: &str| Denial::read(said).map(|denial| (denial.kind, denial.subject));
        let expected = |kind, subject: &str| Some((kind, subject.to_owned()));
        let publish = expected(DenialKind::Publish, "orders.a.1");
        assert_eq!(read("Permissions Violation for Publish to \"orders.a.1\""), publish);
        assert_eq!(read("permissions violation for publish to 'orders.a.1'"), publish);
        assert_eq!(read("Permissions Violation for Publish with Reply of \"orders.a.1\""), publish);
        assert_eq!(
            read("Permissions Violation for Subscription to \"legacy.*\" using queue \"legacy\""),
            expected(DenialKind::Subscribe, "legacy.*")
        );
        for other in
            ["Authorization Violation", "", "Permissions Violation for ", "Permissions Violation for Dance to x"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
