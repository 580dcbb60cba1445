//! How much there is in a table, and how wide: plain numbers.

use crate::layout::BODY_LEN_LP64;
use crate::layout::protocol::ClientKind;
use crate::queue::MTYPE_LEN;

/// What a slot is filled with before a receive. The length of a message is the return value of the call, which a kill
/// takes along; what is still poison afterwards was not written by the kernel. 0xfe stands in no UTF-8 text.
pub(super) const POISON: u8 = 0xfe;

/// A mtype of 0, which no message has, and the poison behind it.
#[derive(Debug)]
pub(super) enum PreparedSlot {
    /// Of a length that is known where the program is compiled, so that it is copied without a loop.
    Plain,
    Declared(Box<[u8]>),
}

const PLAIN_POISONED_LEN: usize = BODY_LEN_LP64 + POISONED_BEHIND;
/// So many bytes more than a message can have show that one is too long.
const POISONED_BEHIND: usize = 8;

pub(super) const PREPARED_PLAIN: [u8; MTYPE_LEN + PLAIN_POISONED_LEN] = {
    let mut bytes = [POISON; MTYPE_LEN + PLAIN_POISONED_LEN];
    let mut index = 0;
    while index < MTYPE_LEN {
        bytes[index] = 0;
        index += 1;
    }
    bytes
};

/// How many slots of each kind a table has, and how wide they are.
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
    /// Longest body of a request that the protocol knows, in bytes. As much of a landing slot tells after a kill what was
    /// written there.
    pub request_len: usize,
    /// Longest body of an answer, in bytes.
    pub response_len: usize,
    /// Of the protocol whose messages the slots hold; 0 for the plain one.
    pub protocol_digest: u64,
    /// What the numbers of its clients are.
    pub client_kind: ClientKind,
    /// Long slots: how many answers longer than a message it holds at the same time.
    pub long_slots: u32,
}

impl Geometry {
    /// Longest framed answer: mtype and body, in bytes.
    #[must_use]
    pub fn response_message_len(&self) -> usize {
        MTYPE_LEN.saturating_add(self.response_len)
    }

    /// How much of a landing slot, behind the type, tells after a kill what was written there: as long as any message of the
    /// protocol, and a few bytes more to show that one is too long.
    pub(super) fn poisoned_len(&self) -> usize {
        self.request_len.max(self.response_len).saturating_add(POISONED_BEHIND)
    }

    /// What a landing slot is filled with in front of a receive.
    pub(super) fn prepared_slot(&self) -> PreparedSlot {
        if self.poisoned_len() == PLAIN_POISONED_LEN {
            return PreparedSlot::Plain;
        }
        let mut bytes = vec![POISON; MTYPE_LEN + self.poisoned_len()];
        bytes.iter_mut().take(MTYPE_LEN).for_each(|byte| *byte = 0);
        PreparedSlot::Declared(bytes.into())
    }

    /// Room for a body in a landing slot, in bytes.
    pub(super) fn landing_room(&self) -> usize {
        self.message_room.max(self.poisoned_len())
    }

    /// With slots for the plain protocol, whose bodies have 264 bytes.
    #[must_use]
    pub const fn plain(workers: usize, capacity: u32, message_room: usize, clients: u32) -> Self {
        let (request_len, response_len) = (BODY_LEN_LP64, BODY_LEN_LP64);
        Self {
            workers,
            capacity,
            message_room,
            clients,
            request_len,
            response_len,
            protocol_digest: 0,
            client_kind: ClientKind::Process,
            long_slots: 0,
        }
    }
}
