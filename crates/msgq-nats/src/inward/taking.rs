//! One-way messages: out of a stream and into the queue, one after the other.

use super::clients::Clients;
use super::local_queue::Put;
use super::memory::{Identity, Memory};
use super::route::Route;
use super::stalled_consumer::{Found, StalledConsumer};
use super::stream::{ACK_WAIT, Opened, open};
use crate::config::InStream;
use crate::metrics::Outcome;
use crate::stop::Stop;
use crate::wire::RequestHead;
use async_nats::header::{HeaderValue, NATS_MESSAGE_ID};
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::Stream;
use async_nats::jetstream::message::AckKind;
use futures_util::{FutureExt, StreamExt};
use msgq_core::escape::escape;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// Between two words to the server that a message is still in hand, and between two tries to put it in.
const SLICE: Duration = Duration::from_millis(500);
/// Until a stream that cannot be read is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// Without a message for that long: whoever has one in hand has said so meanwhile.
const IDLE: Duration = ACK_WAIT.saturating_add(Duration::from_secs(2));
/// For the word of the server that it has an acknowledgement.
const ACK_LIMIT: Duration = Duration::from_secs(2);
/// Then the message comes again, and is known.
const ACK_TRIES: usize = 5;
const ACK_PAUSE: Duration = Duration::from_millis(100);
/// Until a message that cannot be put in is given by the server again.
const SET_BACK: Duration = Duration::from_secs(5);

/// What is to be put in, by the thread that is the client.
struct Job {
    mtype: i64,
    body: Arc<Vec<u8>>,
    done: oneshot::Sender<Put>,
}

/// Takes messages until the gateway ends.
pub(super) async fn consume(route: &Arc<Route>, stream: InStream, mut stop: Stop) -> Result<(), String> {
    let client = Arc::clone(route);
    let work = move |job: Job| {
        // Nobody waits for it any more only where all ends.
        let _ = job.done.send(client.queue.put(job.mtype, &job.body, SLICE));
    };
    let clients = Clients::start(route.name(), 1, 1, work)?;
    let mut taker = Taker { route: Arc::clone(route), stream, clients, memory: Memory::default(), stop: stop.clone() };
    tokio::select! {
        () = taker.route.gateway.connected() => {}
        () = stop.requested() => return Ok(()),
    }
    while !stop.is_requested() {
        let reason = taker.take_all().await;
        if let Some(reason) = reason {
            if route.gateway.trouble().is_none()
                && let Some(more) = route.failures.admit()
            {
                log::warn!("route {}: {reason}; trying again{more}", route.name());
            }
            tokio::select! {
                () = stop.requested() => {}
                () = sleep(PAUSE) => {}
            }
        }
    }
    taker.clients.finish().await;
    Ok(())
}

struct Taker {
    route: Arc<Route>,
    stream: InStream,
    clients: Clients<Job>,
    memory: Memory,
    stop: Stop,
}

/// Why a message is not in the queue.
enum NotPut {
    /// Another gateway may take it, at once.
    Stopped,
    /// It comes again when there is a connection, or goes to another gateway.
    Disconnected,
    /// Not as message and queue are now.
    Impossible(String),
}

impl Taker {
    /// Until the gateway ends, or the stream can be read no more; then why.
    async fn take_all(&mut self) -> Option<String> {
        let gateway = self.route.gateway.clone();
        let mut stop = self.stop.clone();
        let opened = async {
            gateway.connected().await;
            open(&gateway, &self.stream, &self.route.settings.subject).await
        };
        let Opened { mut messages, made_ns, stream, consumer } = tokio::select! {
            () = stop.requested() => return None,
            opened = opened => match opened {
                Ok(messages) => messages,
                Err(reason) => return Some(reason),
            },
        };
        self.memory.is_of_stream(made_ns);
        let mut stalled = StalledConsumer::default();
        loop {
            let next = tokio::select! {
                () = stop.requested() => {
                    give_back(messages).await;
                    return None;
                }
                next = timeout(IDLE, messages.next()) => next,
            };
            let Ok(next) = next else {
                match stalled.look(gateway.client(), &stream, &consumer).await {
                    Found::Nothing => {}
                    Found::ToldAgain(what) => log::warn!("route {}: {what}", self.route.name()),
                    Found::Removed(why) => return Some(why),
                    Found::Stalled(why) => self.stands_still(&why),
                }
                continue;
            };
            stalled = StalledConsumer::default();
            match next {
                Some(Ok(message)) => self.take(message).await,
                Some(Err(error)) => return Some(format!("stream {}: {}", self.stream.name, told(&error))),
                None => return Some(format!("stream {} gives no more messages", self.stream.name)),
            }
        }
    }

    fn stands_still(&self, why: &str) {
        if let Some(more) = self.route.failures.admit() {
            log::error!("route {}: stands still: {why}{more}", self.route.name());
        }
    }

    async fn take(&mut self, message: Message) {
        let info = match message.info() {
            Ok(info) => info,
            Err(error) => {
                log::error!("route {}: what came is no message of a stream: {}", self.route.name(), told(&*error));
                return;
            }
        };
        let identity = Identity {
            sequence: info.stream_sequence,
            published_ns: info.published.unix_timestamp_nanos(),
            id: unique_id(&message),
        };
        let is_duplicate = self.memory.has(identity);
        if !is_duplicate {
            let counted = self.route.metrics.begin();
            if let Err(not_put) = self.put(&message).await {
                counted.end(Outcome::NotRun);
                self.set_back(&message, identity.sequence, not_put).await;
                return;
            }
            self.memory.keep(identity);
            counted.end(Outcome::Answered);
        }
        self.route.metrics.count_consumed(is_duplicate);
        self.acknowledge(&message).await;
    }

    /// Puts the message in, and waits as long as that takes; the server hears that it is in hand.
    async fn put(&self, message: &Message) -> Result<(), NotPut> {
        let mtype = self.route.mtype(&RequestHead::read(message.headers.as_ref())).map_err(NotPut::Impossible)?;
        let body = self.route.codec.request_to_queue(&message.payload);
        let body = Arc::new(body.map_err(|error| NotPut::Impossible(error.to_string()))?);
        loop {
            let tried = Instant::now();
            let reason = match self.try_put(mtype, Arc::clone(&body)).await {
                Put::Done => return Ok(()),
                Put::Full => "the queue is full".to_owned(),
                Put::NoQueue(reason) => reason,
                Put::Impossible(reason) => return Err(NotPut::Impossible(reason)),
            };
            if let Some(more) = self.route.failures.admit() {
                let name = self.route.name();
                log::warn!("route {name}: a message of stream {} waits: {reason}{more}", self.stream.name);
            }
            sleep(SLICE.saturating_sub(tried.elapsed())).await;
            if self.stop.is_requested() {
                return Err(NotPut::Stopped);
            }
            if self.route.gateway.trouble().is_some() {
                return Err(NotPut::Disconnected);
            }
            // The next one follows soon.
            let _ = message.ack_with(AckKind::Progress).await;
        }
    }

    async fn try_put(&self, mtype: i64, body: Arc<Vec<u8>>) -> Put {
        let (done, result) = oneshot::channel();
        let lost = || Put::NoQueue("the thread of the route has ended".to_owned());
        if self.clients.give(Job { mtype, body, done }, None).is_err() {
            return lost();
        }
        result.await.unwrap_or_else(|_| lost())
    }

    async fn set_back(&self, message: &Message, sequence: u64, why: NotPut) {
        let delay = match why {
            NotPut::Disconnected => return,
            NotPut::Stopped => None,
            NotPut::Impossible(reason) => {
                let (name, stream) = (self.route.name(), &self.stream.name);
                let subject = escape(message.subject.as_bytes());
                log::error!(
                    "route {name}: message {sequence} of stream {stream} (subject {subject}) cannot be put into the queue: \
                     {reason}; the route stands still until it can, or until somebody removes the message: nats stream rmm \
                     {stream} {sequence}"
                );
                Some(SET_BACK)
            }
        };
        // Or the server gives it out again after a while.
        let _ = message.ack_with(AckKind::Nak(delay)).await;
    }

    /// Tells the server that the message is in the queue, until it confirms that. Where it does not, the message comes again and
    /// is known.
    async fn acknowledge(&self, message: &Message) {
        let Some(subject) = &message.reply else { return };
        let gateway = &self.route.gateway;
        for _ in 0..ACK_TRIES {
            let confirmed = gateway.client().request(subject.clone(), "+ACK".into());
            match timeout(ACK_LIMIT, confirmed).await {
                Ok(Ok(_)) => return,
                Ok(Err(_)) => sleep(ACK_PAUSE).await,
                Err(_) => {}
            }
            if gateway.trouble().is_some() {
                let _ = timeout(ACK_LIMIT, gateway.connected()).await;
            }
        }
        log::debug!("route {}: the server did not confirm an acknowledgement", self.route.name());
    }
}

/// The id of a message that a gateway has published, which is never used twice; those of others may be.
fn unique_id(message: &Message) -> Option<&str> {
    let headers = message.headers.as_ref()?;
    RequestHead::read(Some(headers)).request_id?;
    headers.get(NATS_MESSAGE_ID).map(HeaderValue::as_str)
}

/// What came and was not looked at may go to another gateway at once.
async fn give_back(mut messages: Stream) {
    while let Some(Some(Ok(message))) = messages.next().now_or_never() {
        let _ = message.ack_with(AckKind::Nak(None)).await;
    }
}

fn told(error: &(impl ToString + ?Sized)) -> String {
    escape(error.to_string().as_bytes())
}
