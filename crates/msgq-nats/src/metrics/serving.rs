//! Who asks for the metrics gets them: as they are on the Unix socket, and by HTTP where an address was given.
//!
//! HTTP is written here by hand. There is one document, every GET has it, and the connection is closed behind it: of an HTTP
//! server nothing would be used but its dependencies, in a program that is open to the network.

use super::Metrics;
use crate::config::GatewayConfig;
use crate::stop::Stop;
use crate::unix_socket::{SocketFile, bind_socket};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Connections at a time.
const CONNECTIONS: usize = 32;
/// For one connection.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest head of a request that is read.
const HEAD_LEN: usize = 8192;
/// Until there may be a descriptor again.
const PAUSE: Duration = Duration::from_millis(100);
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers whoever asks for the metrics, until the gateway ends. The sockets are bound when this returns.
///
/// # Errors
/// A sentence where a socket cannot be bound.
pub async fn serve(config: &GatewayConfig, metrics: &Metrics, stop: &Stop) -> Result<(), String> {
    let path = &config.metrics_socket;
    let failed = |reason| format!("cannot listen on {} (gateway.metrics_socket): {reason}", path.display());
    let (socket, file) = bind_socket(path).map_err(failed)?;
    let tcp = match config.metrics {
        Some(address) => {
            let failed = |error| format!("cannot listen on {address} (gateway.metrics): {error}");
            Some(TcpListener::bind(address).await.map_err(failed)?)
        }
        None => None,
    };
    let unix = UnixSocket { socket, _file: file };
    tokio::spawn(serve_until_stop(unix, metrics.clone(), Protocol::Plain, stop.clone()));
    if let Some(tcp) = tcp {
        tokio::spawn(serve_until_stop(tcp, metrics.clone(), Protocol::Http, stop.clone()));
    }
    Ok(())
}

struct UnixSocket {
    socket: UnixListener,
    _file: SocketFile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// The text, whatever is said.
    Plain,
    Http,
}

/// What connections come from.
trait Listening: Send + Sync + 'static {
    type Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn next(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send;
}

impl Listening for UnixSocket {
    type Connection = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.socket.accept().await.map(|(connection, _)| connection)
    }
}

impl Listening for TcpListener {
    type Connection = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(connection, _)| connection)
    }
}

async fn serve_until_stop(listening: impl Listening, metrics: Metrics, protocol: Protocol, mut stop: Stop) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // A semaphore that nobody closes.
        let place = Arc::clone(&places).acquire_owned().await;
        let accepted = tokio::select! {
            () = stop.requested() => return,
            accepted = listening.next() => accepted,
        };
        match accepted {
            Ok(connection) => {
                let metrics = metrics.clone();
                tokio::spawn(async move {
                    // Who does not read in time gets less.
                    let _ = timeout(LIMIT, answer(connection, &metrics, protocol)).await;
                    drop(place);
                });
            }
            Err(error) => {
                log::warn!("cannot accept a connection for metrics: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer<C: AsyncRead + AsyncWrite + Unpin>(mut connection: C, metrics: &Metrics, protocol: Protocol) {
    let text = match protocol {
        Protocol::Plain => metrics.render(),
        Protocol::Http => match head(&mut connection).await {
            Some(head) => response(&head, || metrics.render()),
            None => return,
        },
    };
    if connection.write_all(text.as_bytes()).await.is_ok() {
        // Whoever reads has all of it then.
        let _ = connection.shutdown().await;
    }
}

/// All up to the empty line.
async fn head<C: AsyncRead + Unpin>(connection: &mut C) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = connection.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        head.extend_from_slice(buffer.get(..length)?);
        if head.len() > HEAD_LEN {
            return None;
        }
    }
    Some(head)
}

pub(super) fn response(head: &[u8], render: impl FnOnce() -> String) -> String {
    let (status, content_type, text) = if head.starts_with(b"GET ") {
        ("200 OK", CONTENT_TYPE, render())
    } else {
        ("405 Method Not Allowed\r\nAllow: GET", "text/plain", "only GET is answered here\n".to_owned())
    };
    let length = text.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )
}
