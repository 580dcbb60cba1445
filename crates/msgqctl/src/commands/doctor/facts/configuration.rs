//! The settings of the daemon that should serve the queue, as far as a file tells them.

use crate::output::shown_path;
use crate::target::QueueOptions;
use msgq_core::config::{Config, SYSTEM_CONFIG};
use msgq_core::queue::QueueKey;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What is known of the daemon's settings.
pub(crate) enum Configuration {
    /// They are these.
    Known { path: PathBuf, config: Box<Config> },
    /// No file is about this queue; the sentence says why.
    Unknown(String),
    /// This user may not read `hidden`, one of its files.
    Hidden { path: PathBuf, hidden: PathBuf },
    /// It cannot be used; the sentence says why.
    Wrong { path: PathBuf, reason: String },
}

impl Configuration {
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Known { path, .. } | Self::Hidden { path, .. } | Self::Wrong { path, .. } => Some(path),
            Self::Unknown(_) => None,
        }
    }
}

/// The key, where it is known, and the settings, for a queue that `options` names by its key, if it does.
pub(super) fn read_configuration(options: &QueueOptions) -> (Option<QueueKey>, Configuration) {
    let path = options.config.clone().unwrap_or_else(|| PathBuf::from(SYSTEM_CONFIG));
    if let Err(error) = File::open(&path) {
        return not_opened(options, path, &error);
    }
    match Config::load(&path) {
        Ok(config) => loaded(options, path, config),
        // The key may stand in that file.
        Err(error) if error.is_permission() => {
            let hidden = PathBuf::from(error.file());
            (options.key, Configuration::Hidden { path, hidden })
        }
        Err(error) => {
            let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
            (options.key, Configuration::Wrong { path, reason })
        }
    }
}

fn not_opened(options: &QueueOptions, path: PathBuf, error: &io::Error) -> (Option<QueueKey>, Configuration) {
    let default = options.config.is_none().then_some(QueueKey::DEFAULT);
    match error.kind() {
        ErrorKind::NotFound if default.is_some() => {
            let reason = format!("there is no {SYSTEM_CONFIG}; --config FILE names another");
            (options.key.or(default), Configuration::Unknown(reason))
        }
        ErrorKind::PermissionDenied => (options.key.or(default), Configuration::Hidden { hidden: path.clone(), path }),
        _ => {
            let reason = format!("cannot read the configuration {}: {error}", shown_path(&path));
            (options.key, Configuration::Wrong { path, reason })
        }
    }
}

fn loaded(options: &QueueOptions, path: PathBuf, config: Config) -> (Option<QueueKey>, Configuration) {
    match (config.queue.key.resolve(), options.key) {
        (Ok(key), Some(wanted)) if key != wanted && options.config.is_none() => {
            let reason = format!("{SYSTEM_CONFIG} is about queue {key}; --config FILE names another");
            (Some(wanted), Configuration::Unknown(reason))
        }
        (Err(error), None) => (None, Configuration::Wrong { path, reason: error.to_string() }),
        (key, wanted) => (wanted.or(key.ok()), Configuration::Known { path, config: Box::new(config) }),
    }
}
