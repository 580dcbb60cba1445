//! Messages that an operator takes out of a queue, kept in a file, so that they can be put back with every byte, in their order.
//!
//! The first line of the file says of which queue they are, each line behind it is a message ([`SavedMessage`]), in the order of
//! the queue. It begins with where that message is now ([`SavedState`]), in a field of fixed width that is written over in
//! place: no step needs more room than there is, and a kill leaves at most one message of which it is not known on which side
//! it is.
//!
//! **Nothing is taken out that is not on the disk.** A message is copied (MSG_COPY), written and made durable first; then it is
//! marked, received and compared with its copy. Where somebody else receives messages of the same type at that moment, the
//! kernel may hand out one that was not copied: it is written at once and the taking ends ([`TakingEnd::AnotherReceiver`]). So
//! much can be lost to a SIGKILL in just that microsecond, and to nothing else. A kill at another moment loses nothing, and
//! doubles at most the one message that was in hand.
//!
//! The marks are not made durable one by one, since a machine that loses its power loses its queues too.
//!
//! ```no_run
//! use msgq_core::queue::{Queue, QueueKey};
//! use msgq_core::saved_messages::{SaveFile, Taking};
//! use std::path::Path;
//!
//! let queue = Queue::open(QueueKey::DEFAULT)?;
//! let mut file = SaveFile::create(Path::new("oldest.jsonl"), &queue)?;
//! // The two oldest messages of type 100.
//! let taken = file.take(&queue, Taking::of_types([(100, 2)]));
//! println!("{} messages were taken out", taken.messages());
//! # Ok::<(), msgq_core::saved_messages::SaveError>(())
//! ```

mod copying;
mod earlier;
mod error;
mod file;
mod line;
mod plan;
mod reading;
mod restoring;
mod taking;
mod whole_queue;

pub use error::SaveError;
pub use file::SaveFile;
pub use line::{SavedFrom, SavedMessage, SavedState};
pub use plan::{Taken, Taking, TakingEnd};
pub use reading::{SavedLine, SavedLines};
pub use restoring::{LeftMessage, Restore, RestoreEnd, Restored};

#[cfg(test)]
mod tests;
