//! The janitor's scan: which answers rest among the oldest messages of the queue, and what is to be done with them.

use super::resting::RestingAnswers;
use super::{Janitor, PURGE_LIMIT};
use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::process::ClientPid;
use msgq_core::queue::{Browse, BrowseLimits, QueueError};
use msgq_core::table::Counters;
use nix::errno::Errno;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a scan found of one type.
#[derive(Debug, Clone, Copy)]
struct TypeSeen {
    fingerprint: u64,
    count: usize,
}

/// Scans look at so many of the oldest messages, and no longer than this.
const SCAN_LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_millis(1), messages: 256 };
/// How long an answer may rest while others wait.
const REST_LIMIT: Duration = Duration::from_millis(50);

impl Janitor {
    /// Looks at the oldest messages and acts on them; returns how many were removed for good.
    pub(super) fn scan(&mut self, pressure: bool) -> usize {
        Counters::add(&self.shared.counters().scans);
        let Some((found, complete)) = self.oldest_answers() else { return 0 };
        if complete {
            self.seen.retain(|client, _| found.contains_key(&client.as_mtype()));
        }
        found.iter().map(|(mtype, found)| self.judge(*mtype, *found, pressure)).sum()
    }

    /// The answers among the oldest messages by type, and whether these were all messages.
    fn oldest_answers(&mut self) -> Option<(HashMap<i64, TypeSeen>, bool)> {
        let mut found: HashMap<i64, TypeSeen> = HashMap::new();
        let mut browse = Browse::new(self.shared.served.current(), SCAN_LIMITS, &mut self.buffer);
        while let Some((_, message)) = browse.next_message() {
            if message.mtype() != REQUEST_MTYPE {
                let fingerprint = fingerprint(message.body());
                found.entry(message.mtype()).or_insert(TypeSeen { fingerprint, count: 0 }).count += 1;
            }
        }
        match browse.is_complete() {
            Ok(complete) => Some((found, complete)),
            Err(error) => {
                self.cannot_look(&error);
                None
            }
        }
    }

    fn cannot_look(&mut self, error: &QueueError) {
        if error.errno() == Errno::ENOSYS {
            self.can_copy = false;
            log::warn!("{error}: answers of clients that msgqd never saw, and junk of other types, cannot be found");
        }
    }

    /// Decides over the messages of one type; returns how many were removed for good.
    fn judge(&mut self, mtype: i64, found: TypeSeen, pressure: bool) -> usize {
        let shared = Arc::clone(&self.shared);
        let counters = shared.counters();
        // To find that no more is there, the kernel walks over the whole queue: not for a message here and there.
        let limit = if found.count < SCAN_LIMITS.messages / 4 { found.count } else { PURGE_LIMIT };
        let possible = ClientPid::from_mtype(mtype).filter(|client| !shared.clients.is_own(*client));
        let lives = |client: &ClientPid| shared.clients.is_known(*client) || shared.clients.find(*client).is_some();
        let Some(client) = possible.filter(lives) else {
            let removed = self.remove(mtype, limit, &counters.orphans_nobody);
            shared.events.orphans.info(|| {
                format!(
                    "removed {removed} message(s) of type {mtype} from the queue: no process or thread has this number; \
                     should they come again and again, `msgqctl stat` names the last sender"
                )
            });
            return removed;
        };
        let resting = self.note_resting(client, found);
        if resting.silent_since.elapsed() >= shared.reloadable.response_ttl() {
            self.seen.remove(&client);
            let removed = self.remove(mtype, limit, &counters.orphans_expired);
            shared.events.expired.warn(|| {
                format!(
                    "removed {removed} answer(s) that client {client} left unread in the queue for response_ttl_s = {}; \
                     see why it does not read (msgqctl explain {client}), or raise response_ttl_s",
                    shared.reloadable.response_ttl().as_secs()
                )
            });
            return removed;
        }
        let is_held = shared.clients.is_held(client);
        let excess = is_held && found.count > shared.outbox.offers_of(client);
        if pressure && (excess || (!is_held && resting.since.elapsed() >= REST_LIMIT)) {
            self.cancel_send(client);
            if shared.outbox.adopt(client) {
                self.seen.remove(&client);
            }
        }
        0
    }

    fn note_resting(&mut self, client: ClientPid, found: TypeSeen) -> RestingAnswers {
        let now = Instant::now();
        let asked = self.shared.clients.take_asked(client);
        let fresh =
            RestingAnswers { fingerprint: found.fingerprint, count: found.count, since: now, silent_since: now };
        let resting = match self.seen.get(&client) {
            Some(before) if before.fingerprint == found.fingerprint => {
                let silent = !asked && before.count == found.count;
                RestingAnswers {
                    since: before.since,
                    silent_since: if silent { before.silent_since } else { now },
                    ..fresh
                }
            }
            _ => fresh,
        };
        self.seen.insert(client, resting);
        resting
    }
}

fn fingerprint(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
