//! The protocol of a queue as its configuration has it, and whether its daemon serves the same.

use super::files::read_table;
use msgq_core::layout::protocol::Protocol;
use msgq_core::queue::{QueueKey, QueueStat};
use std::sync::Arc;

/// What is taken for the protocol of a queue.
#[derive(Debug, Clone)]
pub(crate) struct KnownProtocol {
    pub(crate) protocol: Arc<Protocol>,
    /// Where it is from: what stands in brackets behind a sentence about it.
    pub(crate) source: String,
    /// A configuration about this queue says so; else it is a guess.
    pub(crate) is_configured: bool,
    /// The option that tells another call of msgqctl the same, with a space before it; empty where it finds it by itself.
    pub(crate) retold: String,
    /// Of the second queue, where answers go to one.
    pub(crate) reply_key: Option<QueueKey>,
}

/// The key of the second queue, where this daemon has one.
pub(crate) fn reply_key_of_daemon(stat: &QueueStat) -> Option<QueueKey> {
    let (_, table) = read_table(stat).ok()?;
    QueueKey::new(table.header().about().reply_key)
}

impl KnownProtocol {
    /// That its daemon serves another one, as a sentence; `None` where it is the same, and where no table tells.
    pub(crate) fn contradiction(&self, stat: &QueueStat) -> Option<String> {
        let (_, table) = read_table(stat).ok()?;
        let is_same = table.geometry().protocol_digest == self.protocol.digest();
        (!is_same).then(|| {
            let source = &self.source;
            format!(
                "the messages of queue {} have the form of another [protocol] than is known here ({source})",
                stat.name()
            )
        })
    }
}
