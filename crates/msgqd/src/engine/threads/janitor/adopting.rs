//! How unread answers of living clients are taken back into the outbox, so that none of these clients finds a later answer first.
//!
//! The kernel gives the oldest answer out first, so between two takes a client that reads would find one that is later than
//! those in the outbox. No call takes several at once, and none keeps a client from reading. So nothing is taken from a
//! client that may be about to read. Who has not read for a while although its answers are there, is asleep, and in all
//! likelihood in msgsnd, waiting for the very room that its answers take: each take would wake it. So the queue is narrowed
//! first, and what would have woken it does not. One that ran at that moment has gone on to its next call a
//! millisecond later: it is in msgsnd, and stays there, or it has begun to read, which a second look shows.
//! The takes come after that. What is left is a client that is woken by something else within them.
//!
//! Where answers have a queue of their own, their takes make no room for requests. But workers take requests all the time,
//! and a client that is let go on in msgsnd may read next. So the queue of requests is narrowed all the same, to a size into which
//! nothing fits: who sends waits there, and is not woken before the takes are over.

use super::Janitor;
use super::narrowing::Narrowing;
use super::resting::{RestingAnswers, TypeSeen};
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::process::ClientNumber;
use std::sync::Arc;
use std::time::Duration;

/// While another message is there, no request fits into a queue of this size. It is the least with which a queue works.
const NARROWED: u64 = BODY_LEN_LP64 as u64;
/// No request fits into a queue of this size, also while it is empty.
const SHUT: u64 = 1;
/// So long clients that run have to come to their next call.
const SETTLE_TIME: Duration = Duration::from_millis(1);
/// How long answers may rest while others wait, and, where their client still sends, which keeps others back as well.
const REST_LIMIT: Duration = Duration::from_millis(50);
const SENDERS_REST_LIMIT: Duration = Duration::from_millis(100);
/// Longer than the time between two looks at the same moment, and shorter than that between two others.
const QUIET_TIME: Duration = Duration::from_millis(10);

impl Janitor {
    /// True when what rests for this client is to be taken back, as others wait for room.
    pub(super) fn is_left_unread(&self, client: ClientNumber, resting: &RestingAnswers) -> bool {
        let is_by_courier =
            self.shared.clients.is_held(client) && resting.count <= self.shared.outbox.offers_of(client);
        let is_quiet = resting.silent_since.elapsed() >= QUIET_TIME;
        let limit = if is_quiet { REST_LIMIT } else { SENDERS_REST_LIMIT };
        !is_by_courier && resting.since.elapsed() >= limit
    }

    /// Takes back what rests for these clients. `all_seen`: no more than was seen rests for them.
    pub(super) fn adopt(&mut self, mut unread: Vec<(ClientNumber, TypeSeen)>, all_seen: bool) {
        // One answer goes in one call: either its client has it or the outbox.
        let is_at_once = all_seen && unread.iter().all(|(_, seen)| seen.count == 1);
        if unread.is_empty() || is_at_once {
            return self.adopt_each(&unread);
        }
        let narrowed = if self.shared.has_second_queue() { SHUT } else { NARROWED };
        let shared = Arc::clone(&self.shared);
        let queue = shared.served.current();
        let size = queue.stat().map_or(0, |stat| stat.max_bytes);
        let narrowing = if size > narrowed { Narrowing::begin(&shared.sizes, &queue, size, narrowed) } else { None };
        std::thread::sleep(SETTLE_TIME);
        if self.can_copy {
            let Some((now, _)) = self.look_at_answers() else { return };
            let protocol = &self.shared.protocol;
            let mtype_of = |client: &ClientNumber| protocol.response_mtype(client.get());
            unread.retain(|(client, seen)| now.get(&mtype_of(client)).is_some_and(|now| now.is_as_unread_as(seen)));
        }
        self.adopt_each(&unread);
        drop(narrowing);
    }

    fn adopt_each(&mut self, unread: &[(ClientNumber, TypeSeen)]) {
        for (client, _) in unread {
            self.cancel_send(*client);
            if self.shared.outbox.adopt(*client) {
                self.seen.remove(client);
            }
        }
    }
}
