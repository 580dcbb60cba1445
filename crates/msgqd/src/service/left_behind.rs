//! Queues whose server does not come back: the service manager has given up on it, or its package is removed.
//!
//! Where the configuration cannot be read, the tables that dead servers left tell which queues there are, and what was
//! to be done with them. A queue is touched only while nobody serves it, and only if its owner is the table's.

use super::instance::{ClaimError, Instance};
use super::start_error::StartError;
use msgq_core::config::{Config, QueueFate};
use msgq_core::instance::{LockState, directories_to_use, key_of_table};
use msgq_core::queue::{Queue, QueueKey};
use msgq_core::serving::server_state;
use msgq_core::table::{Phase, Table};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A queue of a server that left its table.
struct LeftQueue {
    key: QueueKey,
    table: PathBuf,
    /// What `on_failure` said; `None` when another version wrote the table.
    keep: Option<bool>,
}

/// Does with the queue what `on_failure` says, so that clients who still wait learn that the service does not come back.
/// Nothing while a server runs.
///
/// # Errors
/// When the queue cannot be removed.
pub fn after_failure(config: &Config) -> Result<(), StartError> {
    let key = config.queue.key.resolve().map_err(|error| StartError(error.to_string()))?;
    give_up(key, config.service.on_failure == QueueFate::Keep)
}

/// As [`after_failure`], where the configuration has an error; `lenient` is what could be read of it in spite of that.
///
/// # Errors
/// When a queue cannot be removed.
pub fn after_failure_by_tables(lenient: Option<&Config>) -> Result<(), StartError> {
    let left = left_queues();
    let keep = lenient.is_some_and(|config| config.service.on_failure == QueueFate::Keep);
    let named = lenient.and_then(|config| config.queue.key.resolve().ok());
    if left.is_empty() && named.is_none() {
        log::warn!("nothing to do: no server left a table here, and the configuration does not tell the key");
    }
    for queue in &left {
        give_up(queue.key, queue.keep.unwrap_or(keep))?;
    }
    match named.filter(|key| left.iter().all(|queue| queue.key != *key)) {
        Some(key) => give_up(key, keep),
        None => Ok(()),
    }
}

/// Removes every queue that a server of this runtime directory left, and its table, whatever `on_failure` and `on_stop`
/// say: the program is about to be removed from the machine. Nothing is done to a queue that is served.
///
/// # Errors
/// When a queue cannot be removed.
pub fn remove_left_queues() -> Result<(), StartError> {
    for LeftQueue { key, table, .. } in left_queues() {
        let Some(_instance) = claim(key)? else { continue };
        if let Ok(queue) = Queue::open(key) {
            let waiting = remove(&queue)?;
            log::warn!("removed queue {key} with {waiting} waiting messages, since msgqd is being removed");
        }
        std::fs::remove_file(&table)
            .map_err(|error| StartError(format!("cannot remove {}: {error}", table.display())))?;
    }
    Ok(())
}

/// Names the queues of other keys that dead servers of this runtime directory left with clients in them: a key that is made
/// of a file is another one when the file is made anew.
pub(super) fn warn_of_others(key: QueueKey) {
    for left in left_queues().into_iter().filter(|left| left.key != key) {
        let Ok(table) = Table::read(&left.table) else { continue };
        let has_ended = table.header().phase() == Some(Phase::Ended);
        let is_served =
            left.table.parent().is_none_or(|directory| server_state(directory, left.key) != LockState::Free);
        let Ok(queue) = Queue::open(left.key) else { continue };
        if has_ended || is_served || queue.id() != table.header().msqid() {
            continue;
        }
        let waiting = queue.stat().map_or(0, |stat| stat.messages);
        log::warn!(
            "a server that was killed or crashed left queue {other} (msqid {id}) with {waiting} waiting messages, and its \
             clients wait there; should this server stand for it under a new key (a key of a file changes with the file), \
             let them know with: msgqd --key {other} --after-failure",
            other = left.key,
            id = queue.id()
        );
    }
}

fn left_queues() -> Vec<LeftQueue> {
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
    let is_owners = Queue::open(key).and_then(|queue| queue.stat()).map_or(true, |stat| stat.uid == file.uid());
    let keep = Table::read(&table).ok().map(|table| table.header().keeps_queue_on_failure());
    is_owners.then_some(LeftQueue { key, table, keep })
}

/// `None`, and said so, when a server runs.
fn claim(key: QueueKey) -> Result<Option<Instance>, StartError> {
    match Instance::claim(key) {
        Ok(instance) => Ok(Some(instance)),
        Err(error @ ClaimError::Taken { .. }) => {
            log::info!("nothing to do: {error}");
            Ok(None)
        }
        Err(error) => Err(StartError(error.to_string())),
    }
}

fn give_up(key: QueueKey, keep: bool) -> Result<(), StartError> {
    let Some(_instance) = claim(key)? else { return Ok(()) };
    let Ok(queue) = Queue::open(key) else {
        log::info!("nothing to do: there is no queue {key}");
        return Ok(());
    };
    if keep {
        log::warn!("the service failed; queue {key} stays (on_failure = \"keep\"), and its clients wait");
        return Ok(());
    }
    let waiting = remove(&queue)?;
    log::warn!(
        "the service failed: removed queue {key} with {waiting} waiting messages (on_failure = \"remove\"), so that \
         clients who wait get EIDRM"
    );
    Ok(())
}

/// Returns how many messages were in it a moment before.
fn remove(queue: &Queue) -> Result<u64, StartError> {
    let waiting = queue.stat().map_or(0, |stat| stat.messages);
    queue.remove().map_err(|error| StartError(error.to_string()))?;
    Ok(waiting)
}
