//! Why a command failed, and the exit code that this is worth.

use crate::daemon::{closing_note, closing_sentence, why_no_answer};
use crate::instances::{instance_of_queue, unit_name};
use crate::system::permission::permission_advice;
use msgq_core::client::CallError;
use msgq_core::orphan::SweepError;
use msgq_core::queue::{Queue, QueueError, QueueKey};
use serde::{Deserialize, Serialize};
use std::io;

/// How a run ended; each is an exit code that `--help` documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Ok,
    ServerError,
    /// `doctor` found something, or could not look at something.
    NotWell,
    /// `stat --check`, as plugins of monitoring end.
    CheckedWarning,
    CheckedCritical,
    CheckedUnknown,
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
            Self::ServerError | Self::NotWell | Self::CheckedWarning => 1,
            Self::Usage | Self::CheckedCritical => 2,
            Self::NoQueue | Self::CheckedUnknown => 3,
            Self::Timeout => 4,
            Self::Permission => 5,
            Self::Other => 6,
        }
    }
}

/// Names no key: with settings of its own a server would answer something else, an echo.
fn no_queue_advice(key: Option<QueueKey>) -> String {
    let unit = unit_name(instance_of_queue(None, key).as_ref());
    format!(
        "start its server (for msgqd: `systemctl start {unit}`, or `msgqd --config FILE`), or name another queue with --key; \
         `msgqctl list` shows all"
    )
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

    pub(crate) fn of_queue(error: &QueueError) -> Self {
        if error.is_gone() {
            return Self::new(Status::NoQueue, format!("{error}; {}", no_queue_advice(error.key())));
        }
        if error.is_permission() {
            let listed = error.msqid().and_then(|msqid| Queue::from_msqid(msqid).listed());
            let note = listed.and_then(|row| closing_note(QueueKey::new(row.key)?, row.uid));
            let closed = note.map(|note| closing_sentence(&note));
            let advice = closed
                .map_or_else(|| permission_advice(listed, error.is_of_sending()), |closed| format!("it is {closed}"));
            return Self::new(Status::Permission, format!("{error}; {advice}"));
        }
        Self::new(Status::Other, error.to_string())
    }

    pub(crate) fn of_call(requests: &Queue, error: &CallError) -> Self {
        match error {
            CallError::Permission(error) => Self::of_queue(error),
            CallError::QueueGone(_) | CallError::OwnQueueGone(_) => Self::new(Status::NoQueue, error.to_string()),
            CallError::Timeout { queue, phase, timeout } => {
                let server = requests.stat().map(|stat| why_no_answer(&stat));
                let message = match server {
                    Ok(server) => format!("{queue}: {phase} within {timeout:?}; {server}"),
                    Err(_) => error.to_string(),
                };
                Self::new(Status::Timeout, message)
            }
            CallError::TextTooLong { .. } | CallError::TextHasNul { .. } => Self::new(Status::Usage, error.to_string()),
            _ => Self::new(Status::Other, error.to_string()),
        }
    }

    /// Of the kernel's list of all queues.
    pub(crate) fn of_queue_list(error: &io::Error) -> Self {
        Self::new(Status::Other, format!("cannot read the kernel's list of queues (/proc/sysvipc/msg): {error}"))
    }

    pub(crate) fn of_output(error: &io::Error) -> Self {
        Self::new(Status::Other, format!("cannot write the result to standard output: {error}"))
    }

    pub(crate) fn of_sweep(error: &SweepError) -> Self {
        match error {
            SweepError::Queue(error) => Self::of_queue(error),
            SweepError::CannotLook(_) => Self::new(Status::Other, error.to_string()),
        }
    }
}
