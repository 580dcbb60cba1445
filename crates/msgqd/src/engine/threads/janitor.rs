//! The janitor: reaps dead clients, keeps the queues free of what nobody will read, and moves what rests too long into
//! the outbox while others wait for room.
//!
//! It sleeps in epoll: the death of a client wakes it, and so does a worker that found the queue full. Beside that it
//! looks at the queue's fill, often under pressure and twice a second otherwise, and scans the messages only when there
//! are some. A scan looks at the oldest messages only, since each look is a walk from the head, and is bounded in time,
//! so that no flood can hold it.

mod adopting;
mod herd;
mod narrowing;
mod progress;
mod requests;
mod resting;
mod scan;

use super::group::Waker;
use crate::engine::kill_points::kill_point;
use crate::engine::shared::Shared;
use herd::HerdWatch;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{MessageBuffer, Queue};
use msgq_core::table::Counters;
use msgq_core::words::counted;
use progress::Progress;
use resting::RestingAnswers;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

pub(in crate::engine) struct Janitor {
    shared: Arc<Shared>,
    courier: Waker,
    buffer: MessageBuffer,
    seen: HashMap<ClientNumber, RestingAnswers>,
    last_scan: Option<Instant>,
    /// The same of the queue of requests, where answers have another.
    last_request_scan: Option<Instant>,
    last_expiry: Instant,
    can_copy: bool,
    /// The place among the watched clients from which a scan goes on where it cannot look at messages.
    next_known: usize,
    herd: HerdWatch,
    progress: Progress,
}

/// What a look at the queues came to, in the order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum QueueFill {
    Empty,
    Resting,
    /// Of two queues that of requests is full: a look that comes soon tells whether they come in slowly.
    FullOfRequests,
    MoreJunk,
}

const UNDER_PRESSURE: Duration = Duration::from_millis(5);
const WHILE_SOMETHING_RESTS: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_millis(500);
const SCAN_PAUSE_UNDER_PRESSURE: Duration = Duration::from_millis(20);
const SCAN_PAUSE: Duration = Duration::from_millis(500);
/// All scans and removals of one round.
const ROUND_TIME: Duration = Duration::from_millis(20);
const PURGE_LIMIT: usize = 4096;
const EXPIRY_PAUSE: Duration = Duration::from_secs(1);
const CANCEL_LIMIT: Duration = Duration::from_secs(1);

impl Janitor {
    pub(in crate::engine) fn new(shared: Arc<Shared>, courier: Waker) -> Self {
        let buffer = MessageBuffer::with_body_room(shared.message_room);
        Self {
            shared,
            courier,
            buffer,
            seen: HashMap::new(),
            last_scan: None,
            last_request_scan: None,
            last_expiry: Instant::now(),
            can_copy: true,
            next_known: 0,
            herd: HerdWatch::default(),
            progress: Progress::default(),
        }
    }

    pub(in crate::engine) fn run(mut self) {
        let mut pause = IDLE;
        let mut dead = Vec::new();
        while !self.shared.lifecycle.is_stopping() {
            self.shared.clients.wait_for_deaths(pause, &mut dead);
            // Under pressure rounds follow each other anyway: nobody pays for another alarm.
            if pause > UNDER_PRESSURE {
                self.shared.alarm.rearm();
            } else {
                self.shared.alarm.mute();
            }
            for client in dead.drain(..) {
                self.reap(client);
            }
            let next = self.round();
            // Armed before the last look, so that whoever comes after that look sounds it again.
            if pause <= UNDER_PRESSURE && next > UNDER_PRESSURE {
                self.shared.alarm.rearm();
                pause = self.round();
            } else {
                pause = next;
            }
            self.shared.heartbeat.note_round();
            if self.progress.look(&self.shared).is_none() {
                self.shared.heartbeat.beat(&self.shared.table);
            }
        }
    }

    /// Looks after outbox and queue; returns how long the next round can wait.
    fn round(&mut self) -> Duration {
        let outbox_used = self.tend_outbox();
        let queue = self.tend_queues(outbox_used);
        // What waits for queues of clients' own is no concern of this one.
        let is_pressed = outbox_used && !self.shared.outbox.is_private();
        match (is_pressed || self.shared.congestion.is_crowded(), queue) {
            (true, _) | (_, QueueFill::MoreJunk | QueueFill::FullOfRequests) => UNDER_PRESSURE,
            (false, QueueFill::Resting) => WHILE_SOMETHING_RESTS,
            (false, QueueFill::Empty) => IDLE,
        }
    }

    /// The order is an argument. First the death is noted: from then on no worker and no answer for the dead one gets
    /// through. Then those that got through before are waited for: direct sends and the courier. Then all that is there
    /// is dropped. Nothing can come after.
    fn reap(&mut self, client: ClientNumber) {
        kill_point("reaping");
        let shared = Arc::clone(&self.shared);
        if !shared.clients.forget_dead(client) {
            return;
        }
        shared.clients.wait_for_direct_sends(client);
        self.cancel_send(client);
        let dropped = shared.outbox.drop_line(client, &shared.counters().client_gone);
        let mtype = shared.mtype_of(client);
        let answers = &shared.answers;
        // Of a queue of the client's own nothing is taken.
        let is_left_alone = answers.foreign_messages.contains(mtype) || shared.outbox.is_private();
        let limit = if is_left_alone { 0 } else { PURGE_LIMIT };
        let removed = self.remove(&answers.current(), mtype, limit, &shared.counters().orphans_dead_client);
        self.seen.remove(&client);
        if dropped + removed > 0 {
            shared.events.reaped.of(client).info(|| {
                let answers = dropped.max(removed);
                let were = if answers == 1 { "was" } else { "were" };
                format!("client {client} died before it read {}, which {were} removed", counted(answers, "answer"))
            });
        }
    }

    /// The courier may be in a send to this client for as long as there is no room.
    fn cancel_send(&self, client: ClientNumber) {
        let limit = Instant::now() + CANCEL_LIMIT;
        let send_call = &self.shared.outbox.send_call;
        send_call.cancel_for(client);
        while send_call.is_for(client) && Instant::now() < limit {
            self.courier.wake();
            std::thread::sleep(Duration::from_micros(100));
        }
        send_call.cancel_nobody();
    }

    /// True when something waits in the outbox.
    fn tend_outbox(&mut self) -> bool {
        let is_used = self.shared.outbox.tend();
        if is_used && self.last_expiry.elapsed() >= EXPIRY_PAUSE {
            self.last_expiry = Instant::now();
            self.shared.outbox.expire(self.shared.reloadable.response_ttl());
        }
        is_used
    }

    fn tend_queues(&mut self, outbox_used: bool) -> QueueFill {
        let answers = self.tend_answers(outbox_used);
        if self.shared.has_second_queue() { answers.max(self.tend_requests()) } else { answers }
    }

    /// Looks at the queue into which answers go, which may be that of requests as well.
    fn tend_answers(&mut self, outbox_used: bool) -> QueueFill {
        let started = Instant::now();
        loop {
            let queue = self.shared.answers.current();
            let stat = match queue.stat() {
                Ok(stat) => stat,
                // The workers may be busy with requests for a long time.
                Err(error) if error.is_gone() => {
                    self.seen.clear();
                    self.shared.replace_lost_answers(&queue, &error);
                    return QueueFill::Empty;
                }
                Err(_) => return QueueFill::Empty,
            };
            self.shared.note_answers(&stat);
            if !self.shared.has_second_queue() {
                self.herd.look(&self.shared, &queue, &stat);
            }
            if stat.messages == 0 {
                self.seen.clear();
                self.shared.answers.foreign_messages.keep_only(|_| false);
                return QueueFill::Empty;
            }
            let pressure = !self.shared.outbox.is_private() && (outbox_used || self.shared.congestion.is_crowded());
            let pause = if pressure { SCAN_PAUSE_UNDER_PRESSURE } else { SCAN_PAUSE };
            let is_due = self.last_scan.is_none_or(|last| last.elapsed() >= pause);
            if !is_due {
                return QueueFill::Resting;
            }
            // As long as a scan finds junk there may be more behind it.
            if self.scan(pressure) == 0 {
                self.last_scan = Some(Instant::now());
                return QueueFill::Resting;
            }
            if started.elapsed() >= ROUND_TIME {
                self.last_scan = None;
                return QueueFill::MoreJunk;
            }
        }
    }

    /// Removes messages of a type, at most `limit`.
    fn remove(&mut self, queue: &Queue, mtype: i64, limit: usize, counter: &AtomicU64) -> usize {
        let mut removed = 0;
        while removed < limit && matches!(queue.try_receive_any(mtype, &mut self.buffer), Ok(true)) {
            Counters::add(counter);
            removed += 1;
        }
        removed
    }
}
