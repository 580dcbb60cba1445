//! Routes from NATS to local queues.
//!
//! A request goes to one of a few threads, each of which is a client of the local queue under its own number, and is put
//! into the queue once. One-way messages come from a stream, one after the other.

mod clients;
mod local_queue;
mod memory;
mod requests;
mod route;
mod stalled_consumer;
mod stream;
mod taking;

use crate::config::InRoute;
use crate::connection::Gateway;
use crate::metrics::Metrics;
use crate::stop::Stop;
use route::Route;
use std::sync::Arc;

/// Serves the route until the gateway ends, and returns when what was in hand is finished.
///
/// # Errors
/// A sentence, where the route cannot be served at all.
pub async fn run(route: InRoute, gateway: Gateway, metrics: Metrics, stop: Stop) -> Result<(), String> {
    let stream = route.stream.clone();
    let route = Arc::new(Route::new(route, gateway, &metrics)?);
    // Also where the time for what is in hand is over, and this is dropped.
    let _own_queues = RemovedAtEnd(Arc::clone(&route));
    match stream {
        Some(stream) => taking::consume(&route, stream, stop).await,
        None => requests::serve(&route, stop).await,
    }
}

/// Clients' own queues outlive a process that does not remove them.
struct RemovedAtEnd(Arc<Route>);

impl Drop for RemovedAtEnd {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}
