//! Sockets in the file system that the gateway listens on: made for its owner and group, and one that a gateway which was killed
//! left behind is made anew.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Owner and group; whoever connects to a route is checked besides.
const MODE: u32 = 0o660;

/// A socket in the file system, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone with its directory.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens on this path.
///
/// # Errors
/// A sentence: something else is there, somebody listens there already, or the socket cannot be made.
pub(crate) fn bind_socket(path: &Path) -> Result<(UnixListener, SocketFile), String> {
    remove_stale(path)?;
    let explain = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => "its directory is not there; the unit makes /run/msgqd-nats".to_owned(),
        _ => error.to_string(),
    };
    let socket = StdListener::bind(path).map_err(explain)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(explain)?;
    Ok((listening(socket).map_err(explain)?, file))
}

/// A socket that listens already, for the runtime.
///
/// # Errors
/// As [`UnixListener::from_std`].
pub(crate) fn listening(socket: StdListener) -> io::Result<UnixListener> {
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
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

    #[tokio::test]
    async fn only_a_socket_that_nobody_listens_on_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let (first, file) = bind_socket(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, MODE);
        let error = bind_socket(&path).unwrap_err();
        assert!(error.contains("listens there already"), "{error}");
        // As a kill leaves it.
        drop(first);
        std::mem::forget(file);
        drop(bind_socket(&path).unwrap());
        assert!(!path.exists(), "it goes with who made it");
        std::fs::write(&path, "kept").unwrap();
        let error = bind_socket(&path).unwrap_err();
        assert!(error.contains("no socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
        let error = bind_socket(&directory.path().join("missing/s")).unwrap_err();
        assert!(error.contains("directory is not there"), "{error}");
    }
}
