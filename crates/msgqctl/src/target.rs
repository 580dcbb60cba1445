//! Which queue a command works on: the options that name it, its key, and the queue itself.

use crate::failure::{Failure, Status};
use clap::{Args, ValueHint};
use msgq_core::config::Config;
use msgq_core::queue::{Queue, QueueError, QueueKey, QueueStat};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Heading of the options that every command takes.
pub(crate) const GLOBAL_OPTIONS: &str = "Global options";

/// The daemon's configuration as the package installs it.
pub(crate) const SYSTEM_CONFIG: &str = "/etc/msgqd/msgqd.toml";

/// The options that choose the queue.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct QueueOptions {
    /// Use the queue with this key, decimal or hexadecimal with 0x; overrides the configuration
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "KEY", allow_negative_numbers = true)]
    pub(crate) key: Option<QueueKey>,

    /// Take the key from this configuration file. Default: /etc/msgqd/msgqd.toml where it can be read, else 0x12345678
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

impl QueueOptions {
    /// The key that they name; the queue need not be there.
    pub(crate) fn resolve_key(&self) -> Result<QueueKey, Failure> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let path = self.config.clone().or_else(readable_system_config);
        path.map_or(Ok(QueueKey::DEFAULT), |path| key_from(&path))
    }

    /// The queue with this key.
    pub(crate) fn open(&self) -> Result<Target, Failure> {
        let key = self.resolve_key()?;
        let queue = Queue::open(key).map_err(|error| Failure::of_queue(key, &error))?;
        Ok(Target { key, queue })
    }
}

/// The queue that a command works on, and the key that led to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) key: QueueKey,
    pub(crate) queue: Queue,
}

impl Target {
    pub(crate) fn stat(&self) -> Result<QueueStat, Failure> {
        self.queue.stat().map_err(|error| self.failure(&error))
    }

    /// An error of this queue's as the failure of a command.
    pub(crate) fn failure(&self, error: &QueueError) -> Failure {
        Failure::of_queue(self.key, error)
    }
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
    let config = Config::load_leniently(path).map_err(|error| failed(&error))?;
    config.queue.key.resolve().map_err(|error| failed(&format!("{}: {error}", path.display())))
}
