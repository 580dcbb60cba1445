//! One-way messages: published to the stream, and handled as soon as that has them.

use super::asking::{Unanswered, ask};
use super::request::{LocalAnswer, told};
use super::route::Route;
use super::stream::Stream;
use crate::framing::Request;
use crate::metrics::Outcome;
use crate::wire::{Reply, budget};
use async_nats::Message;
use msgq_core::escape::escape;
use serde::Deserialize;

const MESSAGE_ID: &str = "Nats-Msg-Id";
const EXPECTED_STREAM: &str = "Nats-Expected-Stream";

/// What the stream says to a message.
#[derive(Debug, Deserialize)]
struct Acknowledgement {
    #[serde(default)]
    duplicate: bool,
    error: Option<StreamError>,
}

#[derive(Debug, Deserialize)]
struct StreamError {
    #[serde(default)]
    description: String,
}

/// Publishes the message; answered with status 0 once the stream has it.
pub(super) async fn answer(stream: &Stream, route: &Route, request: Request) -> LocalAnswer {
    let counted = route.metrics.begin();
    let (answer, outcome) = published(stream, route, request).await;
    counted.end(outcome);
    answer
}

async fn published(stream: &Stream, route: &Route, request: Request) -> (LocalAnswer, Outcome) {
    let limit = budget(request.deadline);
    let (mtype, subject) = (route.mtype(&request), route.subject(&request));
    let payload = match route.codec.request_to_wire(mtype, request.payload.clone()) {
        Ok(payload) => payload,
        Err(error) => return told(route, &request, Reply::not_run(&error.to_string()), Outcome::NotRun),
    };
    let mut headers = route.head(&request, limit).to_headers();
    headers.insert(MESSAGE_ID, stream.message_id(request.id).as_str());
    headers.insert(EXPECTED_STREAM, stream.name());
    match ask(&route.gateway, &subject, headers, payload, limit).await {
        Ok(message) => match acknowledged(&message) {
            Ok(is_duplicate) => {
                route.metrics.count_published(is_duplicate);
                ((0, Vec::new()), Outcome::Answered)
            }
            Err(reason) => {
                let reason = format!("stream {} did not take the message: {reason}", stream.name());
                told(route, &request, Reply::not_run(&reason), Outcome::NotRun)
            }
        },
        Err(unanswered) => failed(stream, route, &request, &unanswered),
    }
}

fn failed(stream: &Stream, route: &Route, request: &Request, unanswered: &Unanswered) -> (LocalAnswer, Outcome) {
    let name = stream.name();
    match unanswered {
        Unanswered::NoResponders(subject) => {
            let reason = format!("no stream takes messages on subject {subject}; that is to be stream {name}");
            told(route, request, Reply::not_run(&reason), Outcome::NoResponders)
        }
        Unanswered::Timeout { subject, limit_ms } => {
            let reason =
                format!("stream {name} did not acknowledge the message on subject {subject} within {limit_ms} ms");
            told(route, request, Reply::unknown(&reason), Outcome::Timeout)
        }
        other if other.is_unknown() => told(route, request, Reply::unknown(&other.to_string()), Outcome::Unknown),
        other => told(route, request, Reply::not_run(&other.to_string()), Outcome::NotRun),
    }
}

/// Whether the stream had it already.
fn acknowledged(message: &Message) -> Result<bool, String> {
    let acknowledgement: Acknowledgement =
        serde_json::from_slice(&message.payload).map_err(|_| "what answered on its subject is no stream".to_owned())?;
    match acknowledgement.error {
        Some(error) => Err(escape(error.description.as_bytes())),
        None => Ok(acknowledgement.duplicate),
    }
}
