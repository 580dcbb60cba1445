//! A server of NATS, a gateway and a msgqd that only speaks: what the tests of the program share.
#![allow(dead_code, unused_imports, reason = "each test program uses its part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod answering;
mod fake_msgqd;
mod gateway;
mod nats;

pub use answering::{PLAIN, answer_all, msgqd, upper};
pub use fake_msgqd::FakeMsgqd;
pub use gateway::RunningGateway;
pub use nats::NatsServer;

use std::time::{Duration, Instant};

/// Long enough for a machine that does much else beside.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until that is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "in vain waited until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A runtime for what a test does with NATS itself.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
