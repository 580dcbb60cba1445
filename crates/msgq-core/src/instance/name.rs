//! The names of instances: one msgqd of several on a machine, with a configuration and directories of its own.

use super::given_directories::own_of_several;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;

/// Where the configurations are, unless `$CONFIGURATION_DIRECTORY` (systemd.exec(5)) names another directory.
const CONFIGURATION_DIRECTORY: &str = "/etc/msgqd";

/// Longest name of an instance, in bytes.
const MAX_NAME_LEN: usize = 32;

/// The name of the server that has none, and of its files.
const UNNAMED: &str = "msgqd";

/// The name of an instance: `[a-z0-9][a-z0-9_-]*`, at most 32 of them. It stands in names of files and units as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceName(String);

/// What is wrong with the name of an instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an instance is called by 1 to {MAX_NAME_LEN} of a-z, 0-9, - and _, the first a letter or a digit, and not {UNNAMED}, which is \
     the server without a name"
)]
pub struct InstanceNameError;

impl FromStr for InstanceName {
    type Err = InstanceNameError;

    fn from_str(name: &str) -> Result<Self, InstanceNameError> {
        let is_simple = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let begins_well = name.bytes().next().is_some_and(is_simple);
        let goes_on_well = name.bytes().all(|byte| is_simple(byte) || matches!(byte, b'-' | b'_'));
        let is_good = begins_well && goes_on_well && name.len() <= MAX_NAME_LEN && name != UNNAMED;
        is_good.then(|| Self(name.to_owned())).ok_or(InstanceNameError)
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl InstanceName {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its configuration.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        configuration_directory().join(format!("{self}.toml"))
    }

    /// The unit that runs it.
    #[must_use]
    pub fn unit(&self) -> String {
        format!("msgqd@{self}.service")
    }

    /// The instance whose configuration has this path.
    #[must_use]
    pub fn of_config(path: &Path) -> Option<Self> {
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let is_there = path.parent() == Some(&configuration_directory());
        (is_toml && is_there).then(|| path.file_stem()?.to_str()?.parse().ok())?
    }
}

/// The instances that have a configuration, in the order of their names.
#[must_use]
pub fn configured_instances() -> Vec<InstanceName> {
    let entries = std::fs::read_dir(configuration_directory()).into_iter().flatten().flatten();
    let mut names: Vec<InstanceName> = entries.filter_map(|entry| InstanceName::of_config(&entry.path())).collect();
    names.sort();
    names
}

/// Where the configurations of the instances are.
#[must_use]
pub fn configuration_directory() -> PathBuf {
    let given = std::env::var_os("CONFIGURATION_DIRECTORY");
    given.as_deref().and_then(own_of_several).unwrap_or_else(|| PathBuf::from(CONFIGURATION_DIRECTORY))
}

static OWN: OnceLock<InstanceName> = OnceLock::new();

/// Makes this process that instance, with its directories; once, before any of them is asked for.
pub fn become_instance(name: InstanceName) {
    let _ = OWN.set(name);
}

/// The instance that this process is.
#[must_use]
pub fn own_instance() -> Option<&'static InstanceName> {
    OWN.get()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;

    #[test]
    fn a_name_is_what_may_stand_in_files_and_units_as_it_is() {
        for good in ["orders", "1", "a-b_c", &"x".repeat(32)] {
            assert_eq!(good.parse::<InstanceName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "_a", "A", "a.b", "a/b", "..", "a@b", "a b", "ä", "msgqd", &"x".repeat(33)] {
            assert!(bad.parse::<InstanceName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_instance_is_known_by_the_path_of_its_configuration() {
        let of = |path: &str| InstanceName::of_config(Path::new(path)).map(|name| name.to_string());
        assert_eq!(of("/etc/msgqd/orders.toml"), Some("orders".to_owned()));
        for other in
            ["/etc/msgqd/msgqd.toml", "/etc/msgqd/orders.d/a.toml", "/etc/msgqd/orders.toml.bak", "orders.toml"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
