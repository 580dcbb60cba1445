//! Speaking on a link: everything is told, one frame is waited for, and nothing takes longer than its deadline.

use super::link::Link;
use crate::handler::framing::{Decoder, Nonsense, beginning};
use crate::handler::process::{Chunk, poll_until, read_chunk};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// A conversation that failed.
#[derive(Debug)]
pub(in crate::handler) struct Break {
    pub(in crate::handler) kind: BreakKind,
    /// True when the other side may have heard anything of what it was told.
    pub(in crate::handler) was_sent: bool,
}

/// How a conversation failed; the text follows the name of the other side, as in "the worker ...".
#[derive(Debug, thiserror::Error)]
pub(in crate::handler) enum BreakKind {
    #[error("did not answer in time")]
    Deadline,
    #[error("ended before it answered")]
    Closed,
    #[error("ended in the middle of its answer")]
    ClosedInFrame,
    #[error("{0}")]
    Nonsense(#[from] Nonsense),
    #[error("was not waited for")]
    Aborted,
    #[error("cannot be spoken to: {0}")]
    Io(#[from] io::Error),
}

/// Tells `output` and waits for one frame.
pub(in crate::handler) fn converse<L: Link, D: Decoder>(
    link: &mut L,
    output: &[u8],
    decoder: &mut D,
    deadline: Instant,
    abort: Option<BorrowedFd<'_>>,
) -> Result<D::Frame, Break> {
    let mut unsent = output;
    run(link, &mut unsent, decoder, deadline, abort)
        .map_err(|kind| Break { kind, was_sent: unsent.len() < output.len() })
}

fn run<L: Link, D: Decoder>(
    link: &mut L,
    unsent: &mut &[u8],
    decoder: &mut D,
    deadline: Instant,
    abort: Option<BorrowedFd<'_>>,
) -> Result<D::Frame, BreakKind> {
    let mut is_deaf = !write_some(link, unsent)?;
    loop {
        let ready = wait(link, !is_deaf && !unsent.is_empty(), deadline, abort)?;
        if ready.abort {
            return Err(BreakKind::Aborted);
        }
        if ready.log {
            link.forward_log();
        }
        if ready.writable {
            is_deaf = !write_some(link, unsent)?;
        }
        if ready.readable {
            if let Some(frame) = read_some(link, decoder)? {
                // An answer to what was not told to the end is none.
                return if unsent.is_empty() { Ok(frame) } else { Err(BreakKind::Closed) };
            }
        } else if ready.end {
            return Err(closed(decoder));
        }
        if Instant::now() >= deadline {
            return Err(BreakKind::Deadline);
        }
    }
}

/// False when the other side does not listen any more; it may have said something before.
fn write_some<L: Link>(link: &L, unsent: &mut &[u8]) -> Result<bool, BreakKind> {
    let Some(writer) = link.writer() else { return Ok(false) };
    while !unsent.is_empty() {
        match rustix::io::write(writer, unsent) {
            Ok(len) => *unsent = unsent.get(len..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => break,
            Err(Errno::PIPE | Errno::CONNRESET) => return Ok(false),
            Err(error) => return Err(BreakKind::Io(error.into())),
        }
    }
    Ok(true)
}

fn read_some<L: Link, D: Decoder>(link: &L, decoder: &mut D) -> Result<Option<D::Frame>, BreakKind> {
    let Some(reader) = link.reader() else { return Err(closed(decoder)) };
    let mut page = [0; 4096];
    match read_chunk(reader, &mut page) {
        Ok(Chunk::Bytes(len)) => Ok(decoder.feed(page.get(..len).unwrap_or_default())?),
        Ok(Chunk::Empty) => Ok(None),
        Ok(Chunk::End) => Err(closed(decoder)),
        Err(error) if error.raw_os_error() == Some(Errno::CONNRESET.raw_os_error()) => Err(closed(decoder)),
        Err(error) => Err(BreakKind::Io(error)),
    }
}

fn closed<D: Decoder>(decoder: &D) -> BreakKind {
    if decoder.has_begun() { BreakKind::ClosedInFrame } else { BreakKind::Closed }
}

#[derive(Debug, Default)]
struct ReadyEvents {
    abort: bool,
    end: bool,
    log: bool,
    readable: bool,
    writable: bool,
}

fn wait<L: Link>(
    link: &L,
    wants_to_write: bool,
    deadline: Instant,
    abort: Option<BorrowedFd<'_>>,
) -> io::Result<ReadyEvents> {
    let (end, end_event) = link.end();
    // The end stands before what is read: poll looks at them in this order, so what was written before an end that
    // was seen is seen as well.
    let sources = [
        (abort, PollFlags::IN),
        (Some(end), end_event),
        (link.log(), PollFlags::IN),
        (link.reader(), PollFlags::IN),
        (link.writer().filter(|_| wants_to_write), PollFlags::OUT),
    ];
    let mut fds = Vec::with_capacity(sources.len());
    fds.extend(sources.iter().filter_map(|(fd, event)| fd.map(|fd| PollFd::from_borrowed_fd(fd, *event))));
    poll_until(&mut fds, deadline)?;
    let mut events = fds.iter().map(|fd| !fd.revents().is_empty());
    let [abort, end, log, readable, writable] = sources.map(|(fd, _)| fd.is_some() && events.next().unwrap_or(false));
    Ok(ReadyEvents { abort, end, log, readable, writable })
}

/// Why an idle link cannot be used.
#[derive(Debug)]
pub(super) enum Stale {
    /// It has ended, as it may.
    Gone,
    /// It spoke without being asked, or cannot be looked at.
    Broken(BreakKind),
}

/// Looks at an idle link before it is used: it must be there, and silent.
pub(super) fn check_idle<L: Link>(link: &mut L) -> Result<(), Stale> {
    let ready = wait(link, false, Instant::now(), None).map_err(|error| Stale::Broken(error.into()))?;
    if ready.log {
        link.forward_log();
    }
    if ready.readable {
        let mut bytes = [0; 256];
        return match link.reader().map(|reader| read_chunk(reader, &mut bytes)) {
            Some(Ok(Chunk::Empty)) if !ready.end => Ok(()),
            Some(Ok(Chunk::Bytes(len))) => {
                let said = beginning(bytes.get(..len).unwrap_or_default());
                Err(Stale::Broken(Nonsense::Unasked(said).into()))
            }
            _ => Err(Stale::Gone),
        };
    }
    if ready.end { Err(Stale::Gone) } else { Ok(()) }
}
