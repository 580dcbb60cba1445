//! What waits in a queue, counted by type.

use crate::layout::protocol::Protocol;
use crate::queue::{Browse, BrowseLimits, MessageBuffer, Queue, QueueError};
use std::collections::{BTreeMap, BTreeSet};

/// Messages of one type.
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
    /// What the server takes, by type.
    pub requests: BTreeMap<i64, Resting>,
    /// Everything else by type.
    pub responses: BTreeMap<i64, Resting>,
    /// Types of `responses` of which one message at least can be no answer: no answer has its length or its type.
    pub unlike_answers: BTreeSet<i64>,
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
    pub fn of_queue(queue: &Queue, protocol: &Protocol, limits: BrowseLimits) -> Result<Self, QueueError> {
        Self::with_requests(queue, protocol, limits, |mtype| protocol.request_types().receives(mtype))
    }

    /// As [`Survey::of_queue`], of a queue into which only answers go.
    ///
    /// # Errors
    /// As [`Survey::of_queue`].
    pub fn of_answers(queue: &Queue, protocol: &Protocol, limits: BrowseLimits) -> Result<Self, QueueError> {
        Self::with_requests(queue, protocol, limits, |_| false)
    }

    fn with_requests(
        queue: &Queue,
        protocol: &Protocol,
        limits: BrowseLimits,
        is_request: impl Fn(i64) -> bool,
    ) -> Result<Self, QueueError> {
        let mut survey = Self::default();
        let mut buffer = MessageBuffer::new();
        let mut browse = Browse::new(*queue, limits, &mut buffer);
        while let Some((_, message)) = browse.next_message() {
            let (mtype, len) = (message.mtype(), message.body().len());
            let is_request = is_request(mtype);
            if !is_request && (protocol.client_of_response(mtype).is_none() || !protocol.is_response_len(len)) {
                survey.unlike_answers.insert(mtype);
            }
            let of_type = if is_request { &mut survey.requests } else { &mut survey.responses };
            of_type.entry(mtype).or_default().add(len);
        }
        survey.looked_at = browse.looked_at();
        survey.is_complete = browse.is_complete()?;
        Ok(survey)
    }

    /// How many requests were seen, of all types together.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.requests.values().map(|resting| resting.messages).sum()
    }
}
