//! What files set at a boot, in the order of sysctl.d(5): of files with one name that in the first directory counts, then they
//! go by their names, and the last word holds.

use crate::failure::{Failure, Status};
use crate::output::shown_path;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What this command writes.
pub(super) const OWN_FILE: &str = "/etc/sysctl.d/60-msgqd.conf";
/// Where files lie, the most important directory first.
const DIRECTORIES: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];
/// Read behind all others by sysctl(8); where systemd reads it, a link in /etc/sysctl.d says so.
const LAST_FILE: &str = "/etc/sysctl.conf";
/// A longer file is none of settings.
const MAX_FILE_LEN: u64 = 1 << 20;

/// A line that sets a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) file: PathBuf,
    /// Counted from 1.
    pub(super) line: usize,
    /// With dots.
    pub(super) name: String,
    pub(super) value: u64,
}

/// All numbers that files set, in the order in which they are set.
pub(super) fn read_assignments() -> Result<Vec<Assignment>, Failure> {
    let mut files: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in DIRECTORIES {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(Path::new(directory), &error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| unreadable(Path::new(directory), &error))?.path();
            if let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|it| it == "conf")) {
                files.entry(name.to_owned()).or_insert_with(|| path.clone());
            }
        }
    }
    let last = PathBuf::from(LAST_FILE);
    let mut assignments = Vec::new();
    for file in files.into_values().chain(last.exists().then_some(last)) {
        let text = read_text(&file).map_err(|error| unreadable(&file, &error))?;
        assignments.extend(parse(&file, &text));
    }
    Ok(assignments)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let message =
        format!("cannot read {}: {error}; so it is not known what it sets, and nothing was changed", shown_path(path));
    Failure::new(Status::Other, message)
}

/// What a link to /dev/null says is nothing, and a pipe is not waited for.
fn read_text(file: &Path) -> io::Result<String> {
    let metadata = match file.metadata() {
        // A link to nothing, which sysctl passes over too.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Ok(String::new());
    }
    if metadata.len() > MAX_FILE_LEN {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    std::fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn parse<'a>(file: &'a Path, text: &'a str) -> impl Iterator<Item = Assignment> + 'a {
    text.lines().enumerate().filter_map(move |(index, line)| {
        let (name, value) = assignment_in(line)?;
        Some(Assignment { file: file.to_owned(), line: index + 1, name, value })
    })
}

/// The name, with dots, and the number that a line sets it to.
pub(super) fn assignment_in(line: &str) -> Option<(String, u64)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    // A minus says that an error does not matter.
    let name = name.trim().trim_start_matches('-').trim_start().replace('/', ".");
    Some((name, value.trim().parse().ok()?))
}

/// The text of the own file; empty where there is none. What is no file of root's is not touched.
pub(super) fn read_own_file() -> Result<String, Failure> {
    let path = Path::new(OWN_FILE);
    let refused = |reason: String| Failure::new(Status::Other, format!("{OWN_FILE} {reason}; nothing was changed"));
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(unreadable(path, &error)),
        Ok(it) if it.is_symlink() => Err(refused("is a symbolic link, which somebody made for a reason".to_owned())),
        Ok(it) if !it.is_file() => Err(refused("is no file".to_owned())),
        Ok(_) => read_text(path).map_err(|error| unreadable(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_sysctl_reads_them() {
        let is = |line: &str, expected: Option<u64>| {
            let found = assignment_in(line);
            assert_eq!(found, expected.map(|value| ("kernel.msgmnb".to_owned(), value)), "{line}");
        };
        for line in
            ["kernel.msgmnb=1", " kernel.msgmnb = 1 ", "kernel/msgmnb=1", "-kernel.msgmnb = 1", "- kernel.msgmnb=1"]
        {
            is(line, Some(1));
        }
        for line in
            ["", "# kernel.msgmnb = 1", ";kernel.msgmnb=1", "kernel.msgmnb", "-kernel.msgmnb", "kernel.msgmnb = x"]
        {
            is(line, None);
        }
    }
}
