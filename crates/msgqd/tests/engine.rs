//! The engine as a library, on queues of a few places, with threads as clients: their thread ids are their PIDs.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../../msgq-core/tests/support/scratch.rs"]
mod scratch;

use msgq_core::layout::{self, BODY_LEN_LP64, REQUEST_MTYPE};
use msgq_core::queue::{MessageBuffer, Queue, QueueSettings};
use msgq_core::table::{SlotHeader, SlotState};
use msgqd::engine::{Engine, EngineSettings, Storage};
use msgqd::handler::{Echo, Handler, HandlerRequest, Reply};
use scratch::ScratchQueue;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

struct Service {
    engine: Option<Engine>,
    queue: Queue,
    _scratch: ScratchQueue,
}

impl Service {
    fn start(places: u64, capacity: u32, workers: usize, handler: impl Handler + 'static) -> Self {
        Self::start_with_room(8192, places, capacity, workers, handler)
    }

    fn start_with_room(
        message_room: usize,
        places: u64,
        capacity: u32,
        workers: usize,
        handler: impl Handler + 'static,
    ) -> Self {
        let scratch = ScratchQueue::new();
        let queue = *scratch;
        let room = u64::try_from(BODY_LEN_LP64).unwrap();
        queue.set(&QueueSettings { max_bytes: Some(places * room), ..QueueSettings::default() }).unwrap();
        let settings = EngineSettings {
            attempts: 3,
            parts: false,
            left_long_answers: false,
            workers,
            worker_room: workers,
            outbox_capacity: capacity,
            response_ttl: Duration::from_secs(600),
            spin_limit: Duration::from_micros(50),
            message_room,
            client_limit: 1000,
            protocol: Arc::default(),
        };
        let recreate = Box::new(|| Err("not in this test".to_owned()));
        let storage = Storage::anonymous(&settings).unwrap();
        let engine = Engine::start(queue, &settings, Arc::new(handler), recreate, storage).unwrap();
        Self { engine: Some(engine), queue, _scratch: scratch }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    fn assert_books_balance(&self) {
        wait_until("nothing is in hand or in the outbox", || self.engine().in_hand() + self.engine().in_outbox() == 0);
        let metrics = self.engine().table().counted();
        assert_eq!(metrics.accepted(), metrics.fates(), "{metrics:?}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.set_ending();
            assert!(engine.stop(Instant::now() + LIMIT) || std::thread::panicking());
        }
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < limit, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

struct Client {
    queue: Queue,
    pid: i32,
    buffer: MessageBuffer,
}

impl Client {
    fn new(queue: Queue) -> Self {
        Self { queue, pid: nix::unistd::gettid().as_raw(), buffer: MessageBuffer::new() }
    }

    fn ask(&self, text: &str) {
        while self.queue.send(REQUEST_MTYPE, &layout::encode_request(self.pid, text.as_bytes())).is_err() {}
    }

    fn try_ask(&self, text: &str) -> bool {
        self.queue.try_send(REQUEST_MTYPE, &layout::encode_request(self.pid, text.as_bytes())).is_ok()
    }

    fn read(&mut self) -> String {
        while self.queue.receive(i64::from(self.pid), &mut self.buffer).is_err() {}
        self.text()
    }

    fn try_read(&mut self) -> Option<String> {
        self.queue.try_receive(i64::from(self.pid), &mut self.buffer).unwrap().then(|| self.text())
    }

    fn text(&self) -> String {
        String::from_utf8(layout::decode_response(self.buffer.body()).unwrap().text.to_vec()).unwrap()
    }
}

/// Sends all requests before it reads the first answer.
fn pipeline(queue: Queue, count: usize) {
    let mut client = Client::new(queue);
    for number in 0..count {
        client.ask(&format!("{number}"));
    }
    for number in 0..count {
        assert_eq!(client.read(), format!("Processed: {number}"));
    }
}

fn closed_loop(queue: Queue, count: usize) {
    let mut client = Client::new(queue);
    for number in 0..count {
        client.ask(&format!("{number}"));
        assert_eq!(client.read(), format!("Processed: {number}"));
    }
}

/// Polls without ever blocking, a few requests ahead of what it has read.
fn poll(queue: Queue, count: usize) {
    let mut client = Client::new(queue);
    let (mut asked, mut read) = (0, 0);
    let limit = Instant::now() + LIMIT;
    while read < count {
        assert!(Instant::now() < limit, "{read} of {count} answers within the limit");
        if asked < count && asked < read + 5 && client.try_ask(&format!("{asked}")) {
            asked += 1;
        }
        if let Some(text) = client.try_read() {
            assert_eq!(text, format!("Processed: {read}"));
            read += 1;
        }
        std::thread::yield_now();
    }
}

fn crowd(service: &Service, rounds: usize) {
    std::thread::scope(|scope| {
        for _ in 0..rounds {
            let queue = service.queue;
            scope.spawn(move || pipeline(queue, 40));
            scope.spawn(move || closed_loop(queue, 300));
            scope.spawn(move || closed_loop(queue, 300));
            scope.spawn(move || poll(queue, 100));
        }
    });
    service.assert_books_balance();
}

#[test]
fn on_a_queue_of_one_place_every_client_gets_every_answer_in_order() {
    crowd(&Service::start(1, 4096, 1, Echo), 2);
}

#[test]
fn on_a_queue_of_three_places_every_client_gets_every_answer_in_order() {
    crowd(&Service::start(3, 4096, 1, Echo), 4);
}

#[test]
fn several_workers_keep_the_order_of_each_client() {
    crowd(&Service::start(3, 4096, 4, Echo), 4);
}

/// Takes longer for some texts than for others, so that workers overtake each other.
struct Uneven;

impl Handler for Uneven {
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
        if request.id.is_multiple_of(3) {
            std::thread::sleep(Duration::from_micros(request.id % 7 * 100));
        }
        Echo.handle(request)
    }

    fn concurrency(&self) -> usize {
        4
    }

    fn name(&self) -> &'static str {
        "uneven"
    }
}

#[test]
fn workers_that_overtake_each_other_keep_the_order_of_each_client() {
    crowd(&Service::start(5, 4096, 4, Uneven), 2);
}

#[test]
fn at_the_outbox_limit_only_the_client_that_does_not_read_loses_answers() {
    let service = Service::start(4, 64, 1, Echo);
    let queue = service.queue;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let client = Client::new(queue);
            for number in 0..500 {
                client.ask(&format!("{number}"));
            }
            let _ = stopped.recv_timeout(LIMIT);
        });
        wait_until("answers are shed", || service.engine().table().counted().shed > 0);
        let good: Vec<_> = (0..8).map(|_| scope.spawn(move || closed_loop(queue, 200))).collect();
        for client in good {
            client.join().unwrap();
        }
        drop(stop);
    });
    service.assert_books_balance();
    let metrics = service.engine().table().counted();
    assert!(metrics.client_gone + metrics.orphans_dead_client > 0, "{metrics:?}");
}

/// Answers only when the test says so.
struct Gate(std::sync::Mutex<std::sync::mpsc::Receiver<()>>);

impl Handler for Gate {
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
        let _ = self.0.lock().unwrap().recv_timeout(LIMIT);
        Echo.handle(request)
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn name(&self) -> &'static str {
        "gate"
    }
}

#[test]
fn an_answer_whose_client_died_while_it_was_made_is_not_sent() {
    let (open, gate) = std::sync::mpsc::channel();
    let service = Service::start(62, 64, 1, Gate(std::sync::Mutex::new(gate)));
    let queue = service.queue;
    std::thread::spawn(move || Client::new(queue).ask("left")).join().unwrap();
    // The thread may end before its request is looked at: then it is refused, which is as good. Or the kernel is not
    // quite done with it when the answer is sent: then the answer is removed as soon as it is.
    let over = |service: &Service| {
        let metrics = service.engine().table().counted();
        metrics.client_gone + metrics.refused_nobody + metrics.orphans_dead_client + metrics.orphans_nobody == 1
    };
    wait_until("the request is in hand or refused", || service.engine().in_hand() == 1 || over(&service));
    open.send(()).unwrap();
    wait_until("its fate is counted", || over(&service));
    assert_eq!(service.queue.stat().unwrap().messages, 0);
}

#[test]
fn while_every_worker_is_busy_orphans_are_still_removed() {
    let (open, gate) = std::sync::mpsc::channel();
    let service = Service::start(62, 64, 1, Gate(std::sync::Mutex::new(gate)));
    let queue = service.queue;
    let waiting = std::thread::spawn(move || closed_loop(queue, 1));
    wait_until("the worker is busy", || service.engine().in_hand() == 1);
    let gone = std::thread::spawn(|| nix::unistd::gettid().as_raw()).join().unwrap();
    service.queue.try_send(i64::from(gone), &[0; BODY_LEN_LP64]).unwrap();
    wait_until("the orphan is gone", || service.engine().table().counted().orphans_nobody == 1);
    open.send(()).unwrap();
    waiting.join().unwrap();
}

#[test]
fn an_idle_engine_stops_at_once_and_however_often_it_is_tried() {
    for _ in 0..200 {
        drop(Service::start(4, 64, 3, Echo));
    }
}

#[test]
fn a_junk_flood_of_empty_messages_does_not_keep_others_from_their_answers() {
    let service = Service::start(62, 256, 1, Echo);
    let queue = service.queue;
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for junk in [4_000_000_i64, 5_000_000] {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let _ = queue.try_send(junk, b"");
                }
            });
        }
        let good: Vec<_> = (0..8).map(|_| scope.spawn(move || closed_loop(queue, 50))).collect();
        let results: Vec<_> = good.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(results.into_iter().all(|result| result.is_ok()));
    });
}

/// As after `kernel.msgmax` was raised under a running server.
#[test]
fn messages_wider_than_a_landing_slot_are_taken_and_answered_like_others() {
    for workers in [1, 3] {
        let service = Service::start_with_room(300, 62, 64, workers, Echo);
        let mut client = Client::new(service.queue);
        let mut wide = client.pid.to_ne_bytes().to_vec();
        wide.resize(4000, b'x');
        for round in 0..10 {
            service.queue.send(REQUEST_MTYPE, &wide).unwrap();
            assert!(client.read().contains("4000 bytes; the limit is 264"));
            client.ask(&format!("{round}"));
            assert_eq!(client.read(), format!("Processed: {round}"));
        }
        service.queue.send(4_000_000, &wide).unwrap();
        wait_until("the wide junk is gone", || service.queue.stat().unwrap().messages == 0);
        service.assert_books_balance();
    }
}

#[test]
fn an_answer_that_waits_for_room_does_not_say_that_it_is_being_sent() {
    let (let_one_go, gate) = std::sync::mpsc::channel();
    let service = Service::start(4, 16, 1, Gate(std::sync::Mutex::new(gate)));
    let (mut client, mut asked) = (Client::new(service.queue), 1);
    client.ask("answered");
    wait_until("it is in hand", || service.engine().in_hand() == 1);
    while client.try_ask("waits") {
        asked += 1;
    }
    // Full, however many are taken.
    let one_message = QueueSettings { max_bytes: Some(BODY_LEN_LP64.try_into().unwrap()), ..QueueSettings::default() };
    service.queue.set(&one_message).unwrap();
    let_one_go.send(()).unwrap();
    let table = service.engine().table();
    let slots = || (0..16).filter_map(|slot| table.response(slot));
    let mut states = Vec::new();
    wait_until("it has waited for a while", || {
        states.extend(slots().filter_map(SlotHeader::state).find(|state| *state != SlotState::Armed));
        states.len() > 300
    });
    let sending = states.iter().filter(|state| **state == SlotState::Sending).count();
    assert!(sending < 150, "in doubt without need in {sending} of 300 looks");
    drop(let_one_go);
    let room = u64::try_from(4 * BODY_LEN_LP64).unwrap();
    service.queue.set(&QueueSettings { max_bytes: Some(room), ..QueueSettings::default() }).unwrap();
    for _ in 0..asked {
        client.read();
    }
    service.assert_books_balance();
}
