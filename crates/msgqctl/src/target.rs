use crate::cli::Arguments;
use crate::failure::{Failure, Status};
use msgq_core::config::Config;
use msgq_core::queue::{Queue, QueueKey};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The daemon's configuration as the package installs it.
pub(crate) const SYSTEM_CONFIG: &str = "/etc/msgqd/msgqd.toml";

/// The queue that a command works on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) key: QueueKey,
    pub(crate) queue: Queue,
}

pub(crate) fn open(arguments: &Arguments) -> Result<Target, Failure> {
    open_named(arguments.key, arguments.config.clone())
}

pub(crate) fn open_named(key: Option<QueueKey>, config: Option<PathBuf>) -> Result<Target, Failure> {
    let key = key_of(key, config)?;
    let queue = Queue::open(key).map_err(|error| Failure::of_queue(key, &error))?;
    Ok(Target { key, queue })
}

pub(crate) fn key(arguments: &Arguments) -> Result<QueueKey, Failure> {
    key_of(arguments.key, arguments.config.clone())
}

fn key_of(key: Option<QueueKey>, config: Option<PathBuf>) -> Result<QueueKey, Failure> {
    if let Some(key) = key {
        return Ok(key);
    }
    let Some(path) = config.or_else(readable_system_config) else { return Ok(QueueKey::DEFAULT) };
    key_from(&path)
}

/// A user who may not read the daemon's configuration is no worse off than without one.
fn readable_system_config() -> Option<PathBuf> {
    File::open(SYSTEM_CONFIG).is_ok().then(|| PathBuf::from(SYSTEM_CONFIG))
}

fn key_from(path: &Path) -> Result<QueueKey, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            Status::Other,
            format!("{error}\nmsgqctl needs the queue's key from there; --key KEY does without"),
        )
    };
    let config = Config::load(path).map_err(|error| failed(&error))?;
    config.queue.key.resolve().map_err(|error| failed(&format!("{}: {error}", path.display())))
}
