//! The settings that the queue is compared with, and whether they can be used.

use super::command::shell_word;
use super::facts::{Facts, shown};
use crate::commands::doctor::report::CheckOutcome;
use crate::target::QueueOptions;
use crate::target::SYSTEM_CONFIG;
use msgq_core::config::Config;
use msgq_core::queue::QueueKey;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What is known of the daemon's settings.
pub(super) enum Configuration {
    /// They are these.
    Known { path: PathBuf, config: Box<Config> },
    /// No file is about this queue; the sentence says why.
    Unknown(String),
    /// This user may not read it.
    Hidden { path: PathBuf },
    /// It cannot be used; the sentence says why.
    Wrong { path: PathBuf, reason: String },
}

impl Configuration {
    pub(super) fn known(&self) -> Option<(&Path, &Config)> {
        match self {
            Self::Known { path, config } => Some((path, config)),
            _ => None,
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Known { path, .. } | Self::Hidden { path } | Self::Wrong { path, .. } => Some(path),
            Self::Unknown(_) => None,
        }
    }

    /// How a check ends that compares with settings which are not known.
    pub(super) fn nothing_to_compare_with(&self) -> CheckOutcome {
        match self {
            Self::Known { .. } => CheckOutcome::not_checked("the settings were not looked at"),
            Self::Unknown(reason) => CheckOutcome::not_applicable(format!("no settings to compare with: {reason}")),
            Self::Hidden { path } => CheckOutcome::not_checked(format!("this user may not read {}", shown(path))),
            Self::Wrong { path, .. } => {
                CheckOutcome::not_checked(format!("the configuration {} cannot be used", shown(path)))
            }
        }
    }
}

/// The key, where it is known, and the settings.
pub(super) fn read(arguments: &QueueOptions) -> (Option<QueueKey>, Configuration) {
    let named = arguments.config.is_some();
    let path = arguments.config.clone().unwrap_or_else(|| PathBuf::from(SYSTEM_CONFIG));
    let wrong = |path: PathBuf, reason: String| (arguments.key, Configuration::Wrong { path, reason });
    match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && !named => {
            let reason = format!("there is no {SYSTEM_CONFIG}; --config FILE names another");
            return (Some(arguments.key.unwrap_or(QueueKey::DEFAULT)), Configuration::Unknown(reason));
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let default = (!named).then_some(QueueKey::DEFAULT);
            return (arguments.key.or(default), Configuration::Hidden { path });
        }
        Err(error) => {
            let reason = format!("cannot read the configuration {}: {error}", shown(&path));
            return wrong(path, reason);
        }
        Ok(_) => {}
    }
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(error) => {
            let text = error.to_string();
            return wrong(path, text.lines().next().unwrap_or_default().to_owned());
        }
    };
    match (config.queue.key.resolve(), arguments.key) {
        (Ok(key), Some(wanted)) if key != wanted && !named => {
            let reason = format!("{SYSTEM_CONFIG} is about queue {key}; --config FILE names another");
            (Some(wanted), Configuration::Unknown(reason))
        }
        (Ok(key), wanted) => (Some(wanted.unwrap_or(key)), Configuration::Known { path, config: Box::new(config) }),
        (Err(_), Some(wanted)) => (Some(wanted), Configuration::Known { path, config: Box::new(config) }),
        (Err(error), None) => wrong(path, error.to_string()),
    }
}

pub(super) fn look(facts: &Facts) -> CheckOutcome {
    match &facts.configuration {
        Configuration::Known { path, .. } => CheckOutcome::fine(format!("{} can be used", shown(path))),
        Configuration::Unknown(reason) => CheckOutcome::not_applicable(reason),
        Configuration::Hidden { path } => {
            CheckOutcome::not_checked(format!("this user may not read {}; root may", shown(path)))
        }
        Configuration::Wrong { path, reason } => CheckOutcome::problem(
            format!("the configuration cannot be used: {reason}"),
            "msgqd does not start with it, and a running one refuses to reload it",
            vec![format!("msgqd --config {} --check-config", shell_word(path))],
        ),
    }
}
