//! What the service runs with now: the configuration as it was last put into effect, and what follows from it.

use super::door::Door;
use super::queues::{QueueKeys, QueuePlans};
use crate::handler::Demand;
use msgq_core::config::{Config, Spin, Workers};
use std::time::Duration;

/// What is in force, and may be changed by a reload.
pub(super) struct Reconfigurable {
    pub(super) config: Config,
    /// Those that are served, whatever the files give now that they were made from.
    pub(super) keys: QueueKeys,
    /// True when the program that runs the server brought its handler.
    pub(super) own_handler: bool,
    pub(super) plans: QueuePlans,
    pub(super) door: Door,
}

impl Reconfigurable {
    /// What the handler that is in force takes.
    pub(super) fn demand(&self) -> Demand {
        if self.own_handler { Demand::default() } else { Demand::of(&self.config.handler) }
    }
}

/// How many workers the configuration asks for, where the handler can work on `concurrency` requests at a time.
pub(super) fn worker_count(config: &Config, concurrency: usize) -> usize {
    match config.service.workers {
        Workers::Auto => concurrency.max(1),
        Workers::Fixed(workers) => workers,
    }
}

/// Looking for requests while a client needs the only CPU would help nobody.
pub(super) fn spin_limit(config: &Config) -> Duration {
    match config.service.spin {
        Spin::Limit(limit) => limit,
        Spin::Auto if std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1) => AUTO_SPIN,
        Spin::Auto => Duration::ZERO,
    }
}

/// A wake-up across CPUs takes up to 50 microseconds, and an answer and the next request need one each.
const AUTO_SPIN: Duration = Duration::from_micros(100);
