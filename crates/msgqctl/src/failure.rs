//! Why a command failed, and the exit code that this is worth.

use crate::daemon::{closing_note, closing_sentence};
use crate::permission;
use crate::sysvipc;
use msgq_core::client::CallError;
use msgq_core::orphan::SweepError;
use msgq_core::queue::{QueueError, QueueKey};
use serde::{Deserialize, Serialize};
use std::io;

/// Exit codes, as `--help` documents them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Ok,
    ServerError,
    /// `doctor` found something, or could not look at something.
    NotWell,
    Usage,
    NoQueue,
    Timeout,
    Permission,
    Other,
}

impl Status {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::ServerError | Self::NotWell => 1,
            Self::Usage => 2,
            Self::NoQueue => 3,
            Self::Timeout => 4,
            Self::Permission => 5,
            Self::Other => 6,
        }
    }
}

/// Why a command could not do its work: one message that says what to do next, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn of_queue(key: QueueKey, error: &QueueError) -> Self {
        if error.is_gone() {
            return Self::new(Status::NoQueue, format!("{error}; {}", no_queue_advice(key)));
        }
        if error.is_permission() {
            let note = sysvipc::find(key).and_then(|row| closing_note(key, row.uid));
            let closed = note.map(|note| closing_sentence(&note));
            let advice = closed.map_or_else(|| permission::advice(key), |closed| format!("it is {closed}"));
            return Self::new(Status::Permission, format!("{error}; {advice}"));
        }
        Self::new(Status::Other, error.to_string())
    }

    pub(crate) fn of_call(key: QueueKey, error: &CallError) -> Self {
        match error {
            CallError::Permission(error) => Self::of_queue(key, error),
            CallError::QueueGone(_) => Self::new(Status::NoQueue, error.to_string()),
            CallError::Timeout { .. } => Self::new(Status::Timeout, error.to_string()),
            CallError::TextTooLong { .. } | CallError::TextHasNul { .. } => Self::new(Status::Usage, error.to_string()),
            _ => Self::new(Status::Other, error.to_string()),
        }
    }

    pub(crate) fn of_output(error: &io::Error) -> Self {
        Self::new(Status::Other, format!("cannot write the result to standard output: {error}"))
    }

    pub(crate) fn of_sweep(key: QueueKey, error: &SweepError) -> Self {
        match error {
            SweepError::Queue(error) => Self::of_queue(key, error),
            SweepError::CannotLook(_) => Self::new(Status::Other, error.to_string()),
        }
    }
}

fn no_queue_advice(key: QueueKey) -> String {
    format!(
        "start its server (for msgqd: `systemctl start msgqd`, or `msgqd --key {key}`), or name another queue with \
         --key; `ipcs -q` lists all"
    )
}
