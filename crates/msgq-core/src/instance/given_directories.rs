//! Directories as the service manager names them in the environment.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The manager joins several directories of a unit with colons, in the order of their names: what a drop-in adds for a
/// handler may come before the server's own, which bears its name.
pub(crate) fn own_of_several(given: &OsStr) -> Option<PathBuf> {
    let parts = given.as_bytes().split(|byte| *byte == b':').filter(|part| !part.is_empty());
    let paths: Vec<PathBuf> = parts.map(|part| PathBuf::from(OsStr::from_bytes(part))).collect();
    let bears_name = |path: &&PathBuf| path.iter().any(|name| name.as_bytes().starts_with(b"msgqd"));
    paths.iter().find(bears_name).or(paths.first()).cloned()
}
