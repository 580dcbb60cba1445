//! One connection of msgqd, from its hello to its end.

use super::publishing;
use super::request;
use super::route::Route;
use crate::framing::{FramingError, Request, Version, encode_answer, read_hello, read_request};
use crate::stop::Stop;
use crate::wire::Reply;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout};

type Reader = BufReader<OwnedReadHalf>;

/// For msgqd to say hello, and to take an answer.
const PEER_LIMIT: Duration = Duration::from_secs(10);
/// What msgqd wrote just before it heard of the end is still answered: a connection counts as done when it was idle so long.
const IDLE_AT_END: Duration = Duration::from_millis(100);
/// And no longer than this, whoever goes on writing.
const WHOLE_END: Duration = Duration::from_secs(1);

/// Why a conversation ends.
enum End {
    /// As it may at any time.
    Quiet,
    Broken(FramingError),
    Unwritable(io::Error),
}

impl From<FramingError> for End {
    fn from(error: FramingError) -> Self {
        Self::Broken(error)
    }
}

/// Answers requests until msgqd or the gateway ends.
pub(super) async fn serve(connection: UnixStream, route: &Route, stop: Stop) {
    let (reader, writer) = connection.into_split();
    let reader = BufReader::new(reader);
    let reason = match converse(reader, writer, route, stop).await {
        Ok(()) | Err(End::Quiet | End::Broken(FramingError::Io(_))) => return,
        Err(End::Broken(error)) => error.to_string(),
        Err(End::Unwritable(error)) => format!("did not take its answer: {error}"),
    };
    if let Some(more) = route.failures.admit() {
        log::warn!("route {}: msgqd {reason}; the connection is closed{more}", route.name);
    }
}

async fn converse(mut reader: Reader, mut writer: OwnedWriteHalf, route: &Route, mut stop: Stop) -> Result<(), End> {
    let said = timeout(PEER_LIMIT, read_hello(&mut reader)).await.map_err(|_| End::Quiet)?;
    let Some(version) = said? else { return Ok(()) };
    if let Some(stream) = &route.stream {
        tokio::select! {
            () = stream.ready() => {}
            () = stop.requested() => return Ok(()),
            said = more(&mut reader) => return said,
        }
    }
    write(&mut writer, version.hello()).await?;
    let mut ending = Ending { stop, since: None };
    while let Some(request) = next_request(&mut reader, version, route, &mut ending).await? {
        let id = request.id;
        let (status, payload) = if ending.since.is_some() && route.stream.is_none() {
            let reply = Reply::not_run("the gateway ends");
            (reply.status, reply.payload)
        } else {
            attended(&mut reader, route, request).await?
        };
        write(&mut writer, &encode_answer(id, status, &payload)).await?;
    }
    Ok(())
}

/// The end of the gateway, as a connection sees it.
struct Ending {
    stop: Stop,
    since: Option<Instant>,
}

impl Ending {
    /// Waits until the connection is to be closed, if nothing comes.
    async fn is_due(&mut self) {
        if self.since.is_none() {
            self.stop.requested().await;
            self.since = Some(Instant::now());
        }
        sleep(IDLE_AT_END).await;
    }

    fn is_over(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() > WHOLE_END)
    }
}

/// `None` where the connection is to be closed.
async fn next_request(
    reader: &mut Reader,
    version: Version,
    route: &Route,
    ending: &mut Ending,
) -> Result<Option<Request>, End> {
    if ending.is_over() {
        return Ok(None);
    }
    let begun = tokio::select! {
        biased;
        begun = reader.fill_buf() => begun,
        () = lost(route) => return Ok(None),
        () = ending.is_due() => return Ok(None),
    };
    // From its first byte on a request is read to its end.
    match begun {
        Ok([]) | Err(_) => Ok(None),
        Ok(_) => Ok(read_request(reader, version).await?),
    }
}

/// One-way messages wait in their queue while there is no connection, and msgqd is to see that.
async fn lost(route: &Route) {
    match &route.stream {
        Some(_) => route.gateway.disconnected().await,
        None => std::future::pending().await,
    }
}

/// The answer, unless msgqd ends before, which then wants none.
async fn attended(reader: &mut Reader, route: &Route, request: Request) -> Result<request::LocalAnswer, End> {
    let answer = async {
        match &route.stream {
            Some(stream) => publishing::answer(stream, route, request).await,
            None => request::answer(route, request).await,
        }
    };
    tokio::select! {
        answer = answer => Ok(answer),
        said = more(reader) => Err(said.err().unwrap_or(End::Quiet)),
    }
}

/// Waits for the end of the connection. Anything else that comes is not allowed here.
async fn more(reader: &mut Reader) -> Result<(), End> {
    match reader.fill_buf().await {
        Ok([]) | Err(_) => Ok(()),
        Ok(_) => Err(End::Broken(FramingError::Unasked)),
    }
}

async fn write(writer: &mut OwnedWriteHalf, bytes: &[u8]) -> Result<(), End> {
    let written = timeout(PEER_LIMIT, writer.write_all(bytes)).await;
    match written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        // It has given up.
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
            Err(End::Quiet)
        }
        written => written.map_err(End::Unwritable),
    }
}
