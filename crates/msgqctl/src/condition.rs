//! The kinds of verdict of `stat`, and what each is worth to monitoring.

use serde::Serialize;
use std::fmt;

/// The kind of a verdict, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    Serving,
    /// Requests fill the queue.
    Busy,
    /// Something is not well, and clients feel it or soon will.
    Degraded,
    /// The operator has closed the door.
    Closed,
    Starting,
    Stopping,
    /// The daemon lives and does nothing.
    Hangs,
    /// The daemon was killed or crashed.
    Down,
    /// The daemon ended in order and kept its queue.
    Stopped,
    Deadlocked,
    NotServed,
    /// This user may not see who serves.
    Unknown,
}

/// How bad a condition is, in the words of monitoring plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Condition {
    /// `is_expected`: a configuration says that a msgqd serves this queue.
    pub(crate) fn level(self, is_expected: bool) -> Level {
        match self {
            Self::Serving => Level::Ok,
            Self::Busy | Self::Degraded | Self::Closed | Self::Starting | Self::Stopping => Level::Warning,
            Self::Hangs | Self::Down | Self::Stopped | Self::Deadlocked => Level::Critical,
            Self::NotServed if is_expected => Level::Critical,
            Self::NotServed | Self::Unknown => Level::Unknown,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Busy => "busy",
            Self::Degraded => "degraded",
            Self::Closed => "closed",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Hangs => "hangs",
            Self::Down => "down",
            Self::Stopped => "stopped",
            Self::Deadlocked => "deadlocked",
            Self::NotServed => "not_served",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
