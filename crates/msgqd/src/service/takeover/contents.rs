//! What is in a queue of another user: nothing but requests, as far as all of it can be looked at.

use super::foreign_queue::{ForeignQueue, Objection};
use msgq_core::queue::{Browse, BrowseLimits, MessageBuffer, QueueRole};
use msgq_core::words::counted;

/// What is in it that a server of this protocol does not take.
pub(super) fn objection(foreign: &ForeignQueue<'_>) -> Option<Objection> {
    let waiting = foreign.stat.messages;
    if waiting == 0 {
        return None;
    }
    let objection = |what: String| {
        let cure =
            format!("have the program that they are for take them, if it is still in use: {}", foreign.inspection());
        Some(Objection { what, cure })
    };
    let messages = counted(waiting, "message");
    if foreign.role == QueueRole::Answers {
        return objection(format!("{messages} of others rest in it, and it is to take this server's answers"));
    }
    match Contents::of(foreign) {
        Contents::Requests => None,
        Contents::Other { others: 1, all, first } => {
            objection(format!("1 of its {} is no request ({first})", counted(all, "message")))
        }
        Contents::Other { others, all, first } => {
            objection(format!("{others} of its {} are no requests (the first: {first})", counted(all, "message")))
        }
        Contents::Unknown(reason) => objection(format!("{messages} in it cannot be looked at: {reason}")),
    }
}

enum Contents {
    Requests,
    Other { others: usize, all: usize, first: String },
    Unknown(String),
}

impl Contents {
    fn of(foreign: &ForeignQueue<'_>) -> Self {
        let mut buffer = MessageBuffer::new();
        let mut browse = Browse::new(foreign.queue, LIMITS, &mut buffer);
        let (mut others, mut first) = (0, None);
        while let Some((_, message)) = browse.next_message() {
            if let Err(reason) = check_request(foreign, message) {
                others += 1;
                first.get_or_insert(reason);
            }
        }
        match (browse.is_complete(), first) {
            (Err(error), _) if error.is_without_msg_copy() => Self::Unknown(
                "this kernel shows no message without taking it (no MSG_COPY), so only an empty queue of others is taken over"
                    .to_owned(),
            ),
            (Err(error), _) => Self::Unknown(error.to_string()),
            (_, Some(first)) => Self::Other { others, all: browse.looked_at(), first },
            (Ok(false), None) => Self::Unknown(format!("{} were seen until the time was over", browse.looked_at())),
            (Ok(true), None) => Self::Requests,
        }
    }
}

fn check_request(foreign: &ForeignQueue<'_>, message: &MessageBuffer) -> Result<(), String> {
    let mtype = message.mtype();
    if !foreign.protocol.request_types().contains(mtype) {
        return Err(format!("type {mtype}"));
    }
    let read = foreign.protocol.read_request(mtype, message.body());
    read.map(drop).map_err(|malformed| format!("type {mtype}: {malformed}"))
}

/// A start does not wait longer for the look at a crowded queue.
const LIMITS: BrowseLimits = BrowseLimits { time: std::time::Duration::from_millis(500), messages: 16_384 };
