//! The configuration: raw TOML, then validated settings with units in their names and types.
//!
//! Every error, whether of syntax, of a name, of a type or of a value, comes in one form: file, line, column, what is
//! wrong, the line itself with a caret below, and what to write instead.

mod check;
mod error;
mod handler;
mod raw;
mod settings;
mod validate;

pub use error::ConfigError;
pub use handler::{ExecConfig, HandlerConfig, ProgramConfig, UnixConfig, WorkerConfig};
pub use settings::{
    Config, KeyError, KeySetting, LOG_LEVELS, LogConfig, OnCrash, QueueConfig, QueueFate, ServiceConfig, Spin, Workers,
};

use nix::libc;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Largest configuration file that is read, in bytes.
pub const MAX_FILE_LEN: u64 = 1 << 20;

impl Config {
    /// Reads `queue.key` and `service.on_failure` and leaves all else at its default, whatever is wrong with it: for those
    /// who must find the queue although the file has an error. Without a key there may be a misspelled one, so `[queue]`
    /// must have no setting then that there is not.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, or these settings are wrong themselves.
    pub fn load_leniently(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = read_text(path, &name)?;
        let raw: raw::LenientConfig = parse_toml(&name, &text)?;
        if raw.queue.key.is_none() {
            parse_toml::<raw::QueueOnly>(&name, &text)?;
        }
        validate::leniently_checked_config(&raw).map_err(|invalid| invalid_setting(&name, &text, &invalid))
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// When it cannot be read, is no UTF-8, is longer than [`MAX_FILE_LEN`], or says something that is not allowed.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        Self::parse(&name, &read_text(path, &name)?)
    }

    /// Checks the text of a configuration; `name` stands in errors where the file's name would.
    ///
    /// # Errors
    /// When it says something that is not allowed.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let raw: raw::Config = parse_toml(name, text)?;
        validate::checked_config(&raw).map_err(|invalid| invalid_setting(name, text, &invalid))
    }
}

fn read_text(path: &Path, name: &str) -> Result<String, ConfigError> {
    let unreadable = |error: std::io::Error| ConfigError::unreadable(name, &error.to_string());
    let mut bytes = Vec::new();
    // Nothing that may be in its place holds the reader up.
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path);
    let file = opened.map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.file_type().is_fifo() {
        return Err(ConfigError::unreadable(name, "it is a pipe, and there may never be anything in it; write a file"));
    }
    file.take(MAX_FILE_LEN + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_FILE_LEN) {
        return Err(ConfigError::unreadable(name, "it is longer than 1 MiB, so it is hardly a configuration"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ConfigError::unreadable(name, &format!("it is not UTF-8 text (first bad byte at offset {at})"))
    })
}

fn parse_toml<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let (message, help) = raw::explain(error.message());
        ConfigError::at(name, text, error.span().unwrap_or(0..0), &message, help.as_deref())
    })
}

fn invalid_setting(name: &str, text: &str, invalid: &check::Invalid) -> ConfigError {
    ConfigError::at(name, text, invalid.span.clone(), &invalid.message, Some(&invalid.help))
}

#[cfg(test)]
mod tests;
