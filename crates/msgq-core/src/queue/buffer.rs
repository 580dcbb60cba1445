//! Room for one message, made before the call that fills it.

use crate::limits;
use crate::sysv::MTYPE_LEN;

/// Room for one message, and the message that was received last.
///
/// By default as wide as `kernel.msgmax`. What may be longer is received by [`super::Queue::try_receive_any`], or it answers
/// E2BIG and blocks the queue for ever.
#[derive(Debug)]
pub struct MessageBuffer {
    bytes: Vec<u8>,
    body_len: usize,
}

/// `kernel.msgmax` may be 2 GiB.
const MOST_ROOM: usize = 1 << 20;

impl MessageBuffer {
    /// As wide as the kernel allows now, up to 1 MiB. A queue may hold longer messages, and older ones from before the limit
    /// was lowered.
    #[must_use]
    pub fn new() -> Self {
        Self::with_body_room(limits::msgmax().min(MOST_ROOM))
    }

    /// Room for bodies of up to `body_room` bytes.
    #[must_use]
    pub fn with_body_room(body_room: usize) -> Self {
        Self { bytes: vec![0; MTYPE_LEN + body_room], body_len: 0 }
    }

    /// Makes room for bodies of up to `body_room` bytes; what it held is gone if that needs more room than there is.
    pub fn make_room(&mut self, body_room: usize) {
        if self.bytes.len() < MTYPE_LEN + body_room {
            *self = Self::with_body_room(body_room);
        }
    }

    /// The type of the message.
    #[must_use]
    pub fn mtype(&self) -> i64 {
        self.bytes.first_chunk().map_or(0, |bytes| i64::from_ne_bytes(*bytes))
    }

    /// The body, exactly as long as it was received: nothing of an earlier message shows.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(MTYPE_LEN..MTYPE_LEN + self.body_len).unwrap_or_default()
    }

    pub(super) fn raw(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) fn set_body_len(&mut self, length: usize) {
        self.body_len = length;
    }
}

impl Default for MessageBuffer {
    fn default() -> Self {
        Self::new()
    }
}
