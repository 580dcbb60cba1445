//! What a stop leaves undone, as it was seen at the last look.

use crate::engine::Engine;
use msgq_core::orphan::Survey;
use msgq_core::queue::{BrowseLimits, Queue, QueueError};
use msgq_core::words::counted;
use std::fmt;
use std::time::Duration;

/// Requests and answers whose clients may still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leftover {
    queued: Queued,
    /// What the second queue holds, where there is one.
    second: Option<Queued>,
    in_hand: usize,
    in_outbox: usize,
}

/// What the queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queued {
    /// All messages were seen.
    Seen { requests: usize, answers: usize },
    /// Only their number is known.
    Counted(u64),
    /// It is gone, or may not be looked at.
    Unknown,
}

impl Leftover {
    pub(super) fn of(engine: &Engine) -> Self {
        let (queue, protocol) = (engine.queue(), engine.protocol());
        let second = engine.second_queue();
        Self {
            queued: Queued::of(&queue, || Survey::of_queue(&queue, protocol, LIMITS)),
            second: second.map(|queue| Queued::of(&queue, || Survey::of_answers(&queue, protocol, LIMITS))),
            in_hand: engine.in_hand(),
            in_outbox: engine.in_outbox(),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        let are_queues_empty = self.queued.is_nothing() && self.second.is_none_or(Queued::is_nothing);
        are_queues_empty && self.in_hand == 0 && self.in_outbox == 0
    }
}

impl Queued {
    fn is_nothing(self) -> bool {
        matches!(self, Self::Seen { requests: 0, answers: 0 } | Self::Counted(0) | Self::Unknown)
    }

    fn of(queue: &Queue, look: impl FnOnce() -> Result<Survey, QueueError>) -> Self {
        let Ok(stat) = queue.stat() else { return Self::Unknown };
        let by_number = Self::Counted(stat.messages);
        if stat.messages == 0 {
            return by_number;
        }
        match look() {
            Ok(survey) if survey.is_complete => Self::Seen {
                requests: survey.request_count(),
                answers: survey.responses.values().map(|resting| resting.messages).sum(),
            },
            _ => by_number,
        }
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.second, self.queued) {
            (None, Queued::Seen { requests, answers }) => {
                write!(out, "{} and {} in the queue, ", counted(requests, "request"), counted(answers, "answer"))?;
            }
            (Some(_), Queued::Seen { requests, .. }) => {
                write!(out, "{} in the queue, ", counted(requests, "request"))?;
            }
            (_, Queued::Counted(messages)) => write!(out, "{} in the queue, ", counted(messages, "message"))?,
            (_, Queued::Unknown) => {}
        }
        match self.second {
            Some(Queued::Seen { answers, .. }) => {
                write!(out, "{} in the queue of answers, ", counted(answers, "answer"))?;
            }
            Some(Queued::Counted(messages)) => {
                write!(out, "{} in the queue of answers, ", counted(messages, "message"))?;
            }
            Some(Queued::Unknown) | None => {}
        }
        let (in_hand, in_outbox) = (counted(self.in_hand, "request"), counted(self.in_outbox, "answer"));
        write!(out, "{in_hand} in hand and {in_outbox} in the outbox")
    }
}

/// A queue of many messages is not worth the time in which its clients wait.
const LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_millis(50), messages: 65_536 };
