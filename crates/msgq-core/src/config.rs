//! The configuration: raw TOML of one file or several, then validated settings with units in their names and types.
//!
//! Every error, whether of syntax, of a name, of a type or of a value, comes in one form: file, line, column, what is
//! wrong, the line itself with a caret below, and what to write instead.

pub mod check;
mod drop_ins;
mod error;
mod handler;
mod merge;
mod overlong;
mod parts;
mod protocol;
mod raw;
mod reply;
mod settings;
mod sources;
mod validate;

pub use drop_ins::{drop_in_directory, drop_in_files};
pub use error::ConfigError;
pub use handler::{ExecConfig, HandlerConfig, Pass, ProgramConfig, UnixConfig, WorkerConfig};
pub use overlong::Overlong;
pub use raw::explain;
pub use settings::{
    Config, KeyError, KeySetting, LOG_LEVELS, LogConfig, OnCrash, QueueConfig, QueueFate, ServiceConfig, Spin,
    Takeover, Workers,
};
pub use sources::MAX_CONFIG_LEN;

use sources::{Merged, Sources};
use std::path::Path;

/// The configuration as the package installs it.
pub const SYSTEM_CONFIG: &str = "/etc/msgqd/msgqd.toml";

/// Every setting that there is, with its section: for whoever documents them.
pub fn setting_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    raw::SETTINGS.into_iter().flat_map(|(section, settings)| settings.iter().map(move |setting| (section, *setting)))
}

impl Config {
    /// Reads `queue.key` and `service.on_failure` and leaves all else at its default, whatever is wrong with it: for those
    /// who must find the queue although a file has an error. Without a key there may be a misspelled one, so `[queue]`
    /// must have no setting then that there is not.
    ///
    /// # Errors
    /// When a file cannot be read, is no TOML, or these settings are wrong themselves.
    pub fn load_leniently(path: &Path) -> Result<Self, ConfigError> {
        let sources = Sources::read(path)?;
        let merged: Merged<raw::LenientConfig> = sources.merged()?;
        if merged.raw.queue.key.is_none() {
            let _: Merged<raw::QueueOnly> = sources.merged()?;
        }
        validate::leniently_checked_config(&merged.raw).map_err(|invalid| sources.error(&merged, &invalid))
    }

    /// Reads `queue.key` and `[protocol]` and leaves all else at its default, whatever is wrong with it: for those who look
    /// at the messages of the queue.
    ///
    /// # Errors
    /// When a file cannot be read, is no TOML, or these settings are wrong themselves.
    pub fn load_protocol(path: &Path) -> Result<Self, ConfigError> {
        let sources = Sources::read(path)?;
        let merged: Merged<raw::ProtocolOnly> = sources.merged()?;
        let checked = validate::checked_protocol_only(&merged.raw, sources.text());
        checked.map_err(|invalid| sources.error(&merged, &invalid))
    }

    /// Reads and checks a file, and those that come after it ([`drop_in_files`]): the last word on each setting holds.
    ///
    /// # Errors
    /// When one cannot be read, is no UTF-8, or says something that is not allowed, and when they are longer than
    /// [`MAX_CONFIG_LEN`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::checked(&Sources::read(path)?)
    }

    /// Checks the text of a configuration; `name` stands in errors where the file's name would. Two keys that are made from
    /// files are looked up, to see that they differ.
    ///
    /// # Errors
    /// When it says something that is not allowed.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        Self::checked(&Sources::of_text(name, text))
    }

    fn checked(sources: &Sources) -> Result<Self, ConfigError> {
        let merged: Merged<raw::Config> = sources.merged()?;
        let checked = validate::checked_config(&merged.raw, sources.text());
        checked.map_err(|invalid| sources.error(&merged, &invalid))
    }
}

#[cfg(test)]
mod tests;
