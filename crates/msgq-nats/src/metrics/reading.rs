//! `msgq-nats metrics`: what the running gateway has counted.

use crate::config::GatewayConfig;
use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A gateway answers at once, or not at all.
const LIMIT: Duration = Duration::from_secs(10);
/// More is no list of metrics.
const MAX_LEN: u64 = 16 << 20;

/// What the running gateway's metrics are, as `msgq-nats metrics` prints them.
///
/// # Errors
/// A sentence where it cannot be asked.
pub fn read(config: &GatewayConfig) -> Result<String, String> {
    let path = &config.metrics_socket;
    from_socket(path).map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                "no gateway runs with this configuration; systemctl status msgqd-nats tells why".to_owned()
            }
            ErrorKind::PermissionDenied => "permission denied; use sudo, or become a member of its group".to_owned(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("the gateway did not answer within {} s", LIMIT.as_secs())
            }
            _ => error.to_string(),
        };
        format!("cannot read metrics from {} (gateway.metrics_socket): {reason}", path.display())
    })
}

fn from_socket(path: &std::path::Path) -> io::Result<String> {
    let connection = UnixStream::connect(path)?;
    connection.set_read_timeout(Some(LIMIT))?;
    let mut text = String::new();
    connection.take(MAX_LEN).read_to_string(&mut text)?;
    Ok(text)
}
