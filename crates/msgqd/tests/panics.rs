//! Handlers of programs that use the crate, which may panic and may need a large stack.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

#[path = "../../msgq-core/tests/support/scratch.rs"]
mod scratch;

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd::engine::{Engine, EngineSettings, Storage};
use msgqd::handler::{Handler, HandlerRequest, Reply};
use scratch::ScratchQueue;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const LARGE: usize = 1 << 20;

/// Panics where it is asked to, and needs a megabyte of stack.
struct Fragile;

impl Handler for Fragile {
    fn handle(&self, request: &HandlerRequest<'_>) -> Reply {
        assert!(request.text != b"panic", "as it was asked to");
        let mut large = [0_u8; LARGE];
        let filled = std::hint::black_box(&mut large);
        filled.fill(1);
        let mut reply = Reply::new();
        reply.push(request.text);
        reply
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn name(&self) -> &'static str {
        "fragile"
    }

    fn stack_size(&self) -> usize {
        4 * LARGE
    }

    fn stop(&self, _deadline: Instant) {
        panic!("at the end too");
    }
}

/// Keeps the lines of the log.
struct Lines(Mutex<Vec<String>>);

impl log::Log for Lines {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{}: {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

#[test]
fn a_handler_that_panics_costs_its_client_an_error_and_no_worker() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let scratch = ScratchQueue::new();
    let queue = *scratch;
    let settings = EngineSettings {
        attempts: 3,
        parts: false,
        left_long_answers: false,
        workers: 1,
        worker_room: 1,
        outbox_capacity: 16,
        response_ttl: Duration::from_secs(600),
        spin_limit: Duration::ZERO,
        message_room: 8192,
        client_limit: 100,
        protocol: Arc::default(),
    };
    let recreate = Box::new(|| Err("not in this test".to_owned()));
    let storage = Storage::anonymous(&settings).unwrap();
    let engine = Engine::start(queue, &settings, Arc::new(Fragile), recreate, storage).unwrap();
    let table = engine.table_handle();
    for round in 1..=3 {
        let refused = ask(queue, b"panic");
        assert_eq!(refused.0, -1);
        assert!(refused.1.starts_with("the server's handler broke"), "{refused:?}");
        assert_eq!(table.count_of(|counters| &counters.handler_broken), round);
        assert_eq!(ask(queue, b"hello"), (0, "hello".to_owned()));
    }
    assert!(engine.stop(Instant::now() + Duration::from_secs(60)), "a thread has not left");
    let lines = LINES.0.lock().unwrap();
    let client = nix::unistd::gettid();
    let of_request = |line: &&String| {
        line.starts_with("ERROR: the handler fragile panicked on request ")
            && line.contains(&format!(" of client {client}: as it was asked to; the client gets an error"))
    };
    assert_eq!(lines.iter().filter(of_request).count(), 3, "{lines:?}");
    let at_the_end = "ERROR: the handler fragile panicked when it was stopped: at the end too";
    assert!(lines.iter().any(|line| line == at_the_end), "{lines:?}");
}

/// Status and text. The thread is the client; it ends the test when there is no answer.
fn ask(queue: Queue, text: &[u8]) -> (i32, String) {
    let client = nix::unistd::gettid().as_raw();
    queue.send(REQUEST_MTYPE, &encode_request(client, text)).unwrap();
    let mut buffer = MessageBuffer::new();
    let start = Instant::now();
    while !queue.try_receive(client.into(), &mut buffer).unwrap() {
        assert!(start.elapsed() < Duration::from_secs(60), "there is no answer");
        std::thread::sleep(Duration::from_millis(2));
    }
    let (status, text) = buffer.body().split_first_chunk().unwrap();
    let text = text.split(|byte| *byte == 0).next().unwrap();
    (i32::from_ne_bytes(*status), String::from_utf8_lossy(text).into_owned())
}
