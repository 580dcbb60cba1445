//! Requests: from the subscription to a thread, and its answer back.

use super::clients::Clients;
use super::local_queue::Unanswered;
use super::route::Route;
use crate::connection::{Denial, DenialKind};
use crate::metrics::{InFlight, Outcome};
use crate::stop::Stop;
use crate::wire::{Reply, RequestHead, budget, wire_len};
use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use msgq_core::client::Received;
use msgq_core::escape::escape;
use msgq_core::words;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{sleep, timeout, timeout_at};

/// Whoever asks says how long it waits; a thread is not kept for ever all the same.
const LONGEST: Duration = Duration::from_secs(3600);
/// For a reply, where the connection takes nothing.
const REPLY_LIMIT: Duration = Duration::from_secs(5);
/// What comes in this time is counted before the subscription ends.
const DRAIN_LOOK: Duration = Duration::from_millis(50);
/// For the last messages of the subscription.
const LAST_LIMIT: Duration = Duration::from_millis(300);
/// For the end of what the client library has.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// Until a subscription that was refused is tried again.
const PAUSE: Duration = Duration::from_secs(10);

/// A request that waits for a thread, or is with one.
struct Job {
    message: Message,
    head: RequestHead,
    limit: Duration,
    deadline: Instant,
    counted: InFlight,
}

/// Serves the route until the gateway ends, and returns when all requests are answered.
pub(super) async fn serve(route: &Arc<Route>, stop: Stop) -> Result<(), String> {
    let settings = &route.settings;
    let (worker, runtime) = (Arc::clone(route), Handle::current());
    let work = move |job: Job| work(&worker, &runtime, job);
    let clients = Clients::start(&settings.name, settings.clients, settings.max_pending, work)?;
    let served = async {
        let served = take_all(route, &clients, stop).await;
        clients.finish().await;
        served
    };
    tokio::join!(served, turn_late_away(route, &clients)).0
}

/// Whoever asks hears in time that nobody took its request, also where those before it may wait for longer than it does.
async fn turn_late_away(route: &Route, clients: &Clients<Job>) {
    while let Some(late) = clients.late().await {
        for job in late {
            let answer = too_late(route, &job);
            finish(route, job, answer).await;
        }
    }
}

/// Gives the clients what the subscription brings, until the gateway ends.
async fn take_all(route: &Arc<Route>, clients: &Clients<Job>, mut stop: Stop) -> Result<(), String> {
    let settings = &route.settings;
    let mut denials = route.gateway.denials();
    let (mut subscription, mut taken) = (subscribe(route).await?, 0);
    loop {
        tokio::select! {
            () = stop.requested() => break,
            () = denied(&mut denials, &settings.subject) => {
                log::error!(
                    "route {}: no permission to subscribe to subject {}; trying again in {} s",
                    settings.name, settings.subject, PAUSE.as_secs()
                );
                tokio::select! {
                    () = stop.requested() => break,
                    () = sleep(PAUSE) => {}
                }
                (subscription, taken) = (subscribe(route).await?, 0);
            }
            message = subscription.next() => match message {
                Some(message) => {
                    taken += 1;
                    take(route, clients, message).await;
                }
                None => (subscription, taken) = (subscribe(route).await?, 0),
            },
        }
    }
    drain(route, clients, subscription, taken).await;
    Ok(())
}

async fn subscribe(route: &Route) -> Result<Subscriber, String> {
    let (subject, group) = (route.settings.subject.clone(), route.settings.queue_group.clone());
    let subscribed = route.gateway.client().queue_subscribe(subject.clone(), group).await;
    subscribed.map_err(|error| format!("route {}: cannot subscribe to subject {subject}: {error}", route.name()))
}

/// No more is sent to this gateway, and what is on its way already is taken; `taken` are the messages of this subscription so
/// far.
///
/// The client library (async-nats 0.50, `drain_pings` of its lib.rs) forgets a subscription once it has written the word that
/// ends it, and drops what the server sent before it read that word. So both are told a number first: the server sends no more
/// than so many, and the library waits for as many. There are more of them than are on their way over a link of up to 100 ms,
/// and they come soon where requests come one behind the other. Where they do not, one in the very moment of the end is
/// unlikely.
async fn drain(route: &Arc<Route>, clients: &Clients<Job>, mut subscription: Subscriber, taken: u64) {
    let (came, _) = take_for(DRAIN_LOOK, route, clients, &mut subscription).await;
    if subscription.unsubscribe_after(taken + 2 * came + 2).await.is_err() {
        return;
    }
    let (_, is_over) = take_for(LAST_LIMIT, route, clients, &mut subscription).await;
    if is_over || subscription.drain().await.is_err() {
        return;
    }
    let (_, is_over) = take_for(DRAIN_LIMIT, route, clients, &mut subscription).await;
    if !is_over && route.gateway.trouble().is_none() {
        log::warn!("route {}: the client of NATS did not confirm the end of the subscription", route.name());
    }
}

/// Takes what comes in that time: how many they were, and whether the subscription is over.
async fn take_for(
    limit: Duration,
    route: &Arc<Route>,
    clients: &Clients<Job>,
    subscription: &mut Subscriber,
) -> (u64, bool) {
    let (end, mut came) = (tokio::time::Instant::now() + limit, 0);
    loop {
        match timeout_at(end, subscription.next()).await {
            Ok(Some(message)) => take(route, clients, message).await,
            Ok(None) => return (came, true),
            Err(_) => return (came, false),
        }
        came += 1;
    }
}

/// Waits until the server says that the gateway may not subscribe there.
async fn denied(denials: &mut Receiver<Denial>, subject: &str) {
    loop {
        match denials.recv().await {
            Ok(denial) if denial.kind == DenialKind::Subscribe && denial.subject == subject => return,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

async fn take(route: &Arc<Route>, clients: &Clients<Job>, message: Message) {
    let head = RequestHead::read(message.headers.as_ref());
    // The sentence about a limit comes before whoever asks has given up.
    let limit = budget(head.deadline.unwrap_or(route.settings.timeout).min(LONGEST));
    let counted = route.metrics.begin();
    let deadline = Instant::now() + limit;
    let job = Job { message, head, limit, deadline, counted };
    if let Err(job) = clients.give(job, Some(deadline)) {
        let (waiting, host) = (route.settings.max_pending, route.gateway.host());
        let wait = if waiting == 1 { "waits" } else { "wait" };
        let reason = format!("{} {wait} already (max_pending) on host {host}", words::counted(waiting, "request"));
        let answer = (Reply::not_run(&reason), Outcome::NotRun);
        finish(route, job, answer).await;
    }
}

/// In a thread of the route.
fn work(route: &Route, runtime: &Handle, job: Job) {
    let answer = answer(route, &job);
    runtime.block_on(finish(route, job, answer));
}

fn answer(route: &Route, job: &Job) -> (Reply, Outcome) {
    let not_run = |reason: String| (Reply::not_run(&reason), Outcome::NotRun);
    let mtype = match route.mtype(&job.head) {
        Ok(mtype) => mtype,
        Err(reason) => return not_run(reason),
    };
    let body = match route.codec.request_to_queue(&job.message.payload) {
        Ok(body) => body,
        Err(error) => return not_run(format!("{error} (host {})", route.gateway.host())),
    };
    if Instant::now() >= job.deadline {
        return too_late(route, job);
    }
    match route.queue.exchange(mtype, &body, job.deadline) {
        Ok(received) => reply(route, received),
        Err(Unanswered::NotRun(reason)) => not_run(reason),
        Err(Unanswered::Timeout(reason)) => (Reply::unknown(&reason), Outcome::Timeout),
        Err(Unanswered::Unknown(reason)) => (Reply::unknown(&reason), Outcome::Unknown),
    }
}

fn too_late(route: &Route, job: &Job) -> (Reply, Outcome) {
    let (limit, clients) = (job.limit.as_millis(), route.settings.clients);
    let host = route.gateway.host();
    let reason = format!("no client of host {host} was free within {limit} ms (clients = {clients})");
    (Reply::not_run(&reason), Outcome::NotRun)
}

/// What is replied for what came out of the queue.
fn reply(route: &Route, received: Received) -> (Reply, Outcome) {
    let unknown = |reason: &str| (Reply::unknown(reason), Outcome::Unknown);
    let mut reply = match route.codec.reply_from_queue(received.body) {
        Ok(reply) => reply,
        Err(error) => return unknown(&format!("{error} (host {})", route.gateway.host())),
    };
    for part in received.more_parts {
        match route.codec.reply_from_queue(part) {
            Ok(more) if !more.is_whole => reply.payload.extend(more.payload),
            _ => return unknown("the request was run, and its answer came in parts; a reply has one body"),
        }
    }
    if received.is_error && reply.status == 0 {
        reply.status = -1;
    }
    let (len, most) = (wire_len(&reply.to_headers(), reply.payload.len()), route.gateway.client().max_payload());
    if len > most {
        return unknown(&format!("the request was run, but its answer has {len} bytes, and NATS takes {most}"));
    }
    let outcome = if reply.status == 0 { Outcome::Answered } else { Outcome::Failed };
    (reply, outcome)
}

async fn finish(route: &Route, job: Job, (reply, outcome): (Reply, Outcome)) {
    if reply.failure.is_some()
        && let Some(more) = route.failures.admit()
    {
        let id = job.head.request_id.map_or_else(|| "a request".to_owned(), |id| format!("request {id}"));
        let host = job.head.host.as_ref().map(|host| format!(" of host {}", escape(host.as_bytes())));
        let (name, host, text) = (route.name(), host.unwrap_or_default(), escape(&reply.payload));
        log::warn!("route {name}: {id}{host}: {text}{more}");
    }
    if let Some(subject) = job.message.reply {
        let headers = reply.to_headers();
        let published = route.gateway.client().publish_with_headers(subject, headers, reply.payload.into());
        if !matches!(timeout(REPLY_LIMIT, published).await, Ok(Ok(()))) {
            log::debug!("route {}: a reply could not be sent", route.name());
        }
    }
    job.counted.end(outcome);
}
