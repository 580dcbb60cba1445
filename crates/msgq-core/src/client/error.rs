use crate::layout::MAX_REQUEST_TEXT_LEN;
use crate::queue::{Queue, QueueError};
use crate::words::counted;
use std::fmt;
use std::io;
use std::time::Duration;

/// Which wait the deadline ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The queue stayed full: the request was not sent.
    Send,
    /// The request was sent, and nobody answered it.
    Receive,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The deadline passed before the answer came.
    #[error("{queue}: {phase} within {timeout:?}; {}", phase.advice())]
    Timeout {
        /// The queue, in words.
        queue: String,
        /// What the call was waiting for.
        phase: Phase,
        /// How long it was told to wait.
        timeout: Duration,
    },
    /// The queue was removed, which is how a server says that it is gone.
    #[error("{0}; the server has removed its queue: it was stopped, or somebody used ipcrm; start it and try again")]
    QueueGone(QueueError),
    /// The client's own queue, to which its answer was to go, was removed.
    #[error(
        "{0}; this client's own queue was removed before its answer came: by the server, or by somebody who used ipcrm"
    )]
    OwnQueueGone(QueueError),
    /// The protocol has its answers in a second queue, and the client was not given that.
    #[error("{queue}: the answers of this protocol go to a second queue, which this client does not know")]
    NoReplyQueue {
        /// The queue of the requests, in words.
        queue: String,
    },
    /// The protocol has no answers.
    #[error("{queue}: nothing is answered in this protocol: send without waiting for an answer")]
    NoAnswers {
        /// The queue of the requests, in words.
        queue: String,
    },
    /// The caller may not write to or read from the queue.
    #[error("{0}; the caller must be a member of the queue's group")]
    Permission(QueueError),
    /// The text does not fit into a request.
    #[error("the text has {len} bytes; a request carries at most {MAX_REQUEST_TEXT_LEN}")]
    TextTooLong {
        /// Its length, in bytes.
        len: usize,
    },
    /// The server would see only what stands before the NUL.
    #[error("the text has a NUL at byte {at}; text ends there in this protocol, so leave it out")]
    TextHasNul {
        /// Where it stands, in bytes from 0.
        at: usize,
    },
    /// Something came that is no answer.
    #[error(
        "{queue}: the answer has {}, too few to hold a status; the server does not speak this protocol",
        counted(*.len, "byte")
    )]
    MalformedAnswer {
        /// The queue, in words.
        queue: String,
        /// Length of the body, in bytes.
        len: usize,
    },
    /// Another error of the queue.
    #[error(transparent)]
    Queue(QueueError),
    /// The timer that ends the wait, or the thread of a call after a timeout, could not be had.
    #[error("{queue}: cannot wait with a deadline: {what}: {error}")]
    NoDeadline {
        /// The queue, in words.
        queue: String,
        /// The step that failed.
        what: &'static str,
        /// What the kernel said to it.
        error: io::Error,
    },
}

impl CallError {
    /// `is_own`: the queue is this client's own.
    pub(super) fn of_queue(error: QueueError, is_own: bool) -> Self {
        match error {
            _ if is_own && error.is_gone() => Self::OwnQueueGone(error),
            _ if error.is_gone() => Self::QueueGone(error),
            _ if error.is_permission() => Self::Permission(error),
            _ => Self::Queue(error),
        }
    }

    pub(super) fn timeout(queue: &Queue, phase: Phase, timeout: Duration) -> Self {
        Self::Timeout { queue: in_words(queue), phase, timeout }
    }

    pub(super) fn no_deadline(queue: &Queue, what: &'static str, error: io::Error) -> Self {
        Self::NoDeadline { queue: in_words(queue), what, error }
    }
}

pub(super) fn in_words(queue: &Queue) -> String {
    let msqid = queue.id();
    queue.key().map_or(format!("queue with msqid {msqid}"), |key| format!("queue {key} (msqid {msqid})"))
}

/// What did not happen in time.
impl fmt::Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Send => "the queue was full and the request could not be sent",
            Self::Receive => "the request was sent and not answered",
        })
    }
}

impl Phase {
    fn advice(self) -> &'static str {
        match self {
            Self::Send => "`msgqctl stat` shows what fills it and whether a server is there",
            Self::Receive => "`msgqctl stat` shows whether a server is there; a busy one may need a longer timeout",
        }
    }
}
