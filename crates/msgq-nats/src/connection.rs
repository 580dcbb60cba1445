//! The connection to NATS that all routes share: made again and again for ever, and what is known of it.

mod backoff;
mod denial;
mod events;
mod link;
mod options;

pub use denial::{Denial, DenialKind, publishing_is_denied};
pub use link::{ConnectError, Link};

use crate::config::NatsConfig;
use crate::metrics::Metrics;
use async_nats::{Client, jetstream};
use events::Listener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// The connection, as all routes hold it.
#[derive(Debug, Clone)]
pub struct Gateway {
    client: Client,
    jetstream: jetstream::Context,
    link: watch::Receiver<Link>,
    denials: broadcast::Sender<Denial>,
    host: Arc<str>,
    /// Until when the first connection is waited for.
    patience_ends: Instant,
}

impl Gateway {
    /// Begins to connect, and returns at once: whether there is a connection is told by [`Gateway::link`].
    ///
    /// # Errors
    /// A file that is named by the configuration cannot be read, or holds something else.
    pub async fn connect(config: &NatsConfig, host: &str, metrics: &Metrics) -> Result<Self, ConnectError> {
        let (listener, link, denials) = Listener::new(metrics.clone());
        let options = options::connect_options(config, host, &listener).await?;
        let servers = options::server_addresses(config)?;
        let client =
            options.connect(servers).await.map_err(|error| ConnectError(format!("cannot connect: {error}")))?;
        tokio::spawn(events::log_servers(client.clone(), link.clone()));
        let jetstream = jetstream::new(client.clone());
        let patience_ends = Instant::now() + config.connect_timeout;
        Ok(Self { client, jetstream, link, denials, host: host.into(), patience_ends })
    }

    /// The client of NATS.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its streams.
    #[must_use]
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// The name of this host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Tells of each change.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Why there is no connection; `None` where there is one.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match &*self.link.borrow() {
            Link::Up(_) => None,
            Link::Down(reason) => Some(reason.clone()),
        }
    }

    /// Waits until there is a connection.
    pub async fn connected(&self) {
        // The sender lives as long as the client does.
        let _ = self.link.clone().wait_for(|link| matches!(link, Link::Up(_))).await;
    }

    /// Waits for the first connection, but no longer than a try may take (`connect_timeout_ms`): what is asked before is not
    /// refused only since it came too early.
    pub async fn settled(&self) {
        let _ = timeout_at(self.patience_ends, self.connected()).await;
    }

    /// Waits until the connection that there is now has ended; at once where there is none.
    pub async fn disconnected(&self) {
        let mut link = self.link.clone();
        let now = link.borrow().clone();
        if matches!(now, Link::Up(_)) {
            let _ = link.wait_for(|link| *link != now).await;
        }
    }

    /// Hears of all that the server forbids from now on.
    #[must_use]
    pub fn denials(&self) -> broadcast::Receiver<Denial> {
        self.denials.subscribe()
    }

    /// Sends what is still to be sent, but does not wait for ever.
    pub async fn flush(&self, limit: Duration) {
        if self.trouble().is_none() && !matches!(timeout(limit, self.client.flush()).await, Ok(Ok(()))) {
            log::warn!(
                "what was last published may not have reached NATS: it was not taken within {} ms",
                limit.as_millis()
            );
        }
    }
}
