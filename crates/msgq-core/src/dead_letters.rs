//! Dead letters: messages whose handler failed as often as it may, kept in a file until somebody looks at them.
//!
//! A line of JSON for each, with all of its bytes. The daemon appends; `msgqctl dead` lists, sends again and drops, also
//! while the daemon runs and while it does not. The file outlives daemon, queue and machine.
//!
//! Whoever writes has the file locked (flock(2)), and looks afterwards whether the path still names that file: to remove
//! lines a new file takes its place. Nobody waits long for the lock, so that no process that was stopped while it held
//! it can hold up a daemon.

mod file;
mod letter;
mod places;
mod reading;
mod rewriting;

pub use file::{DeadLetters, MAX_FILE_LEN};
pub use letter::{DeadLetter, MAX_BODY_LEN, letter_id, readable_text};
pub use places::{StateDirectory, directories_to_use, directory_to_use, files_of_queue, path};
pub use reading::{Letters, Record};
pub use rewriting::{Fate, Rewritten};

#[cfg(test)]
mod tests;
