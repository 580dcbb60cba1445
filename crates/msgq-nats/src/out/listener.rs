//! The socket of a route: bound here, or passed by systemd.

use crate::config::OutRoute;
use crate::unix_socket::{SocketFile, bind_socket, listening};
use listenfd::ListenFd;
use std::collections::BTreeMap;
use std::os::unix::net::UnixListener as StdListener;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};

/// Until there may be a descriptor again.
const PAUSE: Duration = Duration::from_millis(100);

/// The sockets that systemd passed, by their names.
#[derive(Debug, Default)]
pub struct PassedSockets {
    by_name: BTreeMap<String, StdListener>,
}

impl PassedSockets {
    /// Takes them, as sd_listen_fds_with_names(3) has them. To be called once, before there is a second thread.
    #[must_use]
    pub fn take() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut descriptors = ListenFd::from_env();
        let named = names.split(':').take(descriptors.len()).enumerate().filter_map(|(index, name)| {
            let socket = descriptors.take_unix_listener(index);
            if let Err(error) = &socket {
                log::warn!("the socket {name:?} that systemd passed cannot be used: {error}");
            }
            Some((name.to_owned(), socket.ok()??))
        });
        Self { by_name: named.collect() }
    }

    /// The names of those that no route took.
    pub fn left(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// Listens for msgqd.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    /// One that systemd passed stays.
    _file: Option<SocketFile>,
}

impl Listener {
    /// Takes the route's socket from those that were passed, or binds it.
    ///
    /// # Errors
    /// A sentence with route and path.
    pub fn open(route: &OutRoute, passed: &mut PassedSockets) -> Result<Self, String> {
        let name = &route.name;
        let (socket, file) = match passed.by_name.remove(name) {
            Some(socket) => {
                let failed = |error| format!("route {name}: cannot use the socket that systemd passed: {error}");
                (listening(socket).map_err(failed)?, None)
            }
            None => {
                let failed = |reason| format!("route {name}: cannot listen on {}: {reason}", route.socket.display());
                let (socket, file) = bind_socket(&route.socket).map_err(failed)?;
                (socket, Some(file))
            }
        };
        Ok(Self { socket, _file: file })
    }

    /// The next connection.
    pub(super) async fn accept(&self, route: &str) -> UnixStream {
        loop {
            match self.socket.accept().await {
                Ok((connection, _)) => return connection,
                Err(error) => {
                    log::warn!("route {route}: cannot accept a connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
