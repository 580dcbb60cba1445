//! Answers that rest in the queue are taken back while others wait for room. Whoever reads them finds them in the order of
//! its requests all the same, however long the daemon takes for that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, decode_response, encode_request};
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{DaemonBuilder, answers_of, msgqd_with_switches, wait_until};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Both ask in the name of this process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// Between two answers that it takes back the daemon waits for so long, and its clients run.
const PAUSE: &str = "adopting:5";

/// With answers in the same queue, and in a second one.
fn slow_to_take_back() -> [DaemonBuilder; 2] {
    let builder = DaemonBuilder::new().program(msgqd_with_switches()).env("MSGQD_TEST_PAUSE_AT", PAUSE);
    builder.set("queue", "max_bytes = 16384").with_one_queue_and_with_two()
}

/// In the name of this process.
fn send(queue: &Queue, number: usize) {
    let request = encode_request(std::process::id().cast_signed(), number.to_string().as_bytes());
    queue.send(REQUEST_MTYPE, &request).unwrap();
}

/// In the name of this process; the number of the request that it answers.
fn read(queue: &Queue) -> usize {
    let (own_pid, mut buffer) = (std::process::id().cast_signed(), MessageBuffer::new());
    let answers = answers_of(queue);
    wait_until("an answer comes", || answers.try_receive(own_pid.into(), &mut buffer).unwrap());
    let text = decode_response(buffer.body()).unwrap().text.to_vec();
    String::from_utf8(text).unwrap().strip_prefix("Processed: ").unwrap().parse().unwrap()
}

#[test]
fn a_client_that_sends_until_the_queue_is_full_of_its_answers_and_then_reads_finds_them_in_order() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for builder in slow_to_take_back() {
        // With a second queue the client is about to read while its answers are being taken back, if it can.
        let runs = [(1, 180), (1, 220), (4, 180), (4, 220)];
        let were_taken_back = runs.map(|(workers, count)| finds_its_answers_in_order(&builder, workers, count));
        assert!(were_taken_back.contains(&true), "nothing was taken back");
    }
}

/// True when some were taken back before it read them.
fn finds_its_answers_in_order(builder: &DaemonBuilder, workers: usize, count: usize) -> bool {
    let daemon = builder.another().workers(workers).start();
    let queue = daemon.queue();
    for number in 0..count {
        send(&queue, number);
        std::thread::sleep(Duration::from_millis(1));
    }
    let numbers: Vec<usize> = (0..count).map(|_| read(&queue)).collect();
    assert_eq!(queue.stat().unwrap().max_bytes, 16_384);
    let log = daemon.stop().stderr;
    assert!(numbers.is_sorted(), "{numbers:?}\n{log}");
    log.contains(" adopted=")
}

#[test]
fn answers_that_a_client_is_reading_are_not_taken_back_behind_its_back() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    slow_to_take_back().iter().for_each(is_left_alone_while_it_reads);
}

fn is_left_alone_while_it_reads(builder: &DaemonBuilder) {
    let daemon = builder.start();
    let (queue, requests) = (daemon.queue(), 300);
    let reader = std::thread::spawn(move || {
        let slowly = |_| {
            std::thread::sleep(Duration::from_millis(3));
            read(&queue)
        };
        (0..requests).map(slowly).collect::<Vec<usize>>()
    });
    for number in 0..requests {
        // First until its answers fill the queue, then so fast that an answer finds no room.
        if number < 90 {
            std::thread::sleep(Duration::from_millis(1));
        }
        send(&queue, number);
    }
    let numbers = reader.join().unwrap();
    let log = daemon.stop().stderr;
    assert!(numbers.is_sorted(), "{numbers:?}\n{log}");
}
