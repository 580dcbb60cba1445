//! How full the queue is, and how fast answers are given out while it is congested.
//!
//! The queue is *congested* from when a worker found it full until nothing in the outbox is ready to go. Meanwhile all
//! answers go through the outbox. Every receive wakes all senders that wait for room; a worker that wins some of that room
//! past them keeps the herd alive, since the client that it answers joins it again at once. Left to themselves the workers
//! drain all requests into memory, and the herd is gone.
//!
//! Each answer lets its client send the next request. When more clients are let go than the queue has places, some of
//! them block in msgsnd, and every receive from then on wakes all that are blocked: with hundreds of them that costs more
//! than all requests. So the answers that are out must have brought their requests before more are given out. How many
//! are out follows from the counters; the way of a request pays nothing for it.
//!
//! Everything here is a hint: each value is read and written by itself, and a late one costs speed alone.

mod contest;
mod drop_pace;

use contest::Contest;
use drop_pace::DropPace;
use msgq_core::layout::BODY_LEN_LP64;
use msgq_core::queue::{Queue, QueueStat};
use msgq_core::table::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Congestion {
    table: Arc<Table>,
    /// Answers have a queue of their own: who is answered takes no room there with the next request.
    is_apart: bool,
    congested: AtomicBool,
    /// The queue was three quarters full at the last look.
    crowded: AtomicBool,
    /// It had no room for one more message at the last look.
    full: AtomicBool,
    /// Answers in the outbox, as of the last look.
    backlog: AtomicUsize,
    /// Clients for which they wait.
    waiting_clients: AtomicUsize,
    offer_limit: AtomicUsize,
    /// The balance of the counters at which no client is expected.
    nobody_expected: AtomicI64,
    drop_pace: DropPace,
    pub(super) contest: Contest,
}

/// Since when there is no room for an answer, and how many requests had been received by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoomSearch {
    since: Instant,
    received: u64,
}

impl RoomSearch {
    pub(super) fn has_lasted(&self, time: Duration) -> bool {
        self.since.elapsed() > time
    }
}

impl Congestion {
    pub(super) fn new(table: Arc<Table>, is_apart: bool) -> Self {
        Self {
            table,
            is_apart,
            congested: AtomicBool::new(false),
            crowded: AtomicBool::new(false),
            full: AtomicBool::new(false),
            backlog: AtomicUsize::new(0),
            waiting_clients: AtomicUsize::new(0),
            offer_limit: AtomicUsize::new(1),
            nobody_expected: AtomicI64::new(0),
            drop_pace: DropPace::default(),
            contest: Contest::default(),
        }
    }

    /// Keeps what the queue's fill means for the others.
    pub(super) fn note_fill(&self, stat: &QueueStat) {
        let size = stat.max_bytes;
        let is_crowded = |used: u64| used.saturating_mul(4) >= size.saturating_mul(3);
        self.crowded.store(is_crowded(stat.bytes) || is_crowded(stat.messages), Ordering::Relaxed);
        self.full.store(stat.bytes.saturating_add(PLACE_LEN) > size, Ordering::Relaxed);
        // Half of the places, so that the other half is there for requests whatever the clients do with their offers.
        let places = size / 2 / PLACE_LEN;
        self.offer_limit.store(usize::try_from(places).unwrap_or(usize::MAX).max(1), Ordering::Relaxed);
    }

    /// True when the queue is three quarters full.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// True when the queue had no room for one more message.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// How many answers may rest in the queue by the courier's doing.
    pub(super) fn offer_limit(&self) -> usize {
        self.offer_limit.load(Ordering::Relaxed)
    }

    pub(super) fn is_congested(&self) -> bool {
        self.congested.load(Ordering::Relaxed)
    }

    /// A worker found the queue full.
    pub(super) fn begin(&self) {
        self.congested.store(true, Ordering::Relaxed);
    }

    /// Nothing in the outbox is ready to go.
    pub(super) fn end(&self) {
        self.congested.store(false, Ordering::Relaxed);
    }

    /// So many answers are in the outbox, for so many clients.
    pub(super) fn note_backlog(&self, answers: usize, clients: usize) {
        self.backlog.store(answers, Ordering::Relaxed);
        self.waiting_clients.store(clients, Ordering::Relaxed);
    }

    /// True when clients send more than each one request and wait: no herd of those has two answers each in the outbox,
    /// the second one where nobody has noticed yet that the first was read.
    fn is_flooded(&self) -> bool {
        self.backlog.load(Ordering::Relaxed) > 2 * self.waiting_clients.load(Ordering::Relaxed) + SHORT_BACKLOG
    }

    /// True when more answers may be given out past the outbox although the queue is congested.
    pub(super) fn has_room_for_answers(&self, queue: &Queue) -> bool {
        self.backlog.load(Ordering::Relaxed) <= SHORT_BACKLOG && self.has_room(queue)
    }

    /// A worker had to drop an answer of a client that reads: see [`DropPace`].
    pub(super) fn pause_after_a_drop(&self) {
        self.drop_pace.pause(|| self.table.count_of(|counters| &counters.answered_late));
    }

    /// Waits until answers may be given out and returns how many: at least one, since clients need not ask again. `None`
    /// once the courier has to contend for room: no request that comes moves the end of this wait.
    pub(super) fn wait_for_room(&self, queue: &Queue, search: &RoomSearch) -> Option<u64> {
        let (mut received, mut quiet_since) = (self.received(), Instant::now());
        while quiet_since.elapsed() < PATIENCE {
            if self.must_contend(search) {
                return None;
            }
            let Ok(stat) = queue.stat() else { return Some(1) };
            let room = self.room(&stat);
            if room > 0 {
                return Some(room);
            }
            std::thread::sleep(PAUSE);
            let now = self.received();
            if now != received {
                (received, quiet_since) = (now, Instant::now());
            }
        }
        self.expect_nobody();
        Some(1)
    }

    /// The courier begins to look for room for an answer.
    pub(super) fn begin_search(&self) -> RoomSearch {
        RoomSearch { received: self.received(), since: Instant::now() }
    }

    /// True when no room was found for so long, although requests were taken, that none will be found by waiting.
    fn must_contend(&self, search: &RoomSearch) -> bool {
        let waited = search.since.elapsed();
        waited > FLOOD_TIME
            && (waited > HERD_TIME || !self.is_apart && self.is_flooded())
            && self.received() != search.received
    }

    pub(super) fn received(&self) -> u64 {
        self.table.count_of(|counters| &counters.received)
    }

    /// True when answers may be given out now.
    pub(super) fn has_room(&self, queue: &Queue) -> bool {
        queue.stat().is_ok_and(|stat| self.room(&stat) > 0)
    }

    /// How many more answers may be given out now.
    fn room(&self, stat: &QueueStat) -> u64 {
        if self.is_apart {
            return stat.max_bytes.saturating_sub(stat.bytes) / PLACE_LEN;
        }
        let free = (stat.max_bytes - stat.max_bytes / SPARE).saturating_sub(stat.bytes);
        (free / PLACE_LEN).saturating_sub(self.expected_clients())
    }

    /// Clients that were answered and have not asked again.
    fn expected_clients(&self) -> u64 {
        let balance = self.balance();
        let nobody = self.nobody_expected.load(Ordering::Relaxed);
        if balance < nobody {
            self.nobody_expected.store(balance, Ordering::Relaxed);
        }
        u64::try_from(balance - nobody).unwrap_or(0)
    }

    /// Whoever was answered and has not asked again is not expected to any more.
    fn expect_nobody(&self) {
        self.nobody_expected.store(self.balance(), Ordering::Relaxed);
    }

    /// Answers less requests.
    fn balance(&self) -> i64 {
        let answered = self.table.count_of(|counters| &counters.answered);
        let answered_late = self.table.count_of(|counters| &counters.answered_late);
        let received = self.table.count_of(|counters| &counters.received);
        answered.wrapping_add(answered_late).wrapping_sub(received).cast_signed()
    }
}

/// What one message of the protocol takes of a queue, in bytes.
const PLACE_LEN: u64 = BODY_LEN_LP64 as u64;
/// With so few answers in the outbox, those that are sent past it delay nobody for long.
const SHORT_BACKLOG: usize = 16;
/// This part of the queue is left to clients that nobody expects. Measured: with a half, 64 clients on a default queue do
/// 0.6 of what they do on a roomy one, with this 0.8.
const SPARE: u64 = 16;
/// So long no request comes before nobody is expected any more.
const PATIENCE: Duration = Duration::from_millis(2);
const PAUSE: Duration = Duration::from_micros(50);
/// So long the queue stays full although requests are taken, by clients that do not wait for answers, before the courier
/// contends for room.
const FLOOD_TIME: Duration = Duration::from_millis(5);
/// The same, whoever fills it: a herd of a thousand waiting clients is in memory sooner than this.
const HERD_TIME: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use msgq_core::table::{Counters, Geometry};

    fn stat(bytes: u64) -> QueueStat {
        QueueStat {
            key: None,
            msqid: 0,
            uid: 0,
            gid: 0,
            cuid: 0,
            cgid: 0,
            mode: 0,
            bytes,
            messages: 0,
            max_bytes: 16_384,
            last_send_pid: 0,
            last_receive_pid: 0,
            last_send_time: 0,
            last_receive_time: 0,
            last_change_time: 0,
        }
    }

    fn congestion(is_apart: bool) -> Congestion {
        let geometry = Geometry::plain(1, 64, 8192, 1);
        Congestion::new(Arc::new(Table::anonymous(geometry).unwrap()), is_apart)
    }

    #[test]
    fn so_many_answers_are_given_out_as_the_queue_has_places() {
        let congestion = congestion(false);
        assert_eq!(congestion.room(&stat(0)), 58);
        assert_eq!(congestion.room(&stat(264 * 48)), 10);
        assert_eq!(congestion.room(&stat(16_384)), 0);
    }

    #[test]
    fn whoever_was_answered_has_a_place_kept_until_it_asks_again() {
        let congestion = congestion(false);
        let counters = congestion.table.counters();
        for _ in 0..58 {
            Counters::add(&counters.received);
        }
        assert_eq!(congestion.room(&stat(0)), 58, "who waits for an answer sends nothing");
        for _ in 0..58 {
            Counters::add(&counters.answered_late);
        }
        assert_eq!(congestion.room(&stat(0)), 0);
        Counters::add(&counters.received);
        assert_eq!(congestion.room(&stat(0)), 1);
        congestion.expect_nobody();
        assert_eq!(congestion.room(&stat(0)), 58);
    }

    #[test]
    fn in_a_queue_of_answers_nobody_needs_room_for_the_next_request() {
        let congestion = congestion(true);
        for _ in 0..58 {
            Counters::add(&congestion.table.counters().answered);
        }
        assert_eq!(congestion.room(&stat(0)), 62);
        assert_eq!(congestion.room(&stat(16_384)), 0);
    }
}
