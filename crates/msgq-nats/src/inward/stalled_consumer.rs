//! A consumer that gives nothing more out, for the sake of a message that was acknowledged long ago.
//!
//! One message is under way at a time. A server of NATS that is killed may start with a consumer that does not know any more
//! that its message was acknowledged (seen with version 2.9.10): its stream has let go of the message, so the consumer can
//! neither give it out again nor learn of its end. Either it is acknowledged once more, or the consumer is made anew. Nothing
//! is lost by that in a work queue, which has exactly what was not acknowledged.

use async_nats::Client;
use async_nats::jetstream::consumer::{Info, PullConsumer};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, RetentionPolicy, Stream};
use msgq_core::escape::escape;
use std::time::Duration;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(2);
/// Of those that are looked at, in one go.
const MOST: usize = 100;
/// Looks in a row that find the same. Within two a lost question of this gateway's own would have been noticed, since the
/// server's heartbeats are missing then.
const LOOKS: u32 = 3;

/// The description of consumers that a gateway has made.
pub(super) const DESCRIPTION: &str = "msgq-nats";

/// What a look has found; a sentence where something was done.
pub(super) enum Found {
    /// Nothing, or what may be as it should be.
    Nothing,
    /// It has been told again.
    ToldAgain(String),
    /// It is to be opened again.
    Removed(String),
    /// Somebody has to remove it.
    Stalled(String),
}

/// Looks at a consumer that has given nothing for a while: longer than a message is under way without a word.
#[derive(Debug, Default)]
pub(super) struct StalledConsumer {
    looks: u32,
}

impl StalledConsumer {
    /// Looks once, and does what it can.
    pub(super) async fn look(&mut self, client: &Client, stream: &Stream, consumer: &PullConsumer) -> Found {
        let Ok(info) = consumer.get_info().await else { return Found::Nothing };
        if info.num_ack_pending == 0 {
            self.looks = 0;
            return Found::Nothing;
        }
        let told = tell_again(client, stream, &info).await;
        self.looks = if told.is_some() || gives_nothing_out(&info) { self.looks.saturating_add(1) } else { 0 };
        match told {
            _ if self.looks >= LOOKS => removed(stream, &info).await,
            Some(numbers) => {
                Found::ToldAgain(format!("NATS had lost that it had been told of messages {numbers}; told again"))
            }
            None => Found::Nothing,
        }
    }
}

/// True where a message is under way at nobody. One that is with another gateway is above those that are acknowledged; and
/// that gateway has a question waiting, as this one has.
fn gives_nothing_out(info: &Info) -> bool {
    info.ack_floor.stream_sequence >= info.delivered.stream_sequence || info.num_waiting == 1
}

async fn removed(stream: &Stream, info: &Info) -> Found {
    let (stream_name, name) = (escape(info.stream_name.as_bytes()), escape(info.name.as_bytes()));
    let why = format!(
        "consumer {name} of stream {stream_name} gives nothing out, since a message counts as under way that no gateway has"
    );
    let help = format!("remove it, and the gateway makes it anew: nats consumer rm {stream_name} {name}");
    if stream.cached_info().config.retention != RetentionPolicy::WorkQueue {
        // A new one begins with messages that were handled.
        return Found::Stalled(format!("{why}, and the stream is no work queue, so it is left alone"));
    }
    if info.config.description.as_deref() != Some(DESCRIPTION) {
        return Found::Stalled(format!("{why}, and somebody else made it; {help}"));
    }
    match stream.delete_consumer(&info.name).await {
        Ok(_) => Found::Removed(format!("{why}; it was removed and is made anew")),
        Err(error) => {
            Found::Stalled(format!("{why}, and cannot be removed ({}); {help}", escape(error.to_string().as_bytes())))
        }
    }
}

/// Acknowledges messages that are under way and that the stream has no more. `Some`: their numbers, in words.
async fn tell_again(client: &Client, stream: &Stream, info: &Info) -> Option<String> {
    let mut repeated = Vec::new();
    for sequence in under_way(info) {
        if !is_gone(stream, sequence).await {
            continue;
        }
        // As the subject for the answer to a message has it, of which the server reads the number in the stream.
        let (stream_name, name) = (&info.stream_name, &info.name);
        let subject = format!("$JS.ACK.{stream_name}.{name}.1.{sequence}.{sequence}.0.0");
        if matches!(timeout(LIMIT, client.request(subject, "+ACK".into())).await, Ok(Ok(_))) {
            repeated.push(sequence.to_string());
        }
    }
    let stream_name = escape(info.stream_name.as_bytes());
    (!repeated.is_empty()).then(|| format!("{} of stream {stream_name}", repeated.join(", ")))
}

/// Numbers of messages that were given out, and of which not all were acknowledged.
fn under_way(info: &Info) -> impl Iterator<Item = u64> + use<> {
    let (acknowledged, given_out) = (info.ack_floor.stream_sequence, info.delivered.stream_sequence);
    (acknowledged.saturating_add(1)..=given_out).take(MOST)
}

/// Where that is not known it is taken to be there.
async fn is_gone(stream: &Stream, sequence: u64) -> bool {
    let found = stream.get_raw_message(sequence).await;
    found.is_err_and(|error| error.kind() == LastRawMessageErrorKind::NoMessageFound)
}
