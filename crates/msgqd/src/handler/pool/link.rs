//! What a pool needs to know of a link, and of what opens and closes links.

use rustix::event::PollFlags;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

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

/// How links are opened and closed.
pub(in crate::handler) trait Backend: Send + Sync + 'static {
    /// What a link is.
    type Link: Link;

    /// The kind of handler in the configuration and in the log.
    const KIND: &'static str;
    /// One link in a sentence for clients: "worker".
    const NOUN: &'static str;
    /// True when links are opened before there is a request for them.
    const IS_EAGER: bool;

    /// What is behind all links, for the log: "the worker program /usr/local/bin/answer".
    fn subject(&self) -> String;

    /// Opens a link, up to and with the hello. Gives up when `abort` is readable.
    ///
    /// # Errors
    /// The reason, as a sentence.
    fn open(&self, abort: BorrowedFd<'_>) -> Result<Self::Link, String>;

    /// Closes a link that no request uses any more; within the time that is left for it when there is a deadline.
    fn close(&self, link: Self::Link, end: &End, deadline: Option<Instant>);

    /// Time is up: what is still being closed ends at once.
    fn hurry(&self) {}

    /// The service ends, and all links are closed.
    fn finish(&self) {}
}

/// Why a link is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::handler) enum End {
    /// It has answered as many requests as it may.
    Recycled,
    /// The pool ends.
    Stopped,
    /// It ended while no request used it.
    Gone,
    /// It failed; a sentence that follows its name, as in "the worker ...".
    Broken(String),
}
