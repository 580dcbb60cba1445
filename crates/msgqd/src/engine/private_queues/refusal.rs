//! Why no answer goes to the queue that a request names.

use crate::engine::events::asker;
use crate::engine::shared::Shared;
use msgq_core::layout::protocol::ReplyAddress;
use msgq_core::process::ClientNumber;
use msgq_core::table::Counters;

#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// The request names no queue, or what no queue can be.
    NoAddress,
    /// It is the server's own.
    Own(ReplyAddress),
    /// It is not there.
    Gone(ReplyAddress),
    /// It belongs to another user than the client's, who could not write to it.
    OfAnother { msqid: i32, owner: u32, user: u32 },
}

impl Refusal {
    /// Counts and logs it.
    pub(super) fn note(self, shared: &Shared, client: ClientNumber) {
        let (counters, events) = (shared.counters(), &shared.events);
        let counter = if matches!(self, Self::Gone(_)) { &counters.private_gone } else { &counters.private_refused };
        Counters::add(counter);
        let event = if matches!(self, Self::Gone(_)) { &events.private_gone } else { &events.private_refused };
        event
            .of(client)
            .warn(|| format!("dropped a request of {}: {}", asker(&shared.protocol, client), self.reason()));
    }

    fn reason(self) -> String {
        match self {
            Self::NoAddress => {
                "what stands where it names its own queue is no msqid (from 0) and no key (not 0)".to_owned()
            }
            Self::Own(address) => format!("it names {address} as its own queue, which is a queue of this server"),
            Self::Gone(address) => format!(
                "there is no queue with {address}; the client removed its queue, or has it in another IPC namespace"
            ),
            Self::OfAnother { msqid, owner, user } => format!(
                "the queue with msqid {msqid}, which it names as its own, belongs to user {owner}, and the client runs as \
                 user {user}, who may not write to it; let the client make its queue itself"
            ),
        }
    }
}
