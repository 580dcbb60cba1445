//! `nats.toml`: raw TOML, then checked settings with units in their names and types.
//!
//! Every error names file, line and column, shows the line, and says what to write instead.

mod check;
mod error;
mod raw;
mod routes;
mod settings;
mod values;

pub use error::ConfigError;
pub use settings::{
    Authentication, Config, Format, GatewayConfig, InRoute, InStream, LocalSide, NatsConfig, OutRoute, OutStream,
    TlsConfig,
};

use std::io::Read;
use std::path::Path;

/// The configuration as the package installs it.
pub const SYSTEM_CONFIG: &str = "/etc/msgqd/nats.toml";

/// Largest file that is read, in bytes.
const MAX_LEN: u64 = 1 << 20;

impl Config {
    /// Reads and checks a file, and the configurations of msgqd that it names.
    ///
    /// # Errors
    /// When it cannot be read, or says something that is not allowed.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let unreadable =
            |reason: String| ConfigError::whole(&name, &format!("cannot read this configuration: {reason}"));
        let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let mut text = String::new();
        file.take(MAX_LEN + 1).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
        if u64::try_from(text.len()).is_ok_and(|len| len > MAX_LEN) {
            return Err(unreadable(format!("it has more than {MAX_LEN} bytes")));
        }
        Self::parse(&name, &text)
    }

    /// Checks the text of a configuration; `name` stands in errors where the file's name would.
    ///
    /// # Errors
    /// When it says something that is not allowed.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let checked = raw::read(text).and_then(|raw| check::checked(&raw));
        checked.map_err(|invalid| ConfigError::of_setting(name, text, &invalid))
    }
}

#[cfg(test)]
mod tests;
