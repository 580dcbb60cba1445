//! Counters of the gateway, and how they are read.
//!
//! The crate prometheus-client writes them: it escapes labels and adds up the buckets of histograms, and what it writes is the
//! text format that Prometheus has settled on (OpenMetrics).

mod families;
mod reading;
mod route;
mod serving;
#[cfg(test)]
mod tests;

pub use reading::read;
pub use route::{Direction, InFlight, Outcome, RouteMetrics};
pub use serving::serve;

use families::Families;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All counters; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    families: Arc<Families>,
    routes: Arc<BTreeMap<String, RouteMetrics>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new([])
    }
}

impl Metrics {
    /// Counters for these routes, all zero.
    #[must_use]
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a str, Direction)>) -> Self {
        let families = Families::new();
        let routes = routes.into_iter().map(|(name, direction)| (name.to_owned(), families.route(name, direction)));
        Self { routes: Arc::new(routes.collect()), families: Arc::new(families) }
    }

    /// Whether there is a connection.
    pub fn set_connected(&self, is_connected: bool) {
        self.families.connected.set(is_connected.into());
    }

    /// There is a connection again.
    pub fn count_reconnect(&self) {
        self.families.reconnects.inc();
    }

    /// The counters of the route with this name; for another name counters that nobody reads.
    #[must_use]
    pub fn route(&self, name: &str) -> RouteMetrics {
        self.routes.get(name).cloned().unwrap_or_default()
    }

    /// All in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.families.render()
    }
}
