//! What a pool needs to know of a link.

use rustix::event::PollFlags;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// A conversation with one handler program. All its descriptors are non-blocking.
pub(in crate::handler) trait Link: Send + 'static {
    /// What it says is read here.
    fn reader(&self) -> Option<BorrowedFd<'_>>;

    /// What it is told is written here.
    fn writer(&self) -> Option<BorrowedFd<'_>>;

    /// Where its end is seen, and by which event.
    fn end(&self) -> (BorrowedFd<'_>, PollFlags);

    /// Where its words for the log come from, as long as they may.
    fn log(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Takes its words for the log; does not wait.
    fn forward_log(&mut self) {}

    /// What the keeper watches, as descriptors of its own, for it has no hold on a link that a request uses.
    fn watch(&self) -> io::Result<Watch> {
        let (end, end_event) = self.end();
        Ok(Watch {
            end: end.try_clone_to_owned()?,
            end_event,
            log: self.log().map(|log| log.try_clone_to_owned()).transpose()?,
        })
    }
}

/// See [`Link::watch`].
pub(in crate::handler) struct Watch {
    pub(super) end: OwnedFd,
    pub(super) end_event: PollFlags,
    pub(super) log: Option<OwnedFd>,
}
