//! The courier sleeps while nothing waits, and whoever puts an answer in wakes it, however long either takes on its way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{LIMIT, Messages, Process, msgqd_with_switches};
use nix::sys::signal::Signal;
use std::time::Duration;

/// Clients in closed loops, more than there are places, so that most answers go through the outbox.
const CLIENTS: &str = "80";

#[test]
fn an_answer_that_comes_while_the_courier_falls_asleep_is_sent() {
    for messages in Messages::ALL {
        let builder = messages.daemon().program(msgqd_with_switches()).workers(8);
        let mut daemon = builder.env("MSGQD_TEST_PAUSE_AT", "posted:3,courier-waits:5").start();
        let mut clients =
            Process::start(&mut messages.client("chaos", daemon.key(), &[CLIENTS, &LIMIT.as_secs().to_string()]));
        daemon.wait_for_log("pausing at posted");
        std::thread::sleep(Duration::from_secs(1));
        clients.signal(Signal::SIGTERM);
        let totals = clients.finish().succeeded();
        assert!(totals.stdout.contains("wrong 0 lost 0 extra 0"), "{messages:?}: {}", totals.stdout);
        daemon.stop();
    }
}
