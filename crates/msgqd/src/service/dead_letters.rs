//! Where one-way requests are kept that were given up.

use crate::engine::WriteDeadLetter;
use msgq_core::dead_letters::{DeadLetters, directory_to_use, path};
use msgq_core::queue::QueueKey;

/// The file for the dead letters of this queue; the error is a sentence for the log.
pub(super) fn writer(key: QueueKey) -> Result<WriteDeadLetter, String> {
    let directory = directory_to_use().map_err(|error| {
        format!("{error}; with reply = \"none\" they are needed: set STATE_DIRECTORY to a directory on a disk")
    })?;
    let path = path(&directory.path, key);
    if directory.is_in_memory {
        log::warn!(
            "dead letters will be in {}, which is in memory: a restart of the machine loses them; set STATE_DIRECTORY to a \
             directory on a disk",
            path.display()
        );
    } else {
        log::info!("requests that are given up will be in {}", path.display());
    }
    let letters = DeadLetters::at(path);
    Ok(Box::new(
        move |letter, may_be_there| {
            if may_be_there { letters.append_once(letter).map(drop) } else { letters.append(letter) }
        },
    ))
}
