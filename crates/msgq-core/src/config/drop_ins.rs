//! The files that a configuration is made of: FILE.toml, then FILE.d/*.toml in the order of their names.

use super::error::ConfigError;
use std::ffi::OsStr;
use std::fs::read_dir;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Most files that one configuration has beside the main one, and entries of their directory that are looked at.
const MAX_DROP_INS: usize = 256;
const MAX_ENTRIES: usize = 4096;

/// Where the files lie that come after this one, whether there are any or not: for `orders.toml` in `orders.d` beside it.
/// `None` for a file whose name does not end in `.toml`.
#[must_use]
pub fn drop_in_directory(file: &Path) -> Option<PathBuf> {
    file.extension().filter(|extension| *extension == "toml").map(|_| file.with_extension("d"))
}

/// The files that come after this one, in the order in which they are read. Hidden ones and those whose names do not end in
/// `.toml` are none.
///
/// # Errors
/// When their directory is there and cannot be read, or is no place for settings.
pub fn drop_in_files(file: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let Some(directory) = drop_in_directory(file) else { return Ok(Vec::new()) };
    let unreadable = |error: &std::io::Error| ConfigError::unreadable(&directory, error);
    let entries = match read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound && directory.symlink_metadata().is_err() => {
            return Ok(Vec::new());
        }
        // A file in the place of one of the directories above: the main file cannot be there either.
        Err(error) if error.kind() == ErrorKind::NotADirectory && directory.symlink_metadata().is_err() => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unreadable(&error)),
    };
    let mut files = Vec::new();
    for (number, entry) in entries.enumerate() {
        let name = entry.map_err(|error| unreadable(&error))?.file_name();
        if is_configuration(&name) {
            files.push(directory.join(name));
        }
        if number >= MAX_ENTRIES || files.len() > MAX_DROP_INS {
            let message = format!("it holds more than {MAX_DROP_INS} files of settings, or {MAX_ENTRIES} of any kind");
            return Err(ConfigError::unusable(&directory, &message));
        }
    }
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    Ok(files)
}

fn is_configuration(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".toml") && !name.starts_with(b".")
}
