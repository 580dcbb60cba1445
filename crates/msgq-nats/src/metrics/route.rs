//! The counters of one route.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::time::{Duration, Instant};

/// Which way a route goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From local queues to NATS.
    Out,
    /// From NATS to local queues.
    In,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with status 0.
    Answered,
    /// It was answered with another status.
    Failed,
    /// Nobody listened.
    NoResponders,
    /// No answer came in time.
    Timeout,
    /// The connection ended meanwhile, or the answer makes no sense.
    Unknown,
    /// It was not run.
    NotRun,
}

/// The counters of one route; clones share them.
#[derive(Debug, Clone, Default)]
pub struct RouteMetrics {
    pub(super) requests: Counter,
    pub(super) outcomes: Outcomes,
    pub(super) in_flight: Gauge,
    pub(super) seconds: Option<Histogram>,
    pub(super) published: Counter,
    pub(super) consumed: Counter,
    pub(super) duplicates: Counter,
}

/// One for each [`Outcome`].
#[derive(Debug, Clone, Default)]
pub(super) struct Outcomes {
    pub(super) answered: Counter,
    pub(super) failed: Counter,
    pub(super) no_responders: Counter,
    pub(super) timeout: Counter,
    pub(super) unknown: Counter,
    pub(super) not_run: Counter,
}

/// A request that is under way; its drop without an outcome counts as unknown.
#[derive(Debug)]
pub struct InFlight {
    route: RouteMetrics,
    began: Instant,
    outcome: Outcome,
}

impl Outcomes {
    fn of(&self, outcome: Outcome) -> &Counter {
        match outcome {
            Outcome::Answered => &self.answered,
            Outcome::Failed => &self.failed,
            Outcome::NoResponders => &self.no_responders,
            Outcome::Timeout => &self.timeout,
            Outcome::Unknown => &self.unknown,
            Outcome::NotRun => &self.not_run,
        }
    }
}

impl RouteMetrics {
    /// A request begins.
    #[must_use]
    pub fn begin(&self) -> InFlight {
        self.requests.inc();
        self.in_flight.inc();
        InFlight { route: self.clone(), began: Instant::now(), outcome: Outcome::Unknown }
    }

    /// A message was published to the stream; `is_duplicate`: which had it already.
    pub fn count_published(&self, is_duplicate: bool) {
        self.count(&self.published, is_duplicate);
    }

    /// A message was taken from the stream; `is_duplicate`: which had been put into the queue before.
    pub fn count_consumed(&self, is_duplicate: bool) {
        self.count(&self.consumed, is_duplicate);
    }

    fn count(&self, messages: &Counter, is_duplicate: bool) {
        if is_duplicate { &self.duplicates } else { messages }.inc();
    }
}

impl InFlight {
    /// What became of the request.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// How long it has been under way.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.route.in_flight.dec();
        self.route.outcomes.of(self.outcome).inc();
        if let Some(seconds) = &self.route.seconds {
            seconds.observe(self.began.elapsed().as_secs_f64());
        }
    }
}
