//! The durable consumer of a stream, found or made.

use super::stalled_consumer::DESCRIPTION;
use crate::config::InStream;
use crate::connection::Gateway;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::{Config, Stream};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::Stream as Handle;
use msgq_core::escape::escape;
use std::time::Duration;

/// The server gives a message to another gateway when it hears nothing of it for that long: after a kill, this is how long
/// the stream stands still.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(3);
/// One message is under way at a time. So those behind it stay in the stream, and none overtakes one that comes again.
const UNDER_WAY: i64 = 1;
/// Asked for at a time, which saves questions.
const BATCH: usize = 100;
const EXPIRES: Duration = Duration::from_secs(30);
/// A server that is silent for two of these has forgotten the question.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A stream that is open.
pub(super) struct Opened {
    /// What the consumer gets of it.
    pub(super) messages: Stream,
    /// When it was made.
    pub(super) made_ns: i128,
    /// The stream itself.
    pub(super) stream: Handle,
    /// The consumer itself.
    pub(super) consumer: PullConsumer,
}

/// Messages of the stream as this consumer gets them.
///
/// # Errors
/// A sentence that says what is missing.
pub(super) async fn open(gateway: &Gateway, stream: &InStream, filter: &str) -> Result<Opened, String> {
    let found = gateway.jetstream().get_stream(&stream.name).await;
    let handle = found.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            format!("there is no stream {}", stream.name)
        }
        _ => format!("cannot ask for stream {}: {}", stream.name, told(&error)),
    })?;
    let made_ns = handle.cached_info().created.unix_timestamp_nanos();
    let consumer = consumer(&handle, stream, filter).await?;
    let config = &consumer.cached_info().config;
    let (name, consumer_name) = (&stream.name, &stream.consumer);
    if config.ack_policy != AckPolicy::Explicit {
        return Err(format!(
            "consumer {consumer_name} of stream {name} has no explicit acknowledgements (ack_policy); remove it, and the \
             gateway makes a right one"
        ));
    }
    if !config.filter_subject.is_empty() && config.filter_subject != filter {
        let its = escape(config.filter_subject.as_bytes());
        return Err(format!(
            "consumer {consumer_name} of stream {name} takes subject {its}, and the route {filter}; write another consumer, \
             or remove that one"
        ));
    }
    let request = consumer.stream().max_messages_per_batch(BATCH).expires(EXPIRES).heartbeat(HEARTBEAT);
    let messages = request.messages().await.map_err(|error| told(&error))?;
    Ok(Opened { messages, made_ns, stream: handle, consumer })
}

async fn consumer(handle: &Handle, stream: &InStream, filter: &str) -> Result<PullConsumer, String> {
    let (name, consumer_name) = (&stream.name, &stream.consumer);
    match handle.consumer_info(consumer_name).await {
        Ok(_) => {
            let found = handle.get_consumer(consumer_name).await;
            return found.map_err(|error| format!("consumer {consumer_name} of stream {name}: {}", told(&*error)));
        }
        Err(error) => match error.kind() {
            ConsumerInfoErrorKind::NotFound => {}
            _ => return Err(format!("cannot ask for consumer {consumer_name} of stream {name}: {}", told(&error))),
        },
    }
    let config = Config {
        durable_name: Some(consumer_name.clone()),
        description: Some(DESCRIPTION.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: UNDER_WAY,
        filter_subject: filter.to_owned(),
        ..Config::default()
    };
    let made = handle.create_consumer(config).await;
    made.map_err(|error| format!("cannot make consumer {consumer_name} of stream {name}: {}", told(&error)))
}

fn told(error: &(impl ToString + ?Sized)) -> String {
    escape(error.to_string().as_bytes())
}
