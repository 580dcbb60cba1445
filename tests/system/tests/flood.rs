//! A flood that never ends: senders that keep the queue full and read nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{DaemonBuilder, Process, ask, hostile, wait_until};

#[test]
fn an_ordinary_client_is_answered_again_and_again_beside_senders_that_never_stop_and_never_read() {
    for workers in [1, 4] {
        let daemon = DaemonBuilder::new().workers(workers).drain_timeout_ms(100).start();
        let endless = &["never_read", "1000000000"];
        let senders: Vec<_> = (0..30).map(|_| Process::start(&mut hostile(daemon.key(), endless))).collect();
        let queue = daemon.queue();
        wait_until("the queue is full", || queue.stat().unwrap().bytes > 15_000);
        for _ in 0..5 {
            assert_eq!(ask(&queue, b"hello"), (0, b"Processed: hello".to_vec()), "{}", daemon.log());
        }
        drop(senders);
        daemon.stop();
    }
}
