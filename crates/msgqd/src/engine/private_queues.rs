//! Queues of clients' own: which one a request names, and whether its answer may go there.
//!
//! Nothing in a request is to be believed. The server may have rights that its clients have not, and must not write for one
//! of them where that one could not write itself; and an answer in the server's own queue would be a request to itself. So a
//! queue is looked at before the first answer goes there, and a queue that passed is remembered for a second: it can be given to
//! another user, and whoever makes and removes queues all the time sees a msqid again after 4194240 of them, in 8 seconds.

mod refusal;

use super::clients::Generation;
use super::shared::Shared;
use msgq_core::layout::protocol::ReplyAddress;
use msgq_core::process::{ClientNumber, ClientUsers};
use msgq_core::queue::{Queue, QueueKey, QueueStat};
use nix::errno::Errno;
use refusal::Refusal;
use std::cell::Cell;

/// Places for queues that passed, each worker's own. Msqids follow each other, so queues that are in use at the same time
/// seldom share one.
const PLACES: usize = 4096;
/// So long it is not looked at again.
const LIFETIME_NS: u64 = 1_000_000_000;

/// A queue that this client may have its answers in.
#[derive(Debug, Clone, Copy)]
struct Verified {
    msqid: i32,
    client: i64,
    generation: u32,
    /// When it was looked at, in nanoseconds of `CLOCK_MONOTONIC`.
    at_ns: u64,
}

impl Verified {
    /// True when this is what `earlier` is, and that was looked at a moment ago.
    fn is_known_by(&self, earlier: &Self) -> bool {
        (self.msqid, self.client, self.generation) == (earlier.msqid, earlier.client, earlier.generation)
            && self.at_ns.saturating_sub(earlier.at_ns) < LIFETIME_NS
    }
}

const NOTHING: Verified = Verified { msqid: -1, client: 0, generation: 0, at_ns: 0 };

/// The queues that passed, of one worker.
pub(super) struct VerifiedQueues(Vec<Cell<Verified>>);

impl VerifiedQueues {
    pub(super) fn new() -> Self {
        Self(vec![Cell::new(NOTHING); PLACES])
    }

    /// The queue that a request of this client names, received at this moment; `None`, counted and logged, when its answer may not go there.
    pub(super) fn queue_for(
        &self,
        shared: &Shared,
        (client, generation): (ClientNumber, Generation),
        at_ns: u64,
        body: &[u8],
    ) -> Option<Queue> {
        let queue = named_queue(shared, body).and_then(|queue| {
            let (msqid, client_number) = (queue.id(), client.get());
            let verified = Verified { msqid, client: client_number, generation: generation.number(), at_ns };
            let place = self.0.get(place_of(msqid));
            if place.is_none_or(|place| !verified.is_known_by(&place.get())) {
                check(shared, &queue, client)?;
                place.inspect(|place| place.set(verified));
            }
            Ok(queue)
        });
        queue.inspect_err(|refusal| refusal.note(shared, client)).ok()
    }
}

fn place_of(msqid: i32) -> usize {
    usize::try_from(msqid).unwrap_or(0) % PLACES
}

/// As [`VerifiedQueues::queue_for`], with a look at the queue each time.
pub(super) fn queue_for(shared: &Shared, client: ClientNumber, body: &[u8]) -> Option<Queue> {
    let queue = named_queue(shared, body).and_then(|queue| check(shared, &queue, client).map(|()| queue));
    queue.inspect_err(|refusal| refusal.note(shared, client)).ok()
}

fn named_queue(shared: &Shared, body: &[u8]) -> Result<Queue, Refusal> {
    let address = shared.protocol.reply_address(body).ok_or(Refusal::NoAddress)?;
    let queue = match address {
        ReplyAddress::Msqid(msqid) => Queue::from_msqid(msqid),
        ReplyAddress::Key(key) => {
            let key = QueueKey::new(key.cast_signed()).ok_or(Refusal::NoAddress)?;
            Queue::open(key).map_err(|_| Refusal::Gone(address))?
        }
    };
    if queue.id() == shared.served.current().id() { Err(Refusal::Own(address)) } else { Ok(queue) }
}

/// Where the queue may not be looked at there is nothing to check by; that it may be written to, the kernel checks.
fn check(shared: &Shared, queue: &Queue, client: ClientNumber) -> Result<(), Refusal> {
    let stat = match queue.stat() {
        Ok(stat) => stat,
        Err(error) if matches!(error.errno(), Errno::EINVAL | Errno::EIDRM) => {
            return Err(Refusal::Gone(ReplyAddress::Msqid(queue.id())));
        }
        Err(_) => return Ok(()),
    };
    if client.pid().is_none() {
        return Ok(());
    }
    match shared.clients.users(client) {
        Some(users) if !may_write(users, &stat) => {
            Err(Refusal::OfAnother { msqid: queue.id(), owner: stat.uid, user: users.effective })
        }
        _ => Ok(()),
    }
}

/// True where a process of these users could write to the queue itself, whatever its groups are.
fn may_write(users: ClientUsers, stat: &QueueStat) -> bool {
    const ROOT: u32 = 0;
    const WRITE_FOR_ALL: u32 = 0o002;
    let is_of = |uid| uid == stat.uid || uid == stat.cuid;
    users.effective == ROOT || is_of(users.real) || is_of(users.effective) || stat.mode & WRITE_FOR_ALL != 0
}
