//! What the library tells of the connection, kept and logged.

use super::denial::{Denial, DenialKind};
use super::link::Link;
use crate::metrics::Metrics;
use crate::throttle::Throttle;
use async_nats::{Client, ClientError, Event, Server, ServerError};
use msgq_core::escape::escape;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;

const DENIALS_KEPT: usize = 256;
/// A server answers at once, or the log does without its name.
const NAME_LIMIT: Duration = Duration::from_secs(1);
const NOT_YET: &str = "there has been none yet";

/// Takes events; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    link: watch::Sender<Link>,
    denials: broadcast::Sender<Denial>,
    metrics: Metrics,
    /// Why there is no connection, as it was logged last: it is not told again at each try.
    told: Mutex<String>,
    connections: AtomicU64,
    refusals: Throttle,
}

impl Listener {
    /// The listener, and what it keeps up to date.
    pub(super) fn new(metrics: Metrics) -> (Self, watch::Receiver<Link>, broadcast::Sender<Denial>) {
        let (link, receiver) = watch::channel(Link::Down(NOT_YET.to_owned()));
        let (denials, _) = broadcast::channel(DENIALS_KEPT);
        let inner = Inner {
            link,
            denials: denials.clone(),
            metrics,
            told: Mutex::default(),
            connections: AtomicU64::new(0),
            refusals: Throttle::default(),
        };
        (Self { inner: Arc::new(inner) }, receiver, denials)
    }

    pub(super) fn take(&self, event: Event) {
        match event {
            Event::Connected => self.connected(),
            Event::Disconnected => self.down("the connection ended"),
            Event::Closed => self.down("the gateway has closed it"),
            Event::Draining => {}
            Event::LameDuckMode => log::info!("the server of NATS is about to end; the gateway will go to another"),
            Event::SlowConsumer(id) => {
                log::warn!("messages were dropped: more came for subscription {id} than the gateway took meanwhile");
            }
            Event::ServerError(error) => self.refused(&error),
            Event::ClientError(ClientError::Other(reason)) => self.failed(&reason),
            Event::ClientError(error) => log::warn!("connection to NATS: {}", escape(error.to_string().as_bytes())),
        }
    }

    /// The servers, before a try: what they said last is better than the event, which has only the kind of failure.
    pub(super) fn take_pool(&self, pool: &[Server]) {
        let failures: Vec<String> = pool
            .iter()
            .filter_map(|server| Some(format!("{}: {}", server.addr.as_url_str(), server.last_error.as_ref()?)))
            .collect();
        if !failures.is_empty() && matches!(*self.inner.link.borrow(), Link::Down(_)) {
            self.explain(&failures.join("; "));
        }
    }

    fn connected(&self) {
        let count = self.inner.connections.fetch_add(1, Ordering::Relaxed) + 1;
        self.inner.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.inner.metrics.set_connected(true);
        if count > 1 {
            self.inner.metrics.count_reconnect();
        }
        self.inner.link.send_replace(Link::Up(count));
    }

    fn down(&self, reason: &str) {
        self.inner.metrics.set_connected(false);
        self.explain(reason);
    }

    /// A try failed. Only the kind is known yet, so nothing is logged; with what is known of each server it will be.
    fn failed(&self, reason: &str) {
        self.inner.link.send_if_modified(|link| match link {
            Link::Down(known) if known == NOT_YET => {
                *link = Link::Down(escape(reason.as_bytes()));
                true
            }
            _ => false,
        });
    }

    fn explain(&self, reason: &str) {
        let reason = escape(reason.as_bytes());
        {
            let mut told = self.inner.told.lock().unwrap_or_else(PoisonError::into_inner);
            if *told != reason {
                log::warn!("no connection to NATS: {reason}; trying again until there is one");
                told.clone_from(&reason);
            }
        }
        self.inner.link.send_if_modified(|link| {
            let now = Link::Down(reason);
            let is_new = *link != now;
            *link = now;
            is_new
        });
    }

    fn refused(&self, error: &ServerError) {
        let said = error.to_string();
        // A client of the queue could have it said for each of its requests.
        if let Some(more) = self.inner.refusals.admit() {
            log::warn!("the server of NATS refuses: {}{more}", escape(said.as_bytes()));
        }
        if let Some(denial) = Denial::read(&said) {
            if denial.kind == DenialKind::Subscribe {
                log::error!("no permission to subscribe to subject {}", escape(denial.subject.as_bytes()));
            }
            // Nobody may be waiting for it.
            let _ = self.inner.denials.send(denial);
        }
    }
}

/// Logs each connection with the server that it is to.
pub(super) async fn log_servers(client: Client, mut link: watch::Receiver<Link>) {
    while link.wait_for(|link| matches!(link, Link::Up(_))).await.is_ok() {
        let this = link.borrow_and_update().clone();
        // Once that is through, what is known of the server is of this connection.
        let _ = timeout(NAME_LIMIT, client.flush()).await;
        match client.try_server_info() {
            Some(info) => {
                let (name, version) = (escape(info.server_name.as_bytes()), escape(info.version.as_bytes()));
                let (host, port) = (escape(info.host.as_bytes()), info.port);
                log::info!(
                    "connected to NATS: server {name} ({host}:{port}, version {version}), max_payload {}",
                    info.max_payload
                );
            }
            None => log::info!("connected to NATS"),
        }
        if link.wait_for(|link| *link != this).await.is_err() {
            return;
        }
    }
}
