//! What all connections of a route share.

use super::peer::Peers;
use super::stream::Stream;
use crate::config::OutRoute;
use crate::connection::Gateway;
use crate::framing::Request;
use crate::metrics::{Metrics, RouteMetrics};
use crate::subject::Values;
use crate::throttle::Throttle;
use crate::wire::{Codec, RequestHead};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A route at work.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: String,
    pub(super) gateway: Gateway,
    pub(super) metrics: RouteMetrics,
    pub(super) peers: Peers,
    pub(super) codec: Codec,
    /// For one-way messages.
    pub(super) stream: Option<Arc<Stream>>,
    /// As many permits as requests may be under way.
    pub(super) places: Semaphore,
    /// Failures in the log.
    pub(super) failures: Throttle,
    settings: OutRoute,
    usual_type: i64,
}

impl Route {
    pub(super) fn new(settings: OutRoute, gateway: Gateway, metrics: &Metrics) -> Result<Self, String> {
        let name = settings.name.clone();
        let codec =
            Codec::outward(&settings.local, settings.format).map_err(|error| format!("route {name}: {error}"))?;
        let stream = settings.stream.clone().map(|stream| Arc::new(Stream::new(&settings, stream, gateway.clone())));
        Ok(Self {
            peers: Peers::new(&name, &settings.user)?,
            metrics: metrics.route(&name),
            codec,
            stream,
            places: Semaphore::new(settings.max_in_flight),
            failures: Throttle::default(),
            usual_type: settings.local.usual_type(),
            gateway,
            settings,
            name,
        })
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.settings.max_in_flight
    }

    /// The type of a request; version 1 tells none, since there is only one.
    pub(super) fn mtype(&self, request: &Request) -> i64 {
        request.mtype.unwrap_or(self.usual_type)
    }

    /// Where the request goes.
    pub(super) fn subject(&self, request: &Request) -> String {
        let mtype = self.mtype(request);
        let field = |name: &str| self.codec.field(mtype, &request.payload, name);
        self.settings.subject.render(&Values { host: self.gateway.host(), mtype, client: request.client, field })
    }

    /// What travels beside it.
    pub(super) fn head(&self, request: &Request, deadline: Duration) -> RequestHead {
        let mtype = self.mtype(request);
        let field = |name: &String| (name.clone(), self.codec.field(mtype, &request.payload, name));
        RequestHead {
            request_id: Some(request.id),
            host: Some(self.gateway.host().to_owned()),
            client: Some(request.client),
            mtype: Some(mtype),
            deadline: Some(deadline),
            fields: self.settings.fields.iter().map(field).collect(),
        }
    }
}
