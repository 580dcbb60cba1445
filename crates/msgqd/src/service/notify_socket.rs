//! The socket on which the service manager is told things (`$NOTIFY_SOCKET` in sd_notify(3)). Nobody waits for a manager that
//! does not read.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends assignments, each in a line; does nothing without a manager.
///
/// # Errors
/// `WouldBlock` when the manager does not read now, or another one when the socket cannot be used.
pub(super) fn send(assignments: &str) -> io::Result<()> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(&path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(assignments.as_bytes(), &address).map(|_| ())
}
