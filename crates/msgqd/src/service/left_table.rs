//! The table that an earlier server left: whether it is of use for these queues, and what it tells of them.

use super::instance::Instance;
use super::queues::AcquiredQueues;
use crate::alerts;
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use msgq_core::queue::{Queue, QueueKey, QueueRole};
use msgq_core::serving::is_of_queue;
use msgq_core::table::{About, Phase, Table, TableError};
use msgq_core::trusted_file::TrustedUsers;
use std::path::Path;

/// Warns only where something may be lost with the table.
fn tell_unusable(path: &Path, error: &TableError, queue: &Queue, protocol: &Protocol) {
    let name = path.display();
    let harmless = match error {
        TableError::OtherBoot => "no queue outlives a restart of the machine",
        TableError::OtherLayout { nothing_left: true, .. } => "that server ended in order and left nothing in it",
        TableError::OtherLayout { msqid, .. } if *msqid != queue.id() && protocol.route() != ReplyRoute::Private => {
            "its queue was removed: its clients got EIDRM, and nothing is to be finished"
        }
        _ => {
            log::warn!(
                message_id = alerts::TABLE_UNUSABLE;
                "cannot use the table of an earlier server, {name}: {error}; what it held, if anything, is lost"
            );
            return;
        }
    };
    log::info!("the table of an earlier server, {name}, is not used: {error}; {harmless}");
}

/// The queues of which the table does not tell that a msgqd served them, or of which it tells that messages of others were
/// left alone there. One that is damaged may have told it.
pub(super) fn may_hold_foreign_messages(
    left: &Result<Option<Table>, TableError>,
    queues: &AcquiredQueues,
) -> Vec<QueueRole> {
    let (requests, second) = (queues.requests.queue, queues.answers.as_ref().map(|acquired| acquired.queue));
    let role = if second.is_some() { QueueRole::Requests } else { QueueRole::Both };
    let roles = [Some((role, requests)), second.map(|queue| (QueueRole::Answers, queue))];
    let may_hold = |(role, queue): &(QueueRole, Queue)| match left {
        Ok(Some(table)) => {
            let about = table.header().about();
            let is_of_queue = requests.key().is_some_and(|key| is_of_queue(&about, key));
            let was = if *role == QueueRole::Answers { second_of(&about) } else { Some(about.msqid) };
            !is_of_queue || was != Some(queue.id()) || table.header().has_foreign_messages_in(*role)
        }
        Ok(None) | Err(TableError::OtherBoot) => true,
        Err(TableError::OtherLayout { msqid, .. }) => *msqid != queue.id(),
        Err(_) => false,
    };
    roles.into_iter().flatten().filter(may_hold).map(|(role, _)| role).collect()
}

/// The msqid of the second queue, as its server named it; `None` where it had none.
fn second_of(about: &About) -> Option<i32> {
    (about.reply_key != 0).then_some(about.reply_msqid)
}

/// The msqid of the second queue that an earlier server of this key left.
pub(super) fn second_queue_left(instance: &Instance, key: QueueKey) -> Option<i32> {
    let table = Table::read(instance.table_path()?, TrustedUsers::own()).ok()?;
    let about = table.header().about();
    second_of(&about).filter(|_| is_of_queue(&about, key) && table.is_of_this_boot())
}

/// The configuration sends answers to another queue than the server did that left this table.
fn tell_other_way(table: &Table) {
    if !table.holds_nothing() {
        log::warn!(
            message_id = alerts::TABLE_UNUSABLE;
            "cannot use the table of an earlier server: its answers went to another queue than protocol.reply says now; what was \
             in hand is lost, and its clients wait in vain"
        );
    }
    let about = table.header().about();
    let left = QueueKey::new(about.reply_key).and_then(|key| Queue::open(key).ok());
    if let Some(left) = left.filter(|left| left.id() == about.reply_msqid) {
        log::warn!(
            "the answers of an earlier server went into queue {} (msqid {id}), which is still there and which nobody serves any \
             more; once none of its clients waits there, its owner removes it: ipcrm -q {id}",
            QueueKey::new(about.reply_key).map_or_else(String::new, |key| key.to_string()),
            id = left.id()
        );
    }
}

/// What an earlier server left for this queue; `None`, and said why, when it is of no use.
pub(super) fn usable_table(
    path: &Path,
    left: Result<Option<Table>, TableError>,
    queues: &AcquiredQueues,
    protocol: &Protocol,
) -> Option<Table> {
    let name = path.display();
    let table = match left {
        Ok(Some(table)) => table,
        Ok(None) => return None,
        Err(error) => {
            tell_unusable(path, &error, &queues.requests.queue, protocol);
            return None;
        }
    };
    let about = table.header().about();
    if !queues.requests.queue.key().is_some_and(|key| is_of_queue(&about, key)) {
        log::warn!("cannot use the table of an earlier server, {name}: it is that of another queue");
        return None;
    }
    if about.reply_key != queues.answers.as_ref().and_then(|it| it.queue.key()).map_or(0, QueueKey::raw) {
        tell_other_way(&table);
        return None;
    }
    // Who waits for an answer waits in the queue of answers, whatever became of the one that requests come from.
    // Whoever has a queue of its own waits there still; where nobody waits for one, what was in hand is done all the same.
    let answers = table.header().answers_msqid();
    let needs_queue = !matches!(protocol.route(), ReplyRoute::Private | ReplyRoute::Nowhere);
    if answers != queues.for_answers().queue.id() && needs_queue {
        log::info!(
            "the queue of an earlier server (PID {}, msqid {answers}) was removed: its clients got EIDRM, and nothing is to be \
             finished",
            about.owner
        );
        return None;
    }
    if table.geometry().protocol_digest != protocol.digest() && !table.holds_nothing() {
        log::warn!(
            message_id = alerts::TABLE_UNUSABLE;
            "cannot use the table of an earlier server, {name}: what it holds has the form of another [protocol]; what was in \
             hand is lost, and its clients wait in vain"
        );
        return None;
    }
    let version = &about.version;
    match table.header().phase() {
        Some(Phase::Ended) => log::info!("an earlier server (PID {}, version {version}) ended in order", about.owner),
        _ => log::warn!(
            message_id = alerts::CRASH_FOUND;
            "an earlier server (PID {}, version {version}) was killed or crashed; finishing what it had in hand",
            about.owner
        ),
    }
    Some(table)
}
