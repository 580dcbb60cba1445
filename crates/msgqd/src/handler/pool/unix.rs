//! A service of the operator's behind a Unix stream socket: each connection from connect(2) to its end.
//!
//! A connection is made when a request needs it, kept, and replaced without harm when the service has closed it
//! meanwhile.

use super::Pool;
use super::conversation::{BreakKind, converse};
use super::link::{Backend, End, Link};
use super::shared::Limits;
use crate::alerts;
use crate::handler::framing::{HandlerProtocol, HelloDecoder};
use crate::handler::payload::Payload;
use crate::handler::process::{after, poll_until};
use crate::ratelimit::RateLimit;
use msgq_core::config::UnixConfig;
use msgq_core::escape::escape;
use nix::errno::Errno;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket};
use nix::unistd::User;
use rustix::event::{PollFd, PollFlags};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a service is tried again whose queue of connections is full; no event tells when it has room.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// Connects to nothing yet.
///
/// # Errors
/// There is no such user, or the daemon has no descriptor or no thread left for the pool itself.
pub(in crate::handler) fn unix_pool(config: &UnixConfig, payload: Payload) -> Result<Pool<UnixService>, String> {
    let limits = Limits {
        size: config.max_concurrency,
        timeout: config.timeout,
        max_requests: None,
        is_idempotent: config.is_idempotent,
        payload,
    };
    let service = UnixService {
        socket: config.socket.clone(),
        connect_timeout: config.connect_timeout,
        spoken: payload.handler_protocol,
        user: config.user.as_deref().map(find_user).transpose()?,
        ends: RateLimit::new("broken connections"),
    };
    Pool::new(service, limits)
        .map_err(|error| format!("cannot set up the connections to {}: {error}", config.socket.display()))
}

/// The number of the user of this name or number.
///
/// # Errors
/// There is none, or it cannot be looked up; a sentence.
pub(in crate::handler) fn find_user(name: &str) -> Result<u32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!("there is no user {name:?}; write the one that the service runs as in handler.user")),
        Err(errno) => Err(format!("cannot look up user {name:?}: {}", errno.desc())),
    }
}

/// A connection, as a link of the pool.
pub(in crate::handler) struct Connection {
    socket: OwnedFd,
}

impl Link for Connection {
    fn reader(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn writer(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn end(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.socket.as_fd(), PollFlags::RDHUP)
    }
}

/// Connects and disconnects.
pub(in crate::handler) struct UnixService {
    socket: PathBuf,
    connect_timeout: Duration,
    spoken: HandlerProtocol,
    /// The uid that must listen.
    user: Option<u32>,
    ends: RateLimit,
}

impl UnixService {
    fn path(&self) -> String {
        escape(self.socket.as_os_str().as_bytes())
    }

    fn connect(&self, deadline: Instant, abort: BorrowedFd<'_>) -> Result<OwnedFd, String> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(explain_errno)?;
        let address = UnixAddr::new(&self.socket).map_err(explain_errno)?;
        loop {
            match connect(socket.as_raw_fd(), &address) {
                Ok(()) => return Ok(socket),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let now = Instant::now();
                    if now >= deadline {
                        let limit = self.connect_timeout.as_millis();
                        return Err(format!("there was no room for one more connection within {limit} ms"));
                    }
                    let mut aborted = [PollFd::from_borrowed_fd(abort, PollFlags::IN)];
                    if poll_until(&mut aborted, deadline.min(now + FULL_PAUSE)).unwrap_or(true) {
                        return Err("the handler ends".to_owned());
                    }
                }
                Err(error) => return Err(explain_errno(error)),
            }
        }
    }

    fn check_user(&self, socket: &OwnedFd) -> Result<(), String> {
        let Some(expected) = self.user else { return Ok(()) };
        let peer = getsockopt(socket, PeerCredentials).map_err(|error| format!("its user is unknown: {error}"))?;
        if peer.uid() == expected {
            return Ok(());
        }
        let hint = if peer.uid() == 0 { "; a socket that systemd activates is served by uid 0" } else { "" };
        Err(format!("uid {} listens on it (PID {}), and not uid {expected}{hint}", peer.uid(), peer.pid()))
    }

    fn greet(&self, socket: OwnedFd, deadline: Instant, abort: BorrowedFd<'_>) -> Result<Connection, String> {
        let mut link = Connection { socket };
        match converse(&mut link, self.spoken.hello(), &mut HelloDecoder::new(self.spoken), deadline, Some(abort)) {
            Ok(()) => Ok(link),
            Err(failure) => Err(match failure.kind {
                BreakKind::Deadline => {
                    let limit = self.connect_timeout.as_millis();
                    format!("the service did not say hello within {limit} ms")
                }
                BreakKind::Closed | BreakKind::ClosedInFrame => {
                    "the service closed the connection before it said hello".to_owned()
                }
                kind => format!("the service {kind}"),
            }),
        }
    }
}

fn explain_errno(error: Errno) -> String {
    match error {
        Errno::ENOENT => "there is no socket (ENOENT); is the service started?".to_owned(),
        Errno::ECONNREFUSED => "nobody listens on it (ECONNREFUSED); is the service started?".to_owned(),
        Errno::EPROTOTYPE => "it is no stream socket (EPROTOTYPE)".to_owned(),
        error => format!("{} ({error:?})", error.desc()),
    }
}

impl Backend for UnixService {
    type Link = Connection;

    const KIND: &'static str = "unix";
    const NOUN: &'static str = "service";
    const IS_EAGER: bool = false;

    fn subject(&self) -> String {
        format!("the service on socket {}", self.path())
    }

    fn open(&self, abort: BorrowedFd<'_>) -> Result<Connection, String> {
        let deadline = after(Instant::now(), self.connect_timeout);
        let connected = self.connect(deadline, abort).and_then(|socket| {
            self.check_user(&socket)?;
            self.greet(socket, deadline, abort)
        });
        connected.map_err(|reason| format!("socket {}: {reason}", self.path()))
    }

    fn close(&self, link: Connection, end: &End, _deadline: Option<Instant>) {
        drop(link);
        let path = self.path();
        let End::Broken(reason) = end else {
            return log::debug!("connection to {path} closed: {end:?}");
        };
        if let Some(note) = self.ends.admit_with_note("more since the last report") {
            log::warn!(
                message_id = alerts::HANDLER_REPLACED;
                "the service on socket {path} {reason}; the connection is replaced{note}"
            );
        }
    }
}
