//! The janitor's scan: which answers rest among the oldest messages of the queue, and what is to be done with them.

use super::resting::{RestingAnswers, TypeSeen};
use super::{Janitor, PURGE_LIMIT};
use crate::own_threads::is_own_thread;
use msgq_core::layout::protocol::{ClientKind, ReplyRoute};
use msgq_core::orphan::client_of;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{Browse, BrowseLimits, Queue, QueueError, QueueRole};
use msgq_core::table::Counters;
use msgq_core::words::counted;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Scans look at so many of the oldest messages, and no longer than this.
pub(super) const SCAN_LIMITS: BrowseLimits = BrowseLimits { time: Duration::from_millis(1), messages: 256 };

/// What is to be done with the messages of one type.
#[derive(Debug, Clone, Copy)]
enum Judgement {
    /// So many were removed for good.
    Removed(usize),
    /// Their client leaves them unread: they are to be taken back if others wait for room.
    LeftUnread(ClientNumber),
    Stays,
}

impl Janitor {
    /// Looks at the oldest messages and acts on them; returns how many were removed for good.
    pub(super) fn scan(&mut self, pressure: bool) -> usize {
        Counters::add(&self.shared.counters().scans);
        let Some((found, complete)) = self.look_at_answers() else { return 0 };
        if complete {
            let protocol = &self.shared.protocol;
            self.seen.retain(|client, _| found.contains_key(&protocol.response_mtype(client.get())));
            self.shared.answers.foreign_messages.keep_only(|mtype| found.contains_key(&mtype));
        }
        let (mut removed, mut unread, route) = (0, Vec::new(), self.shared.protocol.route());
        for (mtype, found) in found {
            match self.judge(mtype, found, complete) {
                Judgement::Removed(count) => removed += count,
                // Where nobody is answered, it is no answer, and nobody's to be sent again.
                Judgement::LeftUnread(client) if pressure && route != ReplyRoute::Nowhere => {
                    unread.push((client, found));
                }
                Judgement::LeftUnread(_) | Judgement::Stays => {}
            }
        }
        let all_seen = complete && self.can_copy;
        self.adopt(unread, all_seen);
        removed
    }

    /// The answers among the oldest messages by type, and whether these were all messages.
    pub(super) fn look_at_answers(&mut self) -> Option<(HashMap<i64, TypeSeen>, bool)> {
        match (self.can_copy, self.shared.outbox.is_private()) {
            (true, _) => self.oldest_answers(),
            (false, true) => None,
            (false, false) => Some(self.answers_of_known_clients()),
        }
    }

    fn oldest_answers(&mut self) -> Option<(HashMap<i64, TypeSeen>, bool)> {
        let mut found: HashMap<i64, TypeSeen> = HashMap::new();
        let shared = Arc::clone(&self.shared);
        let is_request = |mtype| !shared.has_second_queue() && shared.protocol.request_types().contains(mtype);
        let mut browse = Browse::new(shared.answers.current(), SCAN_LIMITS, &mut self.buffer);
        while let Some((_, message)) = browse.next_message() {
            if !is_request(message.mtype()) {
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

    /// Which watched clients have answers in the queue, where nobody can look at messages: that can be asked for one client
    /// after the other, so a scan asks for some, and the next one goes on. And whether these were all clients.
    fn answers_of_known_clients(&mut self) -> (HashMap<i64, TypeSeen>, bool) {
        let (queue, began) = (self.shared.answers.current(), Instant::now());
        let clients = self.shared.clients.some_watched(self.next_known, SCAN_LIMITS.messages);
        let mut found = HashMap::new();
        for (asked, client) in clients.iter().enumerate() {
            if began.elapsed() >= SCAN_LIMITS.time {
                self.next_known = self.next_known.wrapping_add(asked);
                return (found, false);
            }
            if queue.has_message(self.shared.mtype_of(*client)).unwrap_or(false) {
                found.insert(self.shared.mtype_of(*client), TypeSeen { fingerprint: 0, count: 1 });
            } else {
                self.seen.remove(client);
            }
        }
        self.next_known = self.next_known.wrapping_add(clients.len());
        (found, clients.len() < SCAN_LIMITS.messages)
    }

    pub(super) fn cannot_look(&mut self, error: &QueueError) {
        if error.is_without_msg_copy() {
            self.can_copy = false;
            log::warn!("{error}: answers of clients that msgqd never saw, and junk of other types, cannot be found");
        }
    }

    /// Decides over the messages of one type. `complete`: all messages were seen.
    fn judge(&mut self, mtype: i64, found: TypeSeen, complete: bool) -> Judgement {
        let shared = Arc::clone(&self.shared);
        if shared.answers.foreign_messages.contains(mtype) {
            return Judgement::Stays;
        }
        let counters = shared.counters();
        // To find that no more is there, the kernel walks over the whole queue: not for a message here and there.
        let limit = if self.can_copy && found.count < SCAN_LIMITS.messages / 4 { found.count } else { PURGE_LIMIT };
        let kind = shared.clients.kind();
        let is_answer = !shared.outbox.is_private();
        let number = shared.protocol.client_of_response(mtype).filter(|_| is_answer);
        let possible = number.and_then(|number| client_of(kind, number));
        let lives = |client: &ClientNumber| {
            let is_found = || !is_own_thread(*client) && shared.clients.find(*client).is_some();
            client.pid().is_none() || shared.clients.is_known(*client) || is_found()
        };
        let Some(client) = possible.filter(lives) else {
            return Judgement::Removed(self.remove_of_nobody(&shared.answers.current(), mtype, limit));
        };
        let resting = self.note_resting(client, found, complete);
        if resting.silent_since.elapsed() >= shared.reloadable.response_ttl() {
            self.seen.remove(&client);
            // What would come next in its line is the next part of what is removed here.
            shared.outbox.drop_rest_of_offered(client);
            let removed = self.remove(&shared.answers.current(), mtype, limit, &counters.orphans_expired);
            shared.events.expired.of(client).warn(|| {
                format!(
                    "removed {} that client {client} left unread in the queue for response_ttl_s = {}; \
                     see why it does not read (msgqctl explain {client}), or raise response_ttl_s",
                    counted(removed, "answer"),
                    shared.reloadable.response_ttl().as_secs()
                )
            });
            return Judgement::Removed(removed);
        }
        if self.is_left_unread(client, &resting) { Judgement::LeftUnread(client) } else { Judgement::Stays }
    }

    pub(super) fn remove_of_nobody(&mut self, queue: &Queue, mtype: i64, limit: usize) -> usize {
        let shared = Arc::clone(&self.shared);
        let is_of_requests = shared.has_second_queue() && queue.id() == shared.served.current().id();
        let role = if is_of_requests { QueueRole::Requests } else { shared.answers.role() };
        let removed = self.remove(queue, mtype, limit, &shared.counters().orphans_nobody);
        let nobody = match shared.clients.kind() {
            _ if shared.outbox.is_private() => "no request has it, and answers go to queues of the clients' own",
            _ if is_of_requests => "requests have other types, and answers another queue",
            ClientKind::Process => "no process or thread has this number",
            ClientKind::Number => "answers to clients have other types",
        };
        shared.events.orphans.info(|| {
            format!(
                "removed {} of type {mtype} from the {role}: {nobody}; should they come again and again, `msgqctl stat` \
                 names the last sender",
                counted(removed, "message")
            )
        });
        removed
    }

    fn note_resting(&mut self, client: ClientNumber, found: TypeSeen, complete: bool) -> RestingAnswers {
        let now = Instant::now();
        let asked = self.shared.clients.take_asked(client);
        let fresh =
            RestingAnswers { fingerprint: found.fingerprint, count: found.count, since: now, silent_since: now };
        let resting = match self.seen.get(&client) {
            // The same may stand in many answers, but fewer of them are there only when one was read.
            Some(before) if before.fingerprint == found.fingerprint && !(complete && found.count < before.count) => {
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
