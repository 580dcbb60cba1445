//! The tables that dead servers left, and the queues that they name.

use super::second::SecondQueue;
use crate::service::queues::QueueKeys;
use msgq_core::instance::{LockState, directories_to_use, key_of_table};
use msgq_core::queue::{Queue, QueueKey};
use msgq_core::serving::{is_of_queue, server_state};
use msgq_core::table::{Phase, Table};
use msgq_core::trusted_file::TrustedUsers;
use msgq_core::words::counted;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A queue of a server that left its table.
pub(super) struct LeftQueue {
    pub(super) key: QueueKey,
    pub(super) table: PathBuf,
    /// What `on_failure` said; `None` when another version wrote the table.
    pub(super) keep: Option<bool>,
    /// The one into which its answers went, where that was another.
    pub(super) second: Option<SecondQueue>,
}

/// Names the queues of other keys that dead servers of this runtime directory left with clients in them: a key that is made
/// of a file is another one when the file is made anew.
pub(in crate::service) fn warn_of_others(keys: QueueKeys) {
    for left in left_queues().into_iter().filter(|left| left.key != keys.requests) {
        let Ok(table) = Table::read(&left.table, TrustedUsers::own()) else { continue };
        let has_ended = table.header().phase() == Some(Phase::Ended);
        let state = |directory| server_state(directory, left.key, TrustedUsers::own());
        let is_served = left.table.parent().is_none_or(|directory| state(directory) != LockState::Free);
        let Ok(queue) = Queue::open(left.key) else { continue };
        if has_ended || is_served || queue.id() != table.header().msqid() {
            continue;
        }
        let second = left.second.and_then(|second| Some((second.key, Queue::open(second.key).ok()?)));
        let answers = second.map_or_else(String::new, |(key, queue)| {
            let waiting = counted(queue.stat().map_or(0, |stat| stat.messages), "waiting message");
            format!(", its queue of answers {key} (msqid {}) with {waiting}", queue.id())
        });
        let waiting = counted(queue.stat().map_or(0, |stat| stat.messages), "waiting message");
        log::warn!(
            "a server that was killed or crashed left queue {other} (msqid {id}) with {waiting}{answers}, and its \
             clients wait there; should this server stand for it under a new key (a key of a file changes with the file), \
             let them know with: msgqd --key {other} --after-failure",
            other = left.key,
            id = queue.id()
        );
    }
}

pub(super) fn left_queues() -> Vec<LeftQueue> {
    let directories = directories_to_use();
    let entries = directories.iter().filter_map(|directory| std::fs::read_dir(directory).ok()).flatten().flatten();
    let named = entries.filter_map(|entry| {
        let key = key_of_table(&entry.file_name())?;
        Some((key, entry.path()))
    });
    named.filter_map(|(key, path)| left_queue(key, path)).collect()
}

fn left_queue(key: QueueKey, table: PathBuf) -> Option<LeftQueue> {
    let file = std::fs::symlink_metadata(&table).ok().filter(std::fs::Metadata::is_file)?;
    // Whoever may write into the directory could name the queue of somebody else.
    let is_owners =
        |key| Queue::open(key).and_then(|queue: Queue| queue.stat()).map_or(true, |stat| stat.uid == file.uid());
    let written = Table::read(&table, TrustedUsers::own()).ok();
    // Its name holds the number of the namespace, which may have been that of another one before.
    let is_of_another = written.as_ref().is_some_and(|table| !is_of_queue(&table.header().about(), key));
    let keep = written.as_ref().map(|table| table.header().keeps_queue_on_failure());
    let second = written.as_ref().and_then(second_of).filter(|second| is_owners(second.key));
    (is_owners(key) && !is_of_another).then_some(LeftQueue { key, table, keep, second })
}

fn second_of(table: &Table) -> Option<SecondQueue> {
    let about = table.header().about();
    Some(SecondQueue::left(QueueKey::new(about.reply_key)?, about.reply_msqid))
}
