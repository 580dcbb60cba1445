//! An answer on its way into the outbox, and the message that carries it.

use crate::engine::clients::Generation;
use crate::handler::Reply;
use msgq_core::layout::protocol::{Protocol, RequestView};
use msgq_core::process::ClientNumber;
use msgq_core::queue::Queue;
use msgq_core::table::Series;

pub(in crate::engine) struct PendingAnswer<'a> {
    pub(in crate::engine) client: ClientNumber,
    pub(in crate::engine) generation: Generation,
    pub(in crate::engine) sequence: u64,
    pub(in crate::engine) received_at_ns: u64,
    pub(in crate::engine) queue: Queue,
    /// mtype and body.
    pub(in crate::engine) message: &'a [u8],
    pub(in crate::engine) origin: Origin,
}

/// Where an answer stands in the table until it stands in a response slot.
///
/// A daemon that is killed in between leaves it in both, and must leave it in one at least. So its first place is given
/// up last, but still under the outbox's lock: the courier cannot have sent the answer by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Origin {
    /// A worker's landing slot. The two are recognised as one by the number of the request.
    Landing(usize),
    /// The recall slot. It names the response slot.
    Recall,
    /// The table of an earlier daemon.
    Earlier {
        /// Its daemon died while it sent it.
        in_doubt: bool,
    },
    /// The table of an earlier daemon, for an answer in parts, whose text is in a long slot of this table already.
    EarlierSeries(Series),
}

/// Makes the message that carries a reply, over whatever stands in `message`.
#[inline]
pub(in crate::engine) fn response_message<'a>(
    protocol: &Protocol,
    message: &'a mut [u8],
    client: ClientNumber,
    request: &RequestView<'_>,
    reply: &Reply,
) -> &'a [u8] {
    let Some((first, body)) = message.split_first_chunk_mut() else { return &[] };
    *first = protocol.answer_mtype(client.get(), request.mtype).to_ne_bytes();
    let len = first.len() + protocol.write_response(request, &reply.as_answer(), body);
    message.get(..len).unwrap_or_default()
}
