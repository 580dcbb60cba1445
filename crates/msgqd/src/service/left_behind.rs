//! Queues whose server does not come back: the service manager has given up on it, or its package is removed.
//!
//! Where the configuration cannot be read, the tables that dead servers left tell which queues there are, and what was
//! to be done with them. A queue is touched only while nobody serves it, and only if its owner is the table's. Of two, that
//! of requests goes first, as at a stop.

mod removal;
mod second;
mod tables;

use super::queues::QueueKeys;
use super::start_error::StartError;
use crate::alerts;
use msgq_core::config::{Config, QueueFate};
use msgq_core::queue::{Queue, QueueKey, QueueRole};
use msgq_core::words::counted;
use removal::{claim, holds_foreign_messages, is_served, remove};
use second::SecondQueue;
use tables::{LeftQueue, left_queues};

pub(super) use tables::warn_of_others;

/// Does with the queue what `on_failure` says, so that clients who still wait learn that the service does not come back.
/// Nothing while a server runs.
///
/// # Errors
/// When the queue cannot be removed.
pub fn after_failure(config: &Config) -> Result<(), StartError> {
    let keys = QueueKeys::of(config).map_err(StartError)?;
    let keep = config.service.on_failure == QueueFate::Keep;
    let known = left_queues().into_iter().find(|left| left.key == keys.requests).and_then(|left| left.second);
    let configured = keys.answers.map(|key| SecondQueue::configured(key, config, known));
    // A server that was started with another configuration has another one.
    let left = known.filter(|left| keys.answers != Some(left.key));
    give_up(keys.requests, configured.into_iter().chain(left), keep)
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
        give_up(queue.key, queue.second.into_iter(), queue.keep.unwrap_or(keep))?;
    }
    match named.filter(|key| left.iter().all(|queue| queue.key != *key)) {
        Some(key) => give_up(key, std::iter::empty(), keep),
        None => Ok(()),
    }
}

/// Removes every queue that a server of this runtime directory left, and its table, whatever `on_failure` and `on_stop`
/// say: the program is about to be removed from the machine. Nothing is done to a queue that is served.
///
/// # Errors
/// When a queue cannot be removed.
pub fn remove_left_queues() -> Result<(), StartError> {
    for LeftQueue { key, table, second, .. } in left_queues() {
        crate::logging::set_queue_key(key);
        let Some(instance) = claim(QueueRole::Requests, key)? else { continue };
        if let Ok(queue) = Queue::open(key) {
            if is_served(&queue, key) || holds_foreign_messages(&instance, &queue) {
                continue;
            }
            let waiting = counted(remove(&queue)?, "waiting message");
            log::warn!("removed queue {key} with {waiting}, since msgqd is being removed");
        }
        if let Some(second) = second {
            second.remove(&instance, "since msgqd is being removed")?;
        }
        std::fs::remove_file(&table)
            .map_err(|error| StartError(format!("cannot remove {}: {error}", table.display())))?;
    }
    Ok(())
}

fn give_up(key: QueueKey, second: impl Iterator<Item = SecondQueue>, keep: bool) -> Result<(), StartError> {
    crate::logging::set_queue_key(key);
    let Some(instance) = claim(QueueRole::Requests, key)? else { return Ok(()) };
    if keep {
        log::warn!(
            message_id = alerts::GIVEN_UP;
            "the service failed; queue {key} stays (on_failure = \"keep\"), and its clients wait"
        );
        return Ok(());
    }
    match Queue::open(key) {
        Err(_) => log::info!("nothing to do: there is no queue {key}"),
        Ok(queue) if is_served(&queue, key) || holds_foreign_messages(&instance, &queue) => return Ok(()),
        Ok(queue) => {
            let waiting = counted(remove(&queue)?, "waiting message");
            log::warn!(
                message_id = alerts::GIVEN_UP;
                "the service failed: removed queue {key} with {waiting} (on_failure = \"remove\"), so that \
                 clients who wait get EIDRM"
            );
        }
    }
    for second in second {
        second.remove(
            &instance,
            "since the service failed (on_failure = \"remove\"), so that clients who wait get EIDRM",
        )?;
    }
    Ok(())
}
