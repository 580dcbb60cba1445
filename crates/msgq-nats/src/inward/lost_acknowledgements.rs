//! A consumer that waits for the acknowledgement of a message that its stream has no more.
//!
//! A server of NATS that is killed may start with a stream that has let go of a message, and a consumer that does not know yet
//! that it was acknowledged. It gives nothing more out then, as one message is under way at a time, and nothing to
//! acknowledge either: there is no such message (seen with version 2.9.10).

use async_nats::Client;
use async_nats::jetstream::consumer::{Info, PullConsumer};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use msgq_core::escape::escape;
use std::time::Duration;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(2);
/// Of those that are looked at, in one go.
const MOST: usize = 100;

/// Acknowledges such messages. `Some`: their numbers, in words.
pub(super) async fn repeat(client: &Client, stream: &Stream, consumer: &PullConsumer) -> Option<String> {
    let info = consumer.get_info().await.ok()?;
    if info.num_ack_pending == 0 {
        return None;
    }
    let mut repeated = Vec::new();
    for sequence in under_way(&info) {
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
