//! What a stop leaves undone, as it was seen at the last look.

use crate::engine::Engine;
use msgq_core::orphan::Survey;
use msgq_core::queue::{BrowseLimits, Queue};
use std::fmt;
use std::time::Duration;

/// Requests and answers whose clients may still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leftover {
    queued: Queued,
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
    pub(super) fn of(engine: &Engine, queue: &Queue) -> Self {
        Self { queued: Queued::of(queue), in_hand: engine.in_hand(), in_outbox: engine.in_outbox() }
    }

    pub(super) fn is_nothing(&self) -> bool {
        let is_queue_empty =
            matches!(self.queued, Queued::Seen { requests: 0, answers: 0 } | Queued::Counted(0) | Queued::Unknown);
        is_queue_empty && self.in_hand == 0 && self.in_outbox == 0
    }
}

impl Queued {
    fn of(queue: &Queue) -> Self {
        let Ok(stat) = queue.stat() else { return Self::Unknown };
        let counted = Self::Counted(stat.messages);
        if stat.messages == 0 {
            return counted;
        }
        match Survey::of_queue(queue, LIMITS) {
            Ok(survey) if survey.is_complete => Self::Seen {
                requests: survey.requests.messages,
                answers: survey.responses.values().map(|resting| resting.messages).sum(),
            },
            _ => counted,
        }
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.queued {
            Queued::Seen { requests, answers } => {
                write!(out, "{} and {} in the queue, ", several(requests, "request"), several(answers, "answer"))?;
            }
            Queued::Counted(messages) => write!(out, "{messages} message(s) in the queue, ")?,
            Queued::Unknown => {}
        }
        let (in_hand, in_outbox) = (several(self.in_hand, "request"), several(self.in_outbox, "answer"));
        write!(out, "{in_hand} in hand and {in_outbox} in the outbox")
    }
}

fn several(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A queue of many messages is not worth the time in which its clients wait.
const LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_millis(50), messages: 65_536 };
