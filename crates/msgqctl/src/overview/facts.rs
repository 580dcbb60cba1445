//! What is known of one queue: plain data.

use super::finding::{Finding, QueueVerdict};
use super::last_use::{LastUse, UserState};
use super::server::QueueServer;
use super::waiting::{UnseenWaiters, WaiterRow};
use crate::system::names::Named;
use msgq_core::queue::QueueStat;

/// What is known of one queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueFacts {
    pub(crate) stat: QueueStat,
    pub(crate) owner: Named,
    pub(crate) group: Named,
    pub(crate) last_send: Option<LastUse>,
    pub(crate) last_receive: Option<LastUse>,
    /// Its last sender is a msgqd that lives, which never reads from a queue that has no key.
    pub(super) is_sent_to_by_msgqd: bool,
    pub(crate) senders: Vec<WaiterRow>,
    pub(crate) receivers: Vec<WaiterRow>,
    /// Somebody may wait on it who was not seen.
    pub(crate) unseen_waiters: Option<UnseenWaiters>,
    pub(super) deadlock: Option<Finding>,
    pub(crate) server: QueueServer,
    /// The configurations that name it, as they are shown.
    pub(crate) configurations: Vec<String>,
    /// The ways in which configurations come to its key, where there are several.
    pub(super) collision: Vec<String>,
    /// A path that gave its key and gives another now, and that.
    pub(super) changed_path: Option<(String, String)>,
    /// Most pressing first; never empty.
    pub(crate) findings: Vec<Finding>,
}

impl QueueFacts {
    /// What is most pressing.
    pub(crate) fn verdict(&self) -> QueueVerdict {
        self.findings.first().map_or(QueueVerdict::Idle, |finding| finding.verdict)
    }

    /// A queue of a client's own, whose reader is gone while a msgqd, which only answers there, lives.
    pub(crate) fn is_sent_to_by_msgqd_alone(&self) -> bool {
        let is_reader_gone = self.last_receive.as_ref().is_some_and(|last| last.state == UserState::Gone);
        self.stat.key.is_none() && self.is_sent_to_by_msgqd && is_reader_gone
    }

    /// When something last happened to it, in seconds since 1970.
    pub(crate) fn moved_at_s(&self) -> i64 {
        self.stat.last_send_time.max(self.stat.last_receive_time).max(self.stat.last_change_time)
    }
}
