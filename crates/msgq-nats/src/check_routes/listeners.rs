//! Who listens on a subject, as the servers of NATS tell it. Nobody who listens gets anything.

use super::report::Report;
use crate::connection::Gateway;
use async_nats::Message;
use futures_util::StreamExt;
use msgq_core::escape::escape;
use msgq_core::words::counted;
use serde::Deserialize;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// Each server answers for itself, and how many there are is not known.
const SILENCE: Duration = Duration::from_millis(500);
const CONNECTIONS: &str = "$SYS.REQ.ACCOUNT.PING.CONNZ";
const ACCOUNT: &str = "$SYS.REQ.ACCOUNT.PING.STATZ";
/// Of connections that are named.
const NAMED: usize = 5;

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
}

#[derive(Deserialize)]
struct Connections {
    #[serde(default)]
    connections: Vec<Connection>,
}

#[derive(Deserialize)]
struct Connection {
    #[serde(default)]
    name: String,
    #[serde(default)]
    subscriptions_list_detail: Vec<Subscription>,
}

#[derive(Deserialize)]
struct Subscription {
    #[serde(default)]
    qgroup: String,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    account_statz: Vec<AccountState>,
}

#[derive(Deserialize)]
struct AccountState {
    #[serde(default)]
    leafnodes: u64,
}

/// Who listens there.
pub(super) enum Listeners {
    /// So many, and in words who.
    Some(usize, String),
    /// Nobody.
    None,
    /// Nobody that a server knows of, but other servers are behind leaf nodes.
    MaybeElsewhere,
    /// The servers do not tell.
    Unknown,
}

/// Asks the servers who listens on this subject; words of it that may be anything are `*`.
pub(super) async fn find(gateway: &Gateway, subject: &str) -> Listeners {
    let question = serde_json::json!({ "subscriptions_detail": true, "filter_subject": subject, "limit": 1024 });
    let answers: Vec<Answer<Connections>> = ask_all(gateway, CONNECTIONS, &question.to_string()).await;
    if answers.is_empty() {
        return Listeners::Unknown;
    }
    let connections: Vec<Connection> =
        answers.into_iter().filter_map(|answer| answer.data).flat_map(|data| data.connections).collect();
    if !connections.is_empty() {
        return Listeners::Some(connections.len(), in_words(&connections));
    }
    let accounts: Vec<Answer<Account>> = ask_all(gateway, ACCOUNT, "").await;
    let states = accounts.iter().filter_map(|answer| answer.data.as_ref()).flat_map(|data| &data.account_statz);
    match states.map(|state| state.leafnodes).sum() {
        0_u64 if !accounts.is_empty() => Listeners::None,
        _ => Listeners::MaybeElsewhere,
    }
}

fn in_words(connections: &[Connection]) -> String {
    let one = |connection: &Connection| {
        let name = if connection.name.is_empty() { "a program without a name" } else { &connection.name };
        let group = connection.subscriptions_list_detail.iter().find(|it| !it.qgroup.is_empty());
        let group = group.map(|it| format!(" (queue group {})", escape(it.qgroup.as_bytes())));
        format!("{}{}", escape(name.as_bytes()), group.unwrap_or_default())
    };
    let mut named: Vec<String> = connections.iter().take(NAMED).map(one).collect();
    if connections.len() > NAMED {
        named.push("and others".to_owned());
    }
    named.join(", ")
}

/// What all servers answer, until none says more.
async fn ask_all<T: for<'a> Deserialize<'a>>(gateway: &Gateway, subject: &'static str, question: &str) -> Vec<T> {
    let client = gateway.client();
    let inbox = client.new_inbox();
    let mut answers = Vec::new();
    let Ok(mut subscription) = client.subscribe(inbox.clone()).await else { return answers };
    let asked = client.publish_with_reply(subject, inbox, question.to_owned().into()).await;
    if asked.is_err() || client.flush().await.is_err() {
        return answers;
    }
    let read = |message: Message| serde_json::from_slice(&message.payload).ok();
    while let Ok(Some(message)) = timeout(SILENCE, subscription.next()).await {
        answers.extend(read(message));
    }
    answers
}

/// A line about who listens; `advice` where nobody does. `is_filter`: with `*`, the subject is what is subscribed to itself.
pub(super) async fn report(
    gateway: &Gateway,
    who: &str,
    subject: &str,
    is_filter: bool,
    advice: &str,
    report: &mut Report<'_>,
) -> io::Result<()> {
    match find(gateway, subject).await {
        Listeners::Some(count, names) => {
            let listeners = counted(count, "listener");
            report.ok(who, &format!("{listeners} on subject {subject}: {names}"))
        }
        // Not all subjects that these words stand for are the same.
        Listeners::None if !is_filter && subject.contains('*') => report.note(
            who,
            &format!("nobody listens on all of subject {subject}; what each request asks for is told by --send"),
        ),
        Listeners::None => report.fail(who, &format!("nobody listens on subject {subject}"), advice),
        Listeners::MaybeElsewhere => {
            let reason = "no listener is known here, but there may be some behind leaf nodes; --send asks them";
            report.note(who, &format!("subject {subject}: {reason}"))
        }
        Listeners::Unknown => {
            let reason = format!(
                "who listens on subject {subject}, as the server does not tell this user ({CONNECTIONS}); --send asks for real"
            );
            report.skipped(who, &reason)
        }
    }
}
