//! What the engine is told when it starts.

use msgq_core::layout::protocol::Protocol;
use msgq_core::table::{Geometry, LONG_SLOTS};
use std::sync::Arc;
use std::time::Duration;

/// What the engine needs to know. A reload changes the handler, the number of workers, the two durations and the attempts
/// ([`super::Engine::carry_out`]); all else is fixed for its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// Threads that receive and handle, at the start.
    pub workers: usize,
    /// The most that there can ever be.
    pub worker_room: usize,
    /// Answers that may wait for room in the queue.
    pub outbox_capacity: u32,
    /// How long an answer may wait for its client, at the start.
    pub response_ttl: Duration,
    /// How long a worker may look for a request before it blocks, at the start.
    pub spin_limit: Duration,
    /// The longest body that a landing slot holds, in bytes. A longer one is taken too, but not kept over a crash.
    pub message_room: usize,
    /// How often a one-way request is tried until it is given up, at the start.
    pub attempts: u32,
    /// Clients that are watched at the same time, each by one descriptor.
    pub client_limit: usize,
    /// Answers longer than a message go out in several.
    pub parts: bool,
    /// An earlier server left such answers: the table holds as many, even if this one makes none.
    pub left_long_answers: bool,
    /// What requests and answers look like.
    pub protocol: Arc<Protocol>,
}

impl EngineSettings {
    /// The table that an engine with these settings needs.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        Geometry {
            workers: self.worker_room.max(self.workers),
            capacity: self.outbox_capacity,
            message_room: self.message_room,
            clients: u32::try_from(self.client_limit).unwrap_or(u32::MAX),
            request_len: self.protocol.longest_request(self.message_room),
            response_len: self.protocol.longest_response(self.message_room),
            protocol_digest: self.protocol.digest(),
            client_kind: self.protocol.client_kind(),
            long_slots: if self.parts || self.left_long_answers { LONG_SLOTS } else { 0 },
        }
    }
}
