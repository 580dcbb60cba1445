//! What can be said of a queue, most pressing first.

use serde::Serialize;

/// The kind of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueVerdict {
    /// Who should take its messages waits for room in it.
    Deadlocked,
    /// It is full, and nobody receives.
    Stuck,
    /// Its msgqd shows no sign of life.
    Hangs,
    /// Its msgqd ended and left it.
    Down,
    /// Two settings of configurations give its key.
    FtokCollision,
    /// Who uses it waits on what the key does not name any more.
    StaleReaders,
    /// Its last users are gone for long.
    Abandoned,
    /// Only by a number that a dead process knew can it be found, and who sent to it lives.
    ReaderGone,
    InUse,
    Idle,
}

impl QueueVerdict {
    pub(crate) const ALL: [Self; 10] = [
        Self::Deadlocked,
        Self::Stuck,
        Self::Hangs,
        Self::Down,
        Self::FtokCollision,
        Self::StaleReaders,
        Self::Abandoned,
        Self::ReaderGone,
        Self::InUse,
        Self::Idle,
    ];

    /// In words, for people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Deadlocked => "deadlocked",
            Self::Stuck => "stuck",
            Self::Hangs => "hangs",
            Self::Down => "down",
            Self::FtokCollision => "ftok collision",
            Self::StaleReaders => "stale readers",
            Self::Abandoned => "abandoned",
            Self::ReaderGone => "reader gone",
            Self::InUse => "in use",
            Self::Idle => "idle",
        }
    }

    /// Nothing is wrong, as far as can be seen.
    pub(crate) fn is_fine(self) -> bool {
        matches!(self, Self::InUse | Self::Idle)
    }
}

/// One thing that is so with a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) verdict: QueueVerdict,
    /// Why, in one sentence without a full stop.
    pub(crate) sentence: String,
    /// What to do, or to mind; `null` where there is nothing.
    pub(crate) advice: Option<String>,
    /// The command that helps; `null` where none does.
    pub(crate) command: Option<String>,
}

impl Finding {
    pub(super) fn new(verdict: QueueVerdict, sentence: impl Into<String>) -> Self {
        Self { verdict, sentence: sentence.into(), advice: None, command: None }
    }

    pub(super) fn with_advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    pub(super) fn with_command(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }
}
