//! How much there is in a table, and how wide: plain numbers.

use crate::layout::BODY_LEN_LP64;
use crate::queue::MTYPE_LEN;

/// Longest framed response: mtype and body, in bytes.
pub const RESPONSE_MESSAGE_LEN: usize = MTYPE_LEN + BODY_LEN_LP64;

/// How many slots of each kind a table has, and how wide its landing slots are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Landing slots: one for each worker.
    pub workers: usize,
    /// Response slots: how many answers can wait (`outbox_capacity`).
    pub capacity: u32,
    /// Longest body that a landing slot takes, in bytes: `kernel.msgmax`, so that no message is too long to receive.
    pub message_room: usize,
    /// Clients that are watched at the same time.
    pub clients: u32,
}
