//! Answers to queues of clients' own that do not get there.

use super::Events;
use msgq_core::layout::protocol::Protocol;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{Queue, QueueError};
use msgq_core::table::Counters;
use nix::errno::Errno;

impl Events {
    /// Counts and logs that a client's own queue is full: its answer waits from now on.
    pub(in crate::engine) fn private_queue_full(
        &self,
        counters: &Counters,
        protocol: &Protocol,
        client: ClientNumber,
        queue: &Queue,
    ) {
        Counters::add(&counters.private_full);
        self.private_full.of(client).info(|| {
            let msqid = queue.id();
            format!("queue msqid {msqid} of {} is full: its answers wait", asker(protocol, client))
        });
    }

    /// Counts and logs an answer that a client's own queue refused for good.
    pub(in crate::engine) fn private_answer_refused(
        &self,
        counters: &Counters,
        protocol: &Protocol,
        client: ClientNumber,
        error: &QueueError,
    ) {
        let dropped = || format!("dropped an answer of {}: {error}", asker(protocol, client));
        if error.is_gone() {
            Counters::add(&counters.private_gone);
            return self.private_gone.of(client).warn(|| format!("{}; the client removed its queue", dropped()));
        }
        Counters::add(&counters.private_unwritable);
        self.private_unwritable.of(client).warn(|| match error.errno() {
            Errno::EACCES => format!(
                "{}; the client has to make its queue so that this server's user may write to it, for example with mode \
                 0620 and a group that both are in",
                dropped()
            ),
            Errno::EINVAL => format!("{}; the queue is there, so the answer is longer than kernel.msgmax", dropped()),
            _ => dropped(),
        });
    }

    /// Counts and logs an answer that is longer than all that its client's own queue has room for.
    pub(in crate::engine) fn private_queue_too_narrow(
        &self,
        counters: &Counters,
        protocol: &Protocol,
        client: ClientNumber,
        (queue, max_bytes, length): (&Queue, u64, usize),
    ) {
        Counters::add(&counters.private_unwritable);
        self.private_unwritable.of(client).warn(|| {
            format!(
                "dropped an answer of {}: it has {length} bytes, and its queue, msqid {}, never has room for more than \
                 {max_bytes}; the client has to leave msg_qbytes as large as an answer at least",
                asker(protocol, client),
                queue.id()
            )
        });
    }
}

/// How a line of the log names a client.
pub(in crate::engine) fn asker(protocol: &Protocol, client: ClientNumber) -> String {
    if protocol.client_is_address() { "a client".to_owned() } else { format!("client {client}") }
}
