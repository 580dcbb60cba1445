//! What is looked at before a queue that a dead server left is removed, and its removal.

use crate::alerts;
use crate::service::instance::{ClaimError, Instance};
use crate::service::rival::check_is_free;
use crate::service::start_error::StartError;
use msgq_core::queue::{Queue, QueueKey, QueueRole};
use msgq_core::table::Table;
use msgq_core::trusted_file::TrustedUsers;
use msgq_core::words::counted;

/// `None`, and said so, when a server runs.
pub(super) fn claim(role: QueueRole, key: QueueKey) -> Result<Option<Instance>, StartError> {
    match Instance::claim_as(role, key) {
        Ok(instance) => Ok(Some(instance)),
        Err(error @ (ClaimError::Taken { .. } | ClaimError::SecondTaken { .. })) => {
            log::info!("nothing to do: {error}");
            Ok(None)
        }
        Err(error) => Err(StartError(error.to_string())),
    }
}

/// True, and said so, when a program of another kind serves it.
pub(super) fn is_served(queue: &Queue, key: QueueKey) -> bool {
    let refusal = check_is_free(queue, key).err();
    if let Some(refusal) = &refusal {
        log::info!("nothing to do: {refusal}");
    }
    refusal.is_some()
}

/// True, and said so, when the dead server left messages alone there that may be another program's, and some still wait.
pub(super) fn holds_foreign_messages(instance: &Instance, queue: &Queue) -> bool {
    let table = instance.table_path().and_then(|path| Table::read(path, TrustedUsers::own()).ok());
    let is_told = table.is_some_and(|table| {
        let (header, about) = (table.header(), table.header().about());
        header.msqid() == queue.id() && header.has_foreign_messages_in(QueueRole::Requests)
            || about.reply_key != 0
                && about.reply_msqid == queue.id()
                && header.has_foreign_messages_in(QueueRole::Answers)
    });
    let waiting = queue.stat().map_or(0, |stat| stat.messages);
    let holds = is_told && waiting > 0;
    if holds {
        log::warn!(
            message_id = alerts::FOREIGN_MESSAGES;
            "queue msqid {id} with {} stays: some of these may be another program's, and the server left them alone; once \
             nobody wants it, its owner removes it: ipcrm -q {id}",
            counted(waiting, "waiting message"),
            id = queue.id()
        );
    }
    holds
}

/// Returns how many messages were in it a moment before.
pub(super) fn remove(queue: &Queue) -> Result<u64, StartError> {
    let waiting = queue.stat().map_or(0, |stat| stat.messages);
    queue.remove().map_err(|error| StartError(error.to_string()))?;
    Ok(waiting)
}
