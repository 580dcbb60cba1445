//! Where the files are: in a directory that outlives the machine's restarts, if there is one.

use super::file::DeadLetters;
use crate::instance::{own_instance, own_of_several, runtime_directory};
use crate::queue::QueueKey;
use crate::table::is_memory_file_system;
use crate::trusted_file::{TrustedUsers, check_directory};
use std::ffi::OsStr;
use std::fs::{DirBuilder, canonicalize, read_dir};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Where the service manager makes the directories of units. Only root makes some there.
const UNIT_STATE_DIRECTORIES: &str = "/var/lib";

/// A directory for dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDirectory {
    /// The directory, which is there.
    pub path: PathBuf,
    /// True when all in it is lost when the machine restarts.
    pub is_in_memory: bool,
}

/// The file with the dead letters of a queue.
#[must_use]
pub fn path(directory: &Path, key: QueueKey) -> PathBuf {
    directory.join(format!("dead-{key}.jsonl"))
}

/// Where a daemon of this user may keep dead letters, best first: `$STATE_DIRECTORY` (systemd.exec(5)) and nothing else
/// if it is set; or `$XDG_STATE_HOME/msgqd` or `~/.local/state/msgqd`, below it that of the instance, and the directory of
/// its other files, which is in memory.
#[must_use]
pub fn directories_to_use() -> Vec<PathBuf> {
    if let Some(given) = std::env::var_os("STATE_DIRECTORY").as_deref().and_then(own_of_several) {
        // It is a symbolic link where the unit has DynamicUser=.
        return vec![canonicalize(&given).unwrap_or(given)];
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|directory| directory.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let own = absolute("XDG_STATE_HOME").or_else(home).map(|directory| directory.join("msgqd"));
    let own = own.map(|directory| own_instance().map_or(directory.clone(), |name| directory.join(name.as_str())));
    own.into_iter().chain([runtime_directory()]).collect()
}

/// The first of [`directories_to_use`] that can be had, made if it is missing.
///
/// # Errors
/// When none can be had, with the reason for each.
pub fn directory_to_use() -> io::Result<StateDirectory> {
    let mut reasons = Vec::new();
    for path in directories_to_use() {
        match prepare(&path) {
            Ok(is_in_memory) => return Ok(StateDirectory { path, is_in_memory }),
            Err(error) => reasons.push(format!("{}: {error}", path.display())),
        }
    }
    Err(io::Error::other(format!("no directory for dead letters can be had: {}", reasons.join("; "))))
}

fn prepare(directory: &Path) -> io::Result<bool> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    check_directory(directory, TrustedUsers::own())?;
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    is_memory_file_system(directory)
}

/// The files that may hold dead letters of a queue, whose owner is believed: those of this user's own daemon, and those of
/// the service in `/var/lib/msgqd` or another directory of that beginning.
#[must_use]
pub fn files_of_queue(key: QueueKey, owner_uid: u32) -> Vec<DeadLetters> {
    let mut directories = directories_to_use();
    directories.extend(directories_of_units());
    let mut files: Vec<DeadLetters> = Vec::new();
    for directory in directories {
        let path = path(&directory, key);
        if files.iter().all(|known| known.path() != path) {
            files.push(DeadLetters::at(path).of_users(TrustedUsers::in_directory(&directory, owner_uid)));
        }
    }
    files
}

fn directories_of_units() -> Vec<PathBuf> {
    let is_named_as_msgqds = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with("msgqd"));
    let entries = read_dir(UNIT_STATE_DIRECTORIES).into_iter().flatten().flatten();
    let named = entries.filter(|entry| is_named_as_msgqds(&entry.file_name())).map(|entry| entry.path());
    let with_instances = named.flat_map(|path| {
        let below = read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path());
        let instances: Vec<PathBuf> = below.filter(|path| path.is_dir()).collect();
        [path].into_iter().chain(instances)
    });
    let found = with_instances;
    let mut directories: Vec<PathBuf> = found.filter_map(|path| canonicalize(path).ok()).collect();
    directories.sort();
    directories
}
