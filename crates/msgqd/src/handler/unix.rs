//! A service of the operator's behind a Unix stream socket.

mod connection;

use super::pool::{Limits, Pool};
use super::{Handler, HandlerRequest, Reply};
use connection::Service;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where [`UnixUpstream`] connects to, and within which limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSettings {
    /// The socket; who listens on it speaks the handler protocol (docs/handler-protocol.md) on each connection.
    pub socket: PathBuf,
    /// Connections, and so requests at the same time; 0 counts as 1.
    pub connections: usize,
    /// Time for a connection to be made and the service to say hello.
    pub connect_timeout: Duration,
    /// Time for a request, from when it was taken from the queue until its answer is there.
    pub timeout: Duration,
    /// The user, as a uid, that must listen; `None`: any. It is the one that called listen(2): for a socket that
    /// systemd activates, that is systemd, so 0 (unix(7), SO_PEERCRED).
    pub user: Option<u32>,
    /// True when a request may be run a second time: one whose connection broke is then sent on another.
    pub idempotent: bool,
}

/// Connections to a service that answers one request at a time on each.
///
/// A connection is made when a request needs it, kept, and replaced without harm when the service has closed it
/// meanwhile. Failures in a row, pauses and being down are as for [`super::WorkerPool`].
pub struct UnixUpstream {
    pool: Pool<Service>,
}

impl UnixUpstream {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The daemon has no descriptor or no thread left for the pool itself.
    pub fn new(settings: &UnixSettings) -> io::Result<Self> {
        let limits = Limits {
            size: settings.connections,
            timeout: settings.timeout,
            max_requests: None,
            idempotent: settings.idempotent,
        };
        Ok(Self { pool: Pool::new(Service::new(settings), limits)? })
    }
}

impl fmt::Debug for UnixUpstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UnixUpstream").field("service", self.pool.backend()).finish_non_exhaustive()
    }
}

impl Handler for UnixUpstream {
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
        self.pool.ask(request)
    }

    fn concurrency(&self) -> usize {
        self.pool.size()
    }

    fn name(&self) -> &'static str {
        "unix"
    }

    fn trouble(&self) -> Option<String> {
        self.pool.trouble()
    }

    fn abort(&self) {
        self.pool.abort();
    }

    fn stop(&self, deadline: Instant) {
        self.pool.stop(deadline);
    }
}
