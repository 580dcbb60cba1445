//! A queue of another user as it is looked at: data of all that decide whether it may be taken over.

use msgq_core::config::Takeover;
use msgq_core::layout::protocol::Protocol;
use msgq_core::queue::{Queue, QueueKey, QueueRole, QueueStat};
use nix::unistd::{Gid, Uid};

/// A queue of another user, and whose it is to be.
#[derive(Debug)]
pub(in crate::service) struct ForeignQueue<'a> {
    pub(in crate::service) queue: Queue,
    pub(in crate::service) key: QueueKey,
    /// As it is now.
    pub(in crate::service) stat: QueueStat,
    pub(in crate::service) role: QueueRole,
    pub(in crate::service) protocol: &'a Protocol,
    pub(in crate::service) takeover: Takeover,
    /// The server's user.
    pub(in crate::service) user: Uid,
    /// The group and the mode that the configuration gives it.
    pub(in crate::service) group: Gid,
    pub(in crate::service) mode: u32,
}

impl ForeignQueue<'_> {
    /// How to find out more about it.
    pub(super) fn inspection(&self) -> String {
        format!(
            "`ipcs -q -i {id}` and, as root, `msgqctl --key {key} doctor` tell who uses it; a queue that nobody wants any more \
             goes, as its owner or root, with: msgqctl --key {key} remove",
            id = self.queue.id(),
            key = self.key
        )
    }
}

/// What speaks against taking a queue over.
#[derive(Debug)]
pub(super) struct Objection {
    /// In the middle of a sentence.
    pub(super) what: String,
    /// What the operator may do about it first.
    pub(super) cure: String,
}
