//! A request of a local client, from msgqd to NATS and back.

use super::asking::{Unanswered, ask};
use super::route::Route;
use crate::framing::Request;
use crate::metrics::Outcome;
use crate::wire::{Failure, Reply, budget};
use msgq_core::escape::escape;
use msgq_core::words::counted;
use tokio::time::{Instant, timeout_at};

/// What msgqd gets: status, and text or body.
pub(super) type LocalAnswer = (i32, Vec<u8>);

/// Answers the request, whatever happens, before its deadline.
pub(super) async fn answer(route: &Route, request: Request) -> LocalAnswer {
    let counted = route.metrics.begin();
    let (answer, outcome) = asked(route, request).await;
    counted.end(outcome);
    answer
}

async fn asked(route: &Route, request: Request) -> (LocalAnswer, Outcome) {
    let whole = budget(request.deadline);
    // A deadline that no clock reaches is none.
    let deadline = Instant::now().checked_add(whole).unwrap_or_else(|| Instant::now() + YEAR);
    if let Some(reason) = route.gateway.trouble() {
        return failed(route, &request, &Unanswered::NoConnection(reason));
    }
    let place = timeout_at(deadline, route.places.acquire()).await;
    let Ok(_place) = place else {
        let most = route.max_in_flight();
        let reason = format!(
            "{} {} under way already (max_in_flight) and none ended within {} ms",
            counted(most, "request"),
            if most == 1 { "is" } else { "are" },
            whole.as_millis()
        );
        return told(route, &request, Reply::not_run(&reason), Outcome::NotRun);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let (mtype, subject) = (route.mtype(&request), route.subject(&request));
    let headers = route.head(&request, left).to_headers();
    let payload = match route.codec.request_to_wire(mtype, request.payload.clone()) {
        Ok(payload) => payload,
        Err(error) => return told(route, &request, Reply::not_run(&error.to_string()), Outcome::NotRun),
    };
    match ask(&route.gateway, &subject, headers, payload, left).await {
        Ok(message) => replied(route, &request, Reply::from_message(&message)),
        Err(Unanswered::Timeout { subject, .. }) => {
            failed(route, &request, &Unanswered::Timeout { subject, limit_ms: whole.as_millis() })
        }
        Err(unanswered) => failed(route, &request, &unanswered),
    }
}

const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);

fn replied(route: &Route, request: &Request, reply: Reply) -> (LocalAnswer, Outcome) {
    let outcome = match (reply.failure, reply.status) {
        (Some(Failure::NotRun), _) => Outcome::NotRun,
        (Some(Failure::Unknown), _) => Outcome::Unknown,
        (None, 0) => Outcome::Answered,
        (None, _) => Outcome::Failed,
    };
    let reply = reply.cut_to(route.codec.failure_room());
    match route.codec.reply_to_local(route.mtype(request), &request.payload, reply) {
        Ok(answer) => (answer, outcome),
        Err(error) => told(route, request, Reply::unknown(&error.to_string()), Outcome::Unknown),
    }
}

fn failed(route: &Route, request: &Request, unanswered: &Unanswered) -> (LocalAnswer, Outcome) {
    let outcome = match unanswered {
        Unanswered::NoResponders(_) => Outcome::NoResponders,
        Unanswered::Timeout { .. } => Outcome::Timeout,
        Unanswered::Disconnected(_) => Outcome::Unknown,
        _ => Outcome::NotRun,
    };
    let reason = unanswered.to_string();
    let reply = if unanswered.is_unknown() { Reply::unknown(&reason) } else { Reply::not_run(&reason) };
    told(route, request, reply, outcome)
}

/// A failure of the gateway's own, which the log has too.
pub(super) fn told(route: &Route, request: &Request, reply: Reply, outcome: Outcome) -> (LocalAnswer, Outcome) {
    if let Some(more) = route.failures.admit() {
        let (name, id, client) = (&route.name, request.id, request.client);
        log::warn!("route {name}: request {id} of client {client}: {}{more}", escape(&reply.payload));
    }
    let reply = reply.cut_to(route.codec.failure_room());
    ((reply.status, reply.payload), outcome)
}
