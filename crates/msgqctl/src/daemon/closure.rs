//! The note that closes the door of a queue: where it is, what it says, and that in words.

use super::files::DaemonFiles;
use crate::instances::directory_of_next_start;
use crate::output::moment;
use msgq_core::drain_note::{self, Closed};
use msgq_core::escape::escape;
use msgq_core::instance::closed_path;
use msgq_core::queue::QueueKey;
use msgq_core::serving::server_directories;
use msgq_core::trusted_file::TrustedUsers;
use std::path::PathBuf;

/// Where the daemon of this queue looks for the note: in the directory of its lock and table, or without a daemon where there
/// is one, or where the configuration of the queue says that it will be, or else in the first usual directory that exists.
pub(crate) fn closing_note_path(key: QueueKey, owner_uid: u32) -> Option<PathBuf> {
    let of_daemon = DaemonFiles::find(key, owner_uid).and_then(|files| Some(files.lock_path.parent()?.to_owned()));
    if let Some(directory) = of_daemon {
        return Some(closed_path(&directory, key));
    }
    let directories = server_directories(key, owner_uid);
    let mut notes = directories.iter().map(|directory| closed_path(&directory.path, key));
    let usual = || Some(directories.iter().find(|directory| directory.path.is_dir())?.path.clone());
    let told = || std::env::var_os("RUNTIME_DIRECTORY").is_none().then(|| directory_of_next_start(key)).flatten();
    let next = || told().or_else(usual);
    notes.find(|note| note.symlink_metadata().is_ok()).or_else(|| Some(closed_path(&next()?, key)))
}

/// The note; one that cannot be read closes the door as well.
pub(crate) fn closing_note(key: QueueKey, owner_uid: u32) -> Option<Closed> {
    let path = closing_note_path(key, owner_uid)?;
    match drain_note::read(&path, TrustedUsers::with_queue_owner(owner_uid)) {
        Ok(note) => note,
        Err(error) if path.symlink_metadata().is_ok() => {
            let reason = format!("{} cannot be read: {error}", path.display());
            Some(Closed { by: "somebody".to_owned(), at_s: 0, reason })
        }
        Err(_) => None,
    }
}

/// `closed for new requests since ... by root: reason`
pub(crate) fn closing_sentence(note: &Closed) -> String {
    let reason = if note.reason.is_empty() { String::new() } else { format!(": {}", escape(note.reason.as_bytes())) };
    let since = match i64::try_from(note.at_s) {
        Ok(at_s) if at_s > 0 => format!(" since {}", moment(at_s)),
        _ => String::new(),
    };
    format!("closed for new requests{since} by {}{reason}", escape(note.by.as_bytes()))
}
