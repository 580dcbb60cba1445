//! Routes from local queues to NATS: a service for msgqd, behind a Unix socket.

mod asking;
mod conversation;
mod listener;
mod peer;
mod publishing;
mod request;
mod route;
mod stream;

pub use listener::{Listener, PassedSockets};

use crate::config::OutRoute;
use crate::connection::Gateway;
use crate::metrics::Metrics;
use crate::stop::Stop;
use route::Route;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections of one route at a time; msgqd has as many as its `max_concurrency` says, at most 256.
const CONNECTIONS: usize = 256;

/// Serves the route until the gateway ends, and returns when what was in hand is finished.
///
/// # Errors
/// A sentence, where the route cannot be served at all.
pub async fn run(
    route: OutRoute,
    listener: Listener,
    gateway: Gateway,
    metrics: Metrics,
    mut stop: Stop,
) -> Result<(), String> {
    let route = Arc::new(Route::new(route, gateway, &metrics)?);
    let preparing = route.stream.clone().map(|stream| tokio::spawn(async move { stream.prepare().await }));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut conversations = JoinSet::new();
    tokio::select! {
        () = route.gateway.settled() => {}
        () = stop.requested() => {}
    }
    loop {
        // A semaphore that nobody closes.
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async { (place.await, listener.accept(&route.name).await) };
        let (place, connection) = tokio::select! {
            () = stop.requested() => break,
            Some(_) = conversations.join_next() => continue,
            accepted = accepted => accepted,
        };
        if !route.peers.allows(&connection) {
            continue;
        }
        let (route, stop) = (Arc::clone(&route), stop.clone());
        conversations.spawn(async move {
            conversation::serve(connection, &route, stop).await;
            drop(place);
        });
    }
    // Nobody connects any more, and who is connected gets answers.
    drop(listener);
    while conversations.join_next().await.is_some() {}
    if let Some(preparing) = preparing {
        preparing.abort();
    }
    Ok(())
}
