//! The table's file: what an earlier server left is opened, and a new one is made beside it.

use super::instance::{Instance, size_hint};
use crate::engine::{EngineSettings, Storage};
use msgq_core::config::OnCrash;
use msgq_core::instance::ipc_namespace;
use msgq_core::process::{ClientHandle, ClientPid};
use msgq_core::queue::{Queue, QueueKey};
use msgq_core::table::{About, Phase, Table};
use msgq_core::time::unix_time_s;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The storage for an engine; errors are sentences for the log.
pub(super) fn prepare(
    instance: &Instance,
    settings: &EngineSettings,
    queue: &Queue,
    handler: &str,
    on_crash: OnCrash,
) -> Result<Storage, String> {
    let Some(path) = instance.table_path().filter(|_| !is_switched_off()) else {
        log::warn!(
            "no memory file system (tmpfs) can be had for the table: requests that are in hand when the server is \
             killed will be lost; set RUNTIME_DIRECTORY to a directory in one"
        );
        return in_private_memory(settings);
    };
    let left = open_left(path, queue);
    let new = path.with_extension("table.new");
    match create(&new, settings, queue, handler) {
        Ok(table) => {
            let path = path.to_owned();
            let publish = Box::new(move || {
                std::fs::rename(&new, &path)
                    .map_err(|error| io::Error::other(format!("cannot put the table at {}: {error}", path.display())))
            });
            Ok(Storage { table, left, on_crash, publish, called_off: Arc::default() })
        }
        Err(error) => {
            log::warn!(
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
            Ok(Storage { left, on_crash, publish, ..in_private_memory(settings)? })
        }
    }
}

/// The start failed: removes the table that was made for it, and if the queue is `new` what was put into its place.
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

fn create(path: &Path, settings: &EngineSettings, queue: &Queue, handler: &str) -> io::Result<Table> {
    // From a server that was killed while it started.
    let _ = std::fs::remove_file(path);
    let owner = std::process::id().cast_signed();
    let identity = ClientPid::new(owner).and_then(|own| ClientHandle::open(own).ok().flatten()?.identity());
    let about = About {
        key: queue.key().map_or(0, QueueKey::raw),
        msqid: queue.id(),
        ipc_namespace: ipc_namespace(),
        owner,
        owner_identity: identity.unwrap_or(0),
        started_at_s: unix_time_s(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        handler: handler.to_owned(),
    };
    let table = Table::create(path, settings.geometry(), &about)?;
    if let Err(error) = table.lock_in_memory() {
        log::warn!(
            "cannot lock the table in memory ({error}): a request that is being received while its page is swapped out \
             would be lost if the server is killed at that moment; raise the limit of locked memory (LimitMEMLOCK=)"
        );
    }
    Ok(table)
}

/// What an earlier server left for this queue; `None`, and said why, when it is of no use.
fn open_left(path: &Path, queue: &Queue) -> Option<Table> {
    let name = path.display();
    let table = match Table::open_left(path) {
        Ok(Some(table)) => table,
        Ok(None) => return None,
        Err(error) => {
            log::warn!("cannot use the table of an earlier server, {name}: {error}; what it held is lost");
            return None;
        }
    };
    let about = table.header().about();
    if about.key != queue.key().map_or(0, QueueKey::raw) || about.ipc_namespace != ipc_namespace() {
        log::warn!("cannot use the table of an earlier server, {name}: it is that of another queue");
        return None;
    }
    if about.msqid != queue.id() {
        log::info!(
            "the queue of an earlier server (PID {}, msqid {}) was removed: its clients got EIDRM, and nothing is to be \
             finished",
            about.owner,
            about.msqid
        );
        return None;
    }
    let version = &about.version;
    match table.header().phase() {
        Some(Phase::Ended) => log::info!("an earlier server (PID {}, version {version}) ended in order", about.owner),
        _ => log::warn!(
            "an earlier server (PID {}, version {version}) was killed or crashed; finishing what it had in hand",
            about.owner
        ),
    }
    Some(table)
}
