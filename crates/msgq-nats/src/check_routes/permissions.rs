//! What the server lets the gateway do, asked for without doing it.

use crate::connection::{DenialKind, Gateway};
use std::time::Duration;
use tokio::time::timeout;

/// For the word of a server about what it does not allow.
const LIMIT: Duration = Duration::from_secs(2);
/// Servers keep answers to themselves here, and refuse whoever asks for one, before they give the message to anybody.
const RESERVED: &str = "_R_.";

/// What is known of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    Given,
    Denied,
    Unknown,
}

/// Whether the gateway may publish to this subject. A server looks first whether that is so, and then at where the answer is to
/// go; nobody gets a message whose answer is to go to a place that is not allowed.
pub(super) async fn to_publish(gateway: &Gateway, subject: &str) -> Permission {
    // Older ones may not look at that place.
    if !gateway.client().is_server_compatible(2, 9, 0) {
        return Permission::Unknown;
    }
    match first_denial(gateway, subject).await {
        Some(denied) if denied == subject => Permission::Denied,
        Some(_) => Permission::Given,
        None => Permission::Unknown,
    }
}

/// Publishes there with a place for the answer that is not allowed; what the server then says is not.
async fn first_denial(gateway: &Gateway, subject: &str) -> Option<String> {
    let client = gateway.client();
    let mut denials = gateway.denials();
    let place = format!("{RESERVED}{}", client.new_inbox().replace('.', "_"));
    client.publish_with_reply(subject.to_owned(), place.clone(), "".into()).await.ok()?;
    client.flush().await.ok()?;
    let denied = async {
        loop {
            let denial = denials.recv().await.ok()?;
            if denial.kind == DenialKind::Publish && (denial.subject == subject || denial.subject == place) {
                return Some(denial.subject);
            }
        }
    };
    timeout(LIMIT, denied).await.ok()?
}

/// Whether the gateway may subscribe to this subject. It does for a moment, outside of the queue group, so that it takes
/// nothing from who belongs to that.
pub(super) async fn to_subscribe(gateway: &Gateway, subject: &str) -> Permission {
    let client = gateway.client();
    let mut denials = gateway.denials();
    let Ok(mut subscription) = client.subscribe(subject.to_owned()).await else { return Permission::Unknown };
    if subscription.unsubscribe().await.is_err() || client.flush().await.is_err() {
        return Permission::Unknown;
    }
    // The server has spoken before it confirmed; its word comes another way through this program.
    let denied = async {
        loop {
            match denials.recv().await {
                Ok(denial) if denial.kind == DenialKind::Subscribe && denial.subject == subject => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    };
    match timeout(LIMIT / 4, denied).await {
        Ok(true) => Permission::Denied,
        Ok(false) => Permission::Unknown,
        Err(_) => Permission::Given,
    }
}
