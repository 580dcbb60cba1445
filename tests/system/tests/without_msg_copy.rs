//! The daemon on a kernel that shows no message without taking it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgqd_system_tests::{
    DaemonBuilder, PATIENCE_MS, Process, crowd, good_request_is_answered, msgqd, test_client, wait_until, write_program,
};

#[test]
fn a_client_that_does_not_read_shuts_nobody_out_and_what_it_left_is_removed_when_it_dies() {
    for workers in [1, 4] {
        let builder = DaemonBuilder::new().workers(workers);
        let path = builder.directory().join("start");
        let (filter, daemon) = (test_client("without_msg_copy"), msgqd());
        write_program(&path, &format!("#!/bin/sh\nexec {} {} \"$@\"\n", filter.display(), daemon.display()));
        let mut daemon = builder.program(path).start();

        let mut unread = Process::start(std::process::Command::new("sleep").arg("1000"));
        let queue = daemon.queue();
        // One after the other, so that each answer is sent and rests: until no request finds room, if it comes to that.
        for _ in 0..100 {
            if queue.try_send(REQUEST_MTYPE, &encode_request(unread.pid(), b"unread")).is_err() {
                break;
            }
            wait_until("the request is taken", || !queue.has_message(REQUEST_MTYPE).unwrap());
        }
        daemon.wait_for_log("no MSG_COPY");
        let others = Process::run(&mut crowd(daemon.key(), 4, 20, PATIENCE_MS)).succeeded();
        assert!(others.stdout.contains("answered 80 of 80;"), "{others:?}\n{}", daemon.log());
        unread.signal(nix::sys::signal::Signal::SIGKILL);
        wait_until("the dead client is reaped", || !unread.is_running());
        wait_until("nothing is left of it", || queue.stat().unwrap().messages == 0);
        good_request_is_answered(daemon.key());
        daemon.stop();
    }
}
