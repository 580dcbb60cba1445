//! What an administrator must know before an upgrade, where apt-listchanges looks for it.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

const NEWS: &str = include_str!("../../NEWS");

/// Writes NEWS.Debian.gz, the same at each build.
pub(crate) fn write(directory: &Path) -> io::Result<()> {
    let plain = directory.join("NEWS.Debian");
    fs::write(&plain, NEWS)?;
    let status = Command::new("gzip").args(["--best", "--no-name", "--force"]).arg(&plain).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("gzip ended with {status}"))) }
}
