//! Streams and consumers of routes.

use super::report::Report;
use crate::config::{InStream, OutStream};
use crate::connection::Gateway;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::context::{ConsumerInfoErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use msgq_core::escape::escape;
use msgq_core::words::counted;
use std::io;

enum Found {
    Stream(Box<Stream>),
    Missing,
    Failed(String),
}

async fn find(gateway: &Gateway, name: &str) -> Found {
    match gateway.jetstream().get_stream(name).await {
        Ok(stream) => Found::Stream(Box::new(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => Found::Missing,
            _ => Found::Failed(escape(error.to_string().as_bytes())),
        },
    }
}

const ASKING_FAILED: &str =
    "do the servers have JetStream, and may the gateway's user publish to $JS.API.> and subscribe to _INBOX.>?";

/// The stream that a route out publishes to.
pub(super) async fn check_out(
    who: &str,
    settings: &OutStream,
    filter: &str,
    gateway: &Gateway,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let name = &settings.name;
    let stream = match find(gateway, name).await {
        Found::Stream(stream) => stream,
        Found::Missing if settings.create => {
            return report.note(who, &format!("stream {name} is not there yet; the gateway makes it when it starts"));
        }
        Found::Missing => {
            let advice = "make it, or write create_stream = true";
            return report.fail(who, &format!("there is no stream {name}"), advice);
        }
        Found::Failed(reason) => {
            return report.fail(who, &format!("cannot ask for stream {name}: {reason}"), ASKING_FAILED);
        }
    };
    let config = &stream.cached_info().config;
    check_subject(who, config, filter, report)?;
    note_retention(who, config, report)?;
    let window = config.duplicate_window.as_secs_f64();
    if config.duplicate_window.is_zero() {
        let advice = "give it one, such as 2 minutes, or a message that is sent again is kept twice";
        return report.fail(who, &format!("stream {name} has no duplicate window"), advice);
    }
    report.ok(who, &format!("stream {name} drops what is sent again within {window} s"))
}

/// The stream that a route in consumes.
pub(super) async fn check_in(
    who: &str,
    settings: &InStream,
    filter: &str,
    gateway: &Gateway,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let (name, consumer) = (&settings.name, &settings.consumer);
    let stream = match find(gateway, name).await {
        Found::Stream(stream) => stream,
        Found::Missing => {
            let advice = "make it, or let the gateway that publishes make it (create_stream = true)";
            return report.fail(who, &format!("there is no stream {name}"), advice);
        }
        Found::Failed(reason) => {
            return report.fail(who, &format!("cannot ask for stream {name}: {reason}"), ASKING_FAILED);
        }
    };
    check_subject(who, &stream.cached_info().config, filter, report)?;
    note_retention(who, &stream.cached_info().config, report)?;
    let info = match stream.consumer_info(consumer).await {
        Ok(info) => info,
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {
            return report
                .note(who, &format!("consumer {consumer} is not there yet; the gateway makes it when it starts"));
        }
        Err(error) => {
            let reason = escape(error.to_string().as_bytes());
            return report.fail(who, &format!("cannot ask for consumer {consumer}: {reason}"), ASKING_FAILED);
        }
    };
    let config = &info.config;
    let advice = "remove it, and the gateway makes a right one; what it has not given out stays in the stream";
    if config.ack_policy != AckPolicy::Explicit || config.deliver_subject.is_some() {
        let seen = format!("consumer {consumer} is none that is asked (pull) with explicit acknowledgements");
        return report.fail(who, &seen, advice);
    }
    if !config.filter_subject.is_empty() && config.filter_subject != filter {
        let its = escape(config.filter_subject.as_bytes());
        return report.fail(who, &format!("consumer {consumer} takes subject {its}, and the route {filter}"), advice);
    }
    report.ok(who, &fill(consumer, name, info.num_pending, info.num_ack_pending))?;
    if config.max_ack_pending != 1 {
        let most = config.max_ack_pending;
        let seen = format!(
            "consumer {consumer} gives out up to {most} messages at a time, so what comes again overtakes others"
        );
        report.note(who, &format!("{seen}; with max_ack_pending = 1 all stay in order"))?;
    }
    Ok(())
}

fn check_subject(who: &str, config: &Config, filter: &str, report: &mut Report<'_>) -> io::Result<()> {
    let name = &config.name;
    if config.subjects.iter().any(|subject| covers(subject, filter)) {
        return report.ok(who, &format!("stream {name} takes subject {filter}"));
    }
    let its = escape(config.subjects.join(", ").as_bytes());
    report.fail(who, &format!("stream {name} takes {its}, and not all of {filter}"), "add the subject to the stream")
}

fn note_retention(who: &str, config: &Config, report: &mut Report<'_>) -> io::Result<()> {
    if config.retention == RetentionPolicy::WorkQueue {
        return report.ok(who, &format!("stream {} is a work queue: what was taken leaves it", config.name));
    }
    let seen = format!("stream {} is no work queue, so messages stay until its limits remove them", config.name);
    report.note(who, &seen)
}

fn fill(consumer: &str, stream: &str, waiting: u64, under_way: usize) -> String {
    let wait = if waiting == 1 { "waits" } else { "wait" };
    format!("consumer {consumer} of stream {stream}: {} {wait}, {under_way} under way", counted(waiting, "message"))
}

/// Whether each subject that `narrow` stands for is one that `wide` stands for.
fn covers(wide: &str, narrow: &str) -> bool {
    let (mut wide, mut narrow) = (wide.split('.'), narrow.split('.'));
    loop {
        match (wide.next(), narrow.next()) {
            (None, None) | (Some(">"), Some(_)) => return true,
            (Some("*"), Some(word)) if word != ">" => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{covers, fill};

    #[test]
    fn a_stream_takes_all_of_a_subject_or_not() {
        for (wide, narrow) in
            [("a.b", "a.b"), ("a.*", "a.b"), ("a.*", "a.*"), ("a.>", "a.*.c"), (">", "a"), ("a.>", "a.>")]
        {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in
            [("a.b", "a.*"), ("a.*", "a.>"), ("a.*", "a.b.c"), ("a.>", "a"), ("a", "a.b"), ("b.>", ">")]
        {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn one_message_waits_and_several_wait() {
        let told = [0, 1, 2].map(|waiting| fill("c", "S", waiting, 1));
        let expected = ["0 messages wait", "1 message waits", "2 messages wait"];
        assert_eq!(told, expected.map(|fill| format!("consumer c of stream S: {fill}, 1 under way")));
    }
}
