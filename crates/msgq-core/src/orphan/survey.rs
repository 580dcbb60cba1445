use crate::frame::REQUEST_MTYPE;
use crate::queue::{MessageBuffer, Queue, QueueError};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// When to stop looking. Each look walks the queue from its head under its lock, so that the cost of a full survey
/// grows with the square of the messages (16000 of them: seconds), and a flooder could make it endless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurveyLimits {
    /// The longest time.
    pub time: Duration,
    /// The most messages.
    pub messages: usize,
}

impl Default for SurveyLimits {
    /// Half a second, and as many messages as a queue of the default size can hold (`msg_qbytes` empty ones).
    fn default() -> Self {
        Self { time: Duration::from_millis(500), messages: 16384 }
    }
}

/// Responses of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resting {
    /// How many rest.
    pub messages: usize,
    /// Length of their bodies together, in bytes.
    pub bytes: usize,
}

/// What waits in a queue. In a queue that is in use it is an approximation: what moves during the survey may be missed
/// (when a message is taken, those behind it move up one place).
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
    pub fn of(queue: &Queue, limits: SurveyLimits) -> Result<Self, QueueError> {
        let mut survey = Self::default();
        let mut buffer = MessageBuffer::new();
        let start = Instant::now();
        while survey.looked_at < limits.messages && start.elapsed() < limits.time {
            if !queue.peek(survey.looked_at, &mut buffer)? {
                survey.is_complete = true;
                break;
            }
            survey.count(buffer.mtype(), buffer.body().len());
        }
        Ok(survey)
    }

    fn count(&mut self, mtype: i64, len: usize) {
        self.looked_at += 1;
        let resting = match mtype {
            REQUEST_MTYPE => &mut self.requests,
            _ => self.responses.entry(mtype).or_default(),
        };
        resting.messages += 1;
        resting.bytes += len;
    }
}
