//! The second queue of a server that does not come back.

use super::removal::{claim, holds_foreign_messages, remove};
use crate::service::instance::Instance;
use crate::service::rival::check_is_free_for_answers;
use crate::service::start_error::StartError;
use msgq_core::config::Config;
use msgq_core::queue::{Queue, QueueKey, QueueRole};
use msgq_core::words::counted;

/// A queue of answers, and by what it is known that it was the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecondQueue {
    pub(super) key: QueueKey,
    /// As the server's table names it; `None` where only the configuration tells of it.
    pub(super) msqid: Option<i32>,
    /// A program that takes from it what no client asks for serves it, as far as was looked.
    is_taken: bool,
}

impl SecondQueue {
    /// As a table names it.
    pub(super) fn left(key: QueueKey, msqid: i32) -> Self {
        Self { key, msqid: Some(msqid), is_taken: false }
    }

    /// As the configuration names it; `known` is what the table tells of it.
    pub(super) fn configured(key: QueueKey, config: &Config, known: Option<Self>) -> Self {
        if let Some(known) = known.filter(|known| known.key == key && known.is_there()) {
            return known;
        }
        let refusal =
            Queue::open(key).ok().and_then(|queue| check_is_free_for_answers(&queue, key, &config.protocol).err());
        if let Some(refusal) = &refusal {
            log::info!("nothing to do: {refusal}");
        }
        Self { key, msqid: None, is_taken: refusal.is_some() }
    }

    fn is_there(&self) -> bool {
        Queue::open(self.key).is_ok_and(|queue| self.msqid == Some(queue.id()))
    }

    /// Removes it, unless somebody has it, or it is not the one that the server had. `instance` is that of the server.
    pub(super) fn remove(&self, instance: &Instance, why: &str) -> Result<(), StartError> {
        let key = self.key;
        let Ok(queue) = Queue::open(key) else { return Ok(()) };
        let is_other = self.msqid.is_some_and(|msqid| msqid != queue.id());
        if is_other || self.is_taken || holds_foreign_messages(instance, &queue) {
            return Ok(());
        }
        let Some(_claim) = claim(QueueRole::Answers, key)? else { return Ok(()) };
        let waiting = counted(remove(&queue)?, "waiting message");
        log::warn!("removed queue {key}, into which answers went, with {waiting}, {why}");
        Ok(())
    }
}
