//! The socket of a route: bound here, or passed by systemd.

use crate::config::OutRoute;
use listenfd::ListenFd;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};

/// Group and owner; whoever connects is checked besides.
const MODE: u32 = 0o660;
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
    /// To be removed at the end; one that systemd passed stays.
    path: Option<PathBuf>,
}

impl Listener {
    /// Takes the route's socket from those that were passed, or binds it.
    ///
    /// # Errors
    /// A sentence with route and path.
    pub fn open(route: &OutRoute, passed: &mut PassedSockets) -> Result<Self, String> {
        let name = &route.name;
        let (socket, path) = match passed.by_name.remove(name) {
            Some(socket) => (socket, None),
            None => {
                let failed = |reason| format!("route {name}: cannot listen on {}: {reason}", route.socket.display());
                (bind(&route.socket).map_err(failed)?, Some(route.socket.clone()))
            }
        };
        let socket = socket.set_nonblocking(true).and_then(|()| UnixListener::from_std(socket));
        let socket = socket.map_err(|error| format!("route {name}: cannot use its socket: {error}"))?;
        Ok(Self { socket, path })
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

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // It may be gone with its directory.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bind(path: &Path) -> Result<StdListener, String> {
    remove_stale(path)?;
    let explain = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => "its directory is not there; the unit makes /run/msgqd-nats".to_owned(),
        _ => error.to_string(),
    };
    let socket = StdListener::bind(path).map_err(explain)?;
    std::fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(explain)?;
    Ok(socket)
}

/// Of a gateway that was killed. A socket on which somebody listens stays.
fn remove_stale(path: &Path) -> Result<(), String> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err("something else is there, which is no socket; remove it, or write another path".to_owned());
    }
    match StdStream::connect(path) {
        Ok(_) => Err("somebody listens there already; is a second gateway running?".to_owned()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| format!("the old socket cannot be removed: {error}"))
        }
        Err(error) => Err(format!("the socket that is there cannot be tried: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_nobody_listens_on_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let first = bind(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, MODE);
        let error = bind(&path).unwrap_err();
        assert!(error.contains("listens there already"), "{error}");
        drop(first);
        drop(bind(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "kept").unwrap();
        let error = bind(&path).unwrap_err();
        assert!(error.contains("no socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
        let error = bind(&directory.path().join("missing/s")).unwrap_err();
        assert!(error.contains("directory is not there"), "{error}");
    }
}
