//! What all clients of a route share.

use super::local_queue::LocalQueue;
use crate::config::InRoute;
use crate::connection::Gateway;
use crate::metrics::{Metrics, RouteMetrics};
use crate::throttle::Throttle;
use crate::wire::{Codec, RequestHead};
use msgq_core::layout::protocol::ClientRole;

/// A route at work.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) settings: InRoute,
    pub(super) gateway: Gateway,
    pub(super) metrics: RouteMetrics,
    pub(super) codec: Codec,
    pub(super) queue: LocalQueue,
    /// Failures in the log.
    pub(super) failures: Throttle,
}

impl Route {
    pub(super) fn new(settings: InRoute, gateway: Gateway, metrics: &Metrics) -> Result<Self, String> {
        let name = &settings.name;
        let codec =
            Codec::inward(&settings.local, settings.format).map_err(|error| format!("route {name}: {error}"))?;
        Ok(Self {
            metrics: metrics.route(name),
            codec,
            queue: LocalQueue::new(settings.local.clone(), gateway.host()),
            failures: Throttle::default(),
            gateway,
            settings,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// The type that a message has in the queue. One of another type could be taken for an answer by whoever has that number.
    pub(super) fn mtype(&self, head: &RequestHead) -> Result<i64, String> {
        let protocol = &self.settings.local.protocol;
        let Some(mtype) = head.mtype else { return Ok(self.settings.mtype) };
        let is_replaced = protocol.plan().is_some_and(|plan| plan.client == Some(ClientRole::Mtype));
        if is_replaced || protocol.request_types().contains(mtype) {
            return Ok(mtype);
        }
        Err(format!("requests of this queue have no type {mtype} (Msgq-Type); host {}", self.gateway.host()))
    }
}
