//! Who may serve which of many queues, from one look at the directories and the processes.

use super::directories::{ServerDirectory, believed_directories, is_held_in, may_hold_files_of};
use super::processes::locks_of_processes;
use crate::instance::{candidate_directories, key_of_queue_file};
use crate::queue::QueueKey;
use crate::trusted_file::TrustedUsers;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What [`server_directories`](super::server_directories) and
/// [`directory_of_living_server`](super::directory_of_living_server) answer, for the queues of these owners.
#[derive(Debug)]
pub struct ServerOverview {
    directories: HashMap<u32, Vec<SeenDirectory>>,
    /// Owner, key, and the directory of a lock that one of its processes has open.
    locks: Vec<(u32, QueueKey, PathBuf)>,
}

#[derive(Debug)]
struct SeenDirectory {
    directory: ServerDirectory,
    /// Not only one of many in /run.
    is_usual: bool,
    /// The queues that it has files of; `None` where this user may not look.
    keys: Option<HashSet<QueueKey>>,
}

impl ServerOverview {
    /// One look for all queues that belong to these users.
    #[must_use]
    pub fn look(owners: &BTreeSet<u32>) -> Self {
        let directories = owners.iter().map(|owner| (*owner, seen_directories(*owner))).collect();
        Self { directories, locks: locks_of_processes(owners) }
    }

    /// Those that have files of this queue, or may have, most likely first.
    #[must_use]
    pub fn directories(&self, key: QueueKey, owner_uid: u32) -> Vec<ServerDirectory> {
        let may_have = |seen: &&SeenDirectory| match &seen.keys {
            Some(keys) => keys.contains(&key),
            None => seen.is_usual || may_hold_files_of(&seen.directory.path, key),
        };
        let seen = self.directories.get(&owner_uid).into_iter().flatten();
        seen.filter(may_have).map(|seen| seen.directory.clone()).collect()
    }

    /// The directory of a living process that has this queue's lock open, where it is held as seen from here too.
    #[must_use]
    pub fn directory_of_living_server(&self, key: QueueKey, owner_uid: u32) -> Option<ServerDirectory> {
        let users = TrustedUsers::with_queue_owner(owner_uid);
        let mut its = self.locks.iter().filter(|(owner, locked, _)| (*owner, *locked) == (owner_uid, key));
        its.find(|(_, _, path)| is_held_in(path, key, users))
            .map(|(_, _, path)| ServerDirectory { path: path.clone(), users })
    }
}

fn seen_directories(owner_uid: u32) -> Vec<SeenDirectory> {
    let usual = candidate_directories(owner_uid);
    let seen = believed_directories(owner_uid).into_iter().map(|directory| SeenDirectory {
        is_usual: usual.contains(&directory.path),
        keys: keys_in(&directory.path).ok(),
        directory,
    });
    seen.collect()
}

fn keys_in(directory: &Path) -> io::Result<HashSet<QueueKey>> {
    match std::fs::read_dir(directory) {
        Ok(entries) => Ok(entries.flatten().filter_map(|entry| key_of_queue_file(&entry.file_name())).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashSet::new()),
        Err(error) => Err(error),
    }
}
