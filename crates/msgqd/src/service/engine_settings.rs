//! From the configuration to what an engine is started with.

use super::current::{spin_limit, worker_count};
use crate::engine::EngineSettings;
use msgq_core::config::{Config, Overlong};
use msgq_core::limits;
use std::sync::Arc;

/// What an engine is started with, for a handler that can work on `concurrency` requests at the same time.
pub(super) fn engine_settings(config: &Config, concurrency: usize, client_limit: usize) -> EngineSettings {
    let workers = worker_count(config, concurrency);
    EngineSettings {
        workers,
        worker_room: workers.max(WORKER_ROOM),
        outbox_capacity: config.service.outbox_capacity,
        response_ttl: config.service.response_ttl,
        spin_limit: spin_limit(config),
        protocol: Arc::clone(&config.protocol),
        message_room: limits::msgmax().clamp(limits::DEFAULT_MSGMAX, MOST_MESSAGE_ROOM),
        client_limit,
        attempts: config.service.attempts,
        parts: config.handler.overlong() == Overlong::Parts,
        left_long_answers: false,
    }
}

/// Each landing slot is locked in memory. A wider message is taken through the worker's own memory: its client is told that
/// it is too long.
const MOST_MESSAGE_ROOM: usize = 65_536;
/// Slots for workers that a reload may add.
const WORKER_ROOM: usize = 32;
/// Most clients that are watched, with a descriptor each.
pub(super) const MOST_CLIENTS: u64 = 16_384;
