//! What a start says of the table that a server of another version left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::table_path;
use msgq_core::queue::Queue;
use msgqd_system_tests::{DaemonBuilder, good_request_is_answered};
use nix::sys::signal::Signal;
use std::os::unix::fs::FileExt;

/// Where every version of a table has its layout and its boot.
const LAYOUT_AT: u64 = 8;
const BOOT_AT: u64 = 16;

/// Makes what this daemon left the table of another version, or of another boot.
fn change_table(builder: &DaemonBuilder, offset: u64) {
    let path = table_path(builder.runtime_directory(), builder.key());
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

/// A daemon that answered a request, ended in order and kept its queue.
fn ended() -> DaemonBuilder {
    let mut daemon = DaemonBuilder::new().set("service", "on_stop = \"keep\"").start();
    good_request_is_answered(daemon.key());
    daemon.signal(Signal::SIGTERM);
    let builder = daemon.builder().clone();
    let _ = daemon.finish().succeeded();
    builder
}

#[track_caller]
fn says_nothing_of_a_loss(builder: &DaemonBuilder) -> String {
    let daemon = builder.start();
    let log = daemon.log();
    assert!(!log.contains("lost") && !log.contains("warn"), "{log}");
    good_request_is_answered(daemon.key());
    log
}

#[test]
fn a_table_of_another_version_that_held_nothing_is_no_reason_for_a_warning() {
    let builder = ended();
    change_table(&builder, LAYOUT_AT);
    let log = says_nothing_of_a_loss(&builder);
    assert!(log.contains("ended in order and left nothing"), "{log}");
}

#[test]
fn a_table_of_another_version_whose_server_was_killed_is_told_with_what_may_be_lost() {
    let builder = DaemonBuilder::new().start().crash();
    change_table(&builder, LAYOUT_AT);
    let log = builder.start().log();
    assert!(log.contains("warn: cannot use the table of an earlier server"), "{log}");
    assert!(log.contains("what it held, if anything, is lost"), "{log}");
}

#[test]
fn a_table_of_another_boot_or_of_a_queue_that_is_gone_is_no_reason_for_a_warning() {
    for version_too in [false, true] {
        let builder = DaemonBuilder::new().start().crash();
        change_table(&builder, BOOT_AT);
        if version_too {
            change_table(&builder, LAYOUT_AT);
        }
        let log = says_nothing_of_a_loss(&builder);
        assert!(log.contains("before the machine was started"), "{log}");
    }
    let builder = DaemonBuilder::new().start().crash();
    change_table(&builder, LAYOUT_AT);
    Queue::open(builder.key()).unwrap().remove().unwrap();
    let log = says_nothing_of_a_loss(&builder);
    assert!(log.contains("EIDRM"), "{log}");
}
