//! The table's file: what an earlier server left is opened, and a new one is made beside it.

use super::instance::{Instance, size_hint};
use super::left_table::{may_hold_foreign_messages, usable_table};
use super::queues::AcquiredQueues;
use crate::alerts;
use crate::engine::{EngineSettings, Storage};
use msgq_core::config::OnCrash;
use msgq_core::instance::{ipc_namespace, ipc_namespace_id};
use msgq_core::process::{ClientHandle, ClientNumber};
use msgq_core::queue::{Queue, QueueKey};
use msgq_core::table::{About, LONG_SLOTS, LONGEST_ANSWER, Table};
use msgq_core::time::unix_time_s;
use rustix::process::{Resource, getrlimit};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The storage for an engine; errors are sentences for the log.
pub(super) fn prepare(
    instance: &Instance,
    settings: &EngineSettings,
    queues: &AcquiredQueues,
    handler: &str,
    on_crash: OnCrash,
) -> Result<Storage, String> {
    let Some(path) = instance.table_path().filter(|_| !is_switched_off()) else {
        log::warn!(
            message_id = alerts::TABLE_UNSAFE;
            "no memory file system (tmpfs) can be had for the table: requests that are in hand when the server is \
             killed will be lost; set RUNTIME_DIRECTORY to a directory in one"
        );
        return in_private_memory(settings);
    };
    let left = Table::open_left(path);
    let may_hold_foreign_messages = may_hold_foreign_messages(&left, queues);
    let left = usable_table(path, left, queues, &settings.protocol);
    let left_long_answers = left.as_ref().is_some_and(|left| left.long_slots_taken() > 0);
    let settings = &EngineSettings { left_long_answers, ..settings.clone() };
    let new = path.with_extension("table.new");
    match create(&new, settings, queues, handler) {
        Ok(table) => {
            let path = path.to_owned();
            let publish = Box::new(move || {
                std::fs::rename(&new, &path)
                    .map_err(|error| io::Error::other(format!("cannot put the table at {}: {error}", path.display())))
            });
            let called_off = Arc::default();
            let write_dead_letter = None;
            Ok(Storage { table, left, may_hold_foreign_messages, on_crash, write_dead_letter, publish, called_off })
        }
        Err(error) => {
            log::warn!(
                message_id = alerts::TABLE_UNSAFE;
                "cannot make the table {}: {error}{}; requests that are in hand when the server is killed will be lost",
                new.display(),
                size_hint(&error)
            );
            let _ = std::fs::remove_file(&new);
            let path = path.to_owned();
            let publish = Box::new(move || match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            });
            Ok(Storage { left, may_hold_foreign_messages, on_crash, publish, ..in_private_memory(settings)? })
        }
    }
}

/// The start failed: removes the table that was made for it, and if the queue of answers is `new` what was put into its place.
pub(super) fn discard(instance: &Instance, is_new: bool) {
    let Some(path) = instance.table_path() else { return };
    let _ = std::fs::remove_file(path.with_extension("table.new"));
    if is_new {
        instance.remove_table();
    }
}

fn in_private_memory(settings: &EngineSettings) -> Result<Storage, String> {
    Storage::anonymous(settings).map_err(|error| format!("no memory for the table: {error}"))
}

/// The table in private memory, for a comparison.
#[cfg(feature = "test-switches")]
fn is_switched_off() -> bool {
    std::env::var("MSGQD_TEST_TABLE").is_ok_and(|value| value == "anonymous")
}

#[cfg(not(feature = "test-switches"))]
fn is_switched_off() -> bool {
    false
}

fn create(path: &Path, settings: &EngineSettings, queues: &AcquiredQueues, handler: &str) -> io::Result<Table> {
    // From a server that was killed while it started.
    let _ = std::fs::remove_file(path);
    let owner = std::process::id().cast_signed();
    let identity = ClientNumber::new(owner).and_then(|own| ClientHandle::open(own).ok().flatten()?.identity());
    let (requests, second) = (queues.requests.queue, queues.answers.as_ref().map(|acquired| acquired.queue));
    let key = |queue: Queue| queue.key().map_or(0, QueueKey::raw);
    let about = About {
        key: key(requests),
        msqid: requests.id(),
        reply_key: second.map_or(0, key),
        reply_msqid: second.map_or(0, |queue| queue.id()),
        ipc_namespace: ipc_namespace(),
        ipc_namespace_id: ipc_namespace_id(),
        owner,
        owner_identity: identity.unwrap_or(0),
        started_at_s: unix_time_s(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        handler: handler.to_owned(),
    };
    let table = Table::create(path, settings.geometry(), &about)?;
    if let Err(error) = table.lock_in_memory() {
        log::warn!(
            message_id = alerts::TABLE_UNSAFE;
            "cannot lock the table in memory ({error}): it has {} KiB, and this process may lock {}; a request that is being \
             received while its page is swapped out would be lost if the server is killed at that moment; raise the limit \
             of locked memory (LimitMEMLOCK=), or lower service.outbox_capacity",
            table.len_bytes() >> 10,
            getrlimit(Resource::Memlock).current.map_or("all".to_owned(), |limit| format!("{} KiB", limit >> 10))
        );
    }
    if settings.geometry().long_slots > 0 {
        log::info!(
            "the table has room for {LONG_SLOTS} answers in parts, of up to {} KiB each, and takes {} KiB of locked memory",
            LONGEST_ANSWER >> 10,
            table.len_bytes() >> 10
        );
    }
    if settings.protocol.digest() != 0 {
        log::info!(
            "the table takes {} KiB of locked memory: {} answers of up to {} bytes each, and what is in hand",
            table.len_bytes() >> 10,
            settings.outbox_capacity,
            settings.geometry().response_len
        );
    }
    Ok(table)
}
