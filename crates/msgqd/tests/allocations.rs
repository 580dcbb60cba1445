//! The way of a request allocates nothing.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../../msgq-core/tests/support/scratch.rs"]
mod scratch;

use msgq_core::layout::{self, REQUEST_MTYPE};
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd::engine::{Engine, EngineSettings, Storage};
use msgqd::handler::Echo;
use scratch::ScratchQueue;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUESTS: usize = 50_000;

struct Client {
    queue: Queue,
    pid: i32,
    buffer: MessageBuffer,
}

impl Client {
    fn ask(&mut self) {
        let mut message = [0; 8 + layout::BODY_LEN_LP64];
        message[..8].copy_from_slice(&REQUEST_MTYPE.to_ne_bytes());
        message[8..].copy_from_slice(&layout::encode_request(self.pid, b"text"));
        while self.queue.send_framed(&message).is_err() {}
        while self.queue.receive(i64::from(self.pid), &mut self.buffer).is_err() {}
        assert_eq!(layout::decode_response(self.buffer.body()).unwrap().text, b"Processed: text");
    }
}

/// Alone in its program, since every thread of it is counted.
#[test]
fn tens_of_thousands_of_requests_allocate_no_more_than_the_rounds_of_the_janitor_do() {
    let scratch = ScratchQueue::new();
    let queue = *scratch;
    let settings = EngineSettings {
        attempts: 3,
        parts: false,
        left_long_answers: false,
        workers: 1,
        worker_room: 1,
        outbox_capacity: 64,
        response_ttl: Duration::from_secs(600),
        spin_limit: Duration::from_micros(50),
        message_room: 8192,
        client_limit: 100,
        protocol: Arc::default(),
    };
    let storage = Storage::anonymous(&settings).unwrap();
    let recreate = Box::new(|| Err("not in this test".to_owned()));
    let engine = Engine::start(queue, &settings, Arc::new(Echo), recreate, storage).unwrap();
    let mut client = Client { queue, pid: nix::unistd::gettid().as_raw(), buffer: MessageBuffer::new() };
    (0..100).for_each(|_| client.ask());
    let region = Region::new(COUNTING);
    (0..REQUESTS).for_each(|_| client.ask());
    let allocations = region.change().allocations;
    engine.set_ending();
    queue.remove().unwrap();
    let stopped = engine.stop(Instant::now() + Duration::from_secs(60));
    println!("{allocations} allocations in {REQUESTS} requests");
    assert!(stopped);
    assert!(allocations < REQUESTS / 20, "{allocations} allocations in {REQUESTS} requests");
}
