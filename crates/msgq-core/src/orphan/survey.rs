//! What waits in a queue, counted by type.

use crate::layout::REQUEST_MTYPE;
use crate::queue::{Browse, BrowseLimits, MessageBuffer, Queue, QueueError};
use std::collections::BTreeMap;

/// Responses of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resting {
    /// How many messages.
    pub messages: usize,
    /// Length of their bodies together, in bytes.
    pub bytes: usize,
}

impl Resting {
    pub(super) fn add(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len;
    }
}

/// What waits in a queue. In a queue that is in use it is an approximation: see [`Browse`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Messages of type 1.
    pub requests: Resting,
    /// Everything else by type.
    pub responses: BTreeMap<i64, Resting>,
    /// How many messages were looked at.
    pub looked_at: usize,
    /// False when a limit ended the survey, so that there may be more.
    pub is_complete: bool,
}

impl Survey {
    /// Looks at the messages one after the other, oldest first, and takes nothing.
    ///
    /// # Errors
    /// ENOSYS on a kernel without MSG_COPY, EACCES without read permission, EIDRM or EINVAL when the queue is gone.
    pub fn of_queue(queue: &Queue, limits: BrowseLimits) -> Result<Self, QueueError> {
        let mut survey = Self::default();
        let mut buffer = MessageBuffer::new();
        let mut browse = Browse::new(*queue, limits, &mut buffer);
        while let Some((_, message)) = browse.next_message() {
            survey.count(message.mtype(), message.body().len());
        }
        survey.looked_at = browse.looked_at();
        survey.is_complete = browse.is_complete()?;
        Ok(survey)
    }

    fn count(&mut self, mtype: i64, len: usize) {
        match mtype {
            REQUEST_MTYPE => self.requests.add(len),
            _ => self.responses.entry(mtype).or_default().add(len),
        }
    }
}
