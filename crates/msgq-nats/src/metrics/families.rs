//! Names, labels and meanings of all counters.

use super::route::{Direction, Outcomes, RouteMetrics};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

/// Labels, by their names.
type Labels = Vec<(&'static str, String)>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// The first of them ends at this many seconds.
const FIRST_BUCKET: f64 = 0.000_25;
/// Each is as many times as wide as the one before, so that the last ends at 16 s, beyond usual limits.
const BUCKET_FACTOR: f64 = 2.0;
const BUCKETS: u16 = 17;

/// All counters, by their names.
#[derive(Debug)]
pub(super) struct Families {
    registry: Registry,
    pub(super) connected: Gauge,
    pub(super) reconnects: Counter,
    requests: Family<Labels, Counter>,
    outcomes: Family<Labels, Counter>,
    in_flight: Family<Labels, Gauge>,
    seconds: Histograms,
    published: Family<Labels, Counter>,
    consumed: Family<Labels, Counter>,
    duplicates: Family<Labels, Counter>,
}

impl Families {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("msgq_nats");
        let registry_of = &mut registry;
        let connected = added(registry_of, Gauge::default(), "connected", "1 while there is a connection to NATS");
        let reconnects =
            added(registry_of, Counter::default(), "reconnects", "Connections to NATS after the first one");
        let requests =
            added(registry_of, Family::default(), "route_requests", "Requests and one-way messages that came");
        let outcomes = added(registry_of, Family::default(), "route_outcomes", "What became of them");
        let in_flight = added(registry_of, Family::default(), "in_flight", "Those that are under way");
        let histograms = Histograms::new_with_constructor(histogram);
        let seconds = added(registry_of, histograms, "route_seconds", "From a request to its answer, in seconds");
        let published = added(registry_of, Family::default(), "published", "One-way messages that a stream has taken");
        let consumed = added(registry_of, Family::default(), "consumed", "One-way messages that were put into a queue");
        let help = "One-way messages that came again and were dropped";
        let duplicates = added(registry_of, Family::default(), "duplicates", help);
        Self {
            registry,
            connected,
            reconnects,
            requests,
            outcomes,
            in_flight,
            seconds,
            published,
            consumed,
            duplicates,
        }
    }

    /// Those of one route, which are shown from now on.
    pub(super) fn route(&self, name: &str, direction: Direction) -> RouteMetrics {
        let route: Labels = vec![("route", name.to_owned())];
        let direction_name = match direction {
            Direction::Out => "out",
            Direction::In => "in",
        };
        let with = |label, value: &str| [route.clone(), vec![(label, value.to_owned())]].concat();
        let outcome = |name| self.outcomes.get_or_create_owned(&with("outcome", name));
        let messages = match direction {
            Direction::Out => &self.published,
            Direction::In => &self.consumed,
        };
        let messages = messages.get_or_create_owned(&route);
        RouteMetrics {
            requests: self.requests.get_or_create_owned(&with("direction", direction_name)),
            outcomes: Outcomes {
                answered: outcome("answered"),
                failed: outcome("failed"),
                no_responders: outcome("no_responders"),
                timeout: outcome("timeout"),
                unknown: outcome("unknown"),
                not_run: outcome("not_run"),
            },
            in_flight: self.in_flight.get_or_create_owned(&route),
            seconds: Some(self.seconds.get_or_create_owned(&route)),
            published: messages.clone(),
            consumed: messages,
            duplicates: self.duplicates.get_or_create_owned(&route),
        }
    }

    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // A String takes everything.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(FIRST_BUCKET, BUCKET_FACTOR, BUCKETS))
}

fn added<M: Metric + Clone>(registry: &mut Registry, metric: M, name: &str, help: &str) -> M {
    registry.register(name, help, metric.clone());
    metric
}
