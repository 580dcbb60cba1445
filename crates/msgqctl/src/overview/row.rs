//! A queue as programs get it.

use super::facts::QueueFacts;
use super::finding::{Finding, QueueVerdict};
use super::last_use::LastUse;
use super::server::QueueServer;
use super::waiting::WaiterRow;
use crate::system::names::Named;
use serde::Serialize;

/// One queue; names with `_s` are seconds since 1970.
#[derive(Debug, Serialize)]
pub(crate) struct QueueRow {
    /// `null` for `IPC_PRIVATE`.
    key: Option<String>,
    msqid: i32,
    owner: Named,
    group: Named,
    mode: String,
    messages: u64,
    bytes: u64,
    /// `null` where the kernel does not tell this user.
    max_bytes: Option<u64>,
    /// `null`: never.
    last_send: Option<LastUse>,
    last_receive: Option<LastUse>,
    changed_at_s: i64,
    /// Who waits for room, and who for messages, as far as this user may see.
    waiting_senders: Vec<WaiterRow>,
    waiting_receivers: Vec<WaiterRow>,
    may_hide_waiters: bool,
    server: QueueServer,
    /// The configurations that name it; escaped.
    configurations: Vec<String>,
    /// The first of `findings`.
    verdict: QueueVerdict,
    findings: Vec<Finding>,
}

impl From<&QueueFacts> for QueueRow {
    fn from(facts: &QueueFacts) -> Self {
        let stat = &facts.stat;
        Self {
            key: stat.key.map(|key| key.to_string()),
            msqid: stat.msqid,
            owner: facts.owner.clone(),
            group: facts.group.clone(),
            mode: format!("{:04o}", stat.mode),
            messages: stat.messages,
            bytes: stat.bytes,
            max_bytes: (stat.max_bytes > 0).then_some(stat.max_bytes),
            last_send: facts.last_send.clone(),
            last_receive: facts.last_receive.clone(),
            changed_at_s: stat.last_change_time,
            waiting_senders: facts.senders.clone(),
            waiting_receivers: facts.receivers.clone(),
            may_hide_waiters: facts.unseen_waiters.is_some(),
            server: facts.server.clone(),
            configurations: facts.configurations.clone(),
            verdict: facts.verdict(),
            findings: facts.findings.clone(),
        }
    }
}
