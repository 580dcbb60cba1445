//! Limits of the kernel that are not what they were when the daemon started, or when a message was sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::table_path;
use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::{MessageBuffer, Queue, QueueSettings, QueueStat};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Process, STRANGER, good_request_is_answered, in_an_ipc_namespace, msgqctl, set_kernel_limit,
    wait_until,
};
use nix::sys::signal::Signal;
use std::process::Command;

/// Types that no process has while the kernel hands out fewer numbers.
const NOBODY: i64 = 4_194_200;

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// A queue of a daemon that crashed, with one message in it that is wider than `kernel.msgmax` allows by then.
fn with_a_message_that_is_too_wide_now(builder: &DaemonBuilder, mtype: i64) -> Queue {
    set_kernel_limit("msgmnb", 65_536);
    set_kernel_limit("msgmax", 20_000);
    let daemon = builder.start();
    let queue = daemon.queue();
    let _ = daemon.crash();
    queue.try_send(mtype, &[0; 15_000]).unwrap();
    set_kernel_limit("msgmax", 8192);
    queue
}

#[test]
fn a_request_that_is_wider_than_msgmax_is_by_now_does_not_stop_the_service() {
    in_an_ipc_namespace("a_request_that_is_wider_than_msgmax_is_by_now_does_not_stop_the_service", || {
        for workers in [1, 4] {
            let builder = DaemonBuilder::new().workers(workers);
            with_a_message_that_is_too_wide_now(&builder, REQUEST_MTYPE);
            let daemon = builder.start();
            good_request_is_answered(daemon.key());
            daemon.stop();
        }
    });
}

#[test]
fn junk_behind_a_message_that_the_kernel_does_not_show_is_found() {
    in_an_ipc_namespace("junk_behind_a_message_that_the_kernel_does_not_show_is_found", || {
        let builder = DaemonBuilder::new().drain_timeout_ms(100);
        let queue = with_a_message_that_is_too_wide_now(&builder, NOBODY);
        let daemon = builder.start();
        queue.try_send(NOBODY + 1, b"junk").unwrap();
        wait_until("the junk behind it is removed", || queue.stat().unwrap().messages == 1);
        daemon.stop();
    });
}

#[test]
fn answers_for_a_dead_client_leave_also_when_they_are_wider_than_msgmax_is_by_now() {
    in_an_ipc_namespace("answers_for_a_dead_client_leave_also_when_they_are_wider_than_msgmax_is_by_now", || {
        let mut client = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i64::from(client.id());
        let builder = DaemonBuilder::new();
        let queue = with_a_message_that_is_too_wide_now(&builder, pid);
        let daemon = builder.start();
        let request = encode_request(i32::try_from(pid).unwrap(), b"so that it is watched");
        queue.try_send(REQUEST_MTYPE, &request).unwrap();
        // The request is as long as its answer.
        let is_answered = |stat: QueueStat| stat.last_send_pid == daemon.pid() && stat.bytes == 15_264;
        wait_until("its answer rests behind the wide message", || is_answered(queue.stat().unwrap()));
        client.kill().unwrap();
        client.wait().unwrap();
        wait_until("both are removed", || queue.stat().unwrap().messages == 0);
        daemon.stop();
    });
}

/// What the process keeps locked in memory, in KiB.
fn locked_kib(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_huge_msgmax_neither_prevents_the_start_nor_fills_the_memory() {
    in_an_ipc_namespace("a_huge_msgmax_neither_prevents_the_start_nor_fills_the_memory", || {
        let usual = Daemon::start();
        let usual_kib = locked_kib(&usual);
        usual.stop();
        for msgmax in [16 << 20, i32::MAX.unsigned_abs().into()] {
            set_kernel_limit("msgmax", msgmax);
            let daemon = Daemon::start();
            good_request_is_answered(daemon.key());
            assert!(locked_kib(&daemon) < 4 * usual_kib, "{} KiB, usually {usual_kib}", locked_kib(&daemon));
            daemon.stop();
        }
    });
}

#[test]
fn a_message_that_is_wider_than_any_slot_is_taken_and_refused() {
    in_an_ipc_namespace("a_message_that_is_wider_than_any_slot_is_taken_and_refused", || {
        set_kernel_limit("msgmnb", 1 << 20);
        set_kernel_limit("msgmax", 1 << 20);
        let daemon = Daemon::start();
        let queue = daemon.queue();
        let mut request = own_pid().to_ne_bytes().to_vec();
        request.resize(500_000, b'x');
        queue.send(REQUEST_MTYPE, &request).unwrap();
        let mut buffer = MessageBuffer::new();
        wait_until("it is answered", || queue.try_receive(own_pid().into(), &mut buffer).unwrap());
        assert_eq!(buffer.body().first_chunk().map(|bytes| i32::from_ne_bytes(*bytes)), Some(-1));
        good_request_is_answered(daemon.key());
        daemon.stop();
    });
}

#[test]
fn a_msgmnb_that_was_lowered_does_not_keep_the_door_open() {
    in_an_ipc_namespace("a_msgmnb_that_was_lowered_does_not_keep_the_door_open", || {
        set_kernel_limit("msgmnb", 65_536);
        let mut daemon = DaemonBuilder::new().set("queue", "max_bytes = 65536").user(STRANGER).start();
        let queue = daemon.queue();
        set_kernel_limit("msgmnb", 16_384);
        queue.send(REQUEST_MTYPE, &encode_request(own_pid(), b"later")).unwrap();
        wait_until("an answer rests in the queue", || queue.has_message(own_pid().into()).unwrap());
        daemon.signal(Signal::SIGTERM);
        wait_until("the door is closed", || queue.stat().unwrap().mode & 0o022 == 0);
        assert!(queue.try_receive(own_pid().into(), &mut MessageBuffer::new()).unwrap());
        let finished = daemon.finish().succeeded();
        assert!(finished.stderr.contains("lowered to kernel.msgmnb, 16384 bytes"), "{}", finished.stderr);
    });
}

#[test]
fn a_msgmnb_that_was_lowered_does_not_prevent_a_takeover() {
    in_an_ipc_namespace("a_msgmnb_that_was_lowered_does_not_prevent_a_takeover", || {
        set_kernel_limit("msgmnb", 65_536);
        let builder = DaemonBuilder::new().set("queue", "max_bytes = 65536").user(STRANGER).start().crash();
        set_kernel_limit("msgmnb", 16_384);
        let mut daemon = builder.start();
        daemon.wait_for_log("went from 65536 to 16384 bytes: kernel.msgmnb was lowered");
        good_request_is_answered(daemon.key());
        daemon.stop();
    });
}

/// One without a capability, whose configuration asks for more than `kernel.msgmnb` allows as soon as that is lowered.
fn with_a_large_queue() -> DaemonBuilder {
    set_kernel_limit("msgmnb", 65_536);
    DaemonBuilder::new().set("queue", "max_bytes = 65536\nmode = \"0662\"").user(STRANGER)
}

fn control(daemon: &Daemon, command: &str) {
    let mut msgqctl = Command::new(msgqctl());
    msgqctl.args(["--key", &daemon.key().to_string(), command]);
    let _ = Process::run(msgqctl.env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory())).succeeded();
}

#[test]
fn a_msgmnb_that_was_lowered_does_not_keep_the_door_closed() {
    in_an_ipc_namespace("a_msgmnb_that_was_lowered_does_not_keep_the_door_closed", || {
        let mut daemon = with_a_large_queue().start();
        set_kernel_limit("msgmnb", 16_384);
        control(&daemon, "drain");
        wait_until("the door is closed", || daemon.queue().stat().unwrap().mode == 0o640);
        control(&daemon, "resume");
        wait_until("the door is open again", || daemon.queue().stat().unwrap().mode == 0o662);
        daemon.wait_for_log("went from 65536 to 16384 bytes");
        good_request_is_answered(daemon.key());
        daemon.stop();
    });
}

#[test]
fn a_removed_queue_is_made_anew_also_where_msgmnb_was_lowered() {
    in_an_ipc_namespace("a_removed_queue_is_made_anew_also_where_msgmnb_was_lowered", || {
        for builder in with_a_large_queue().with_one_queue_and_with_two() {
            set_kernel_limit("msgmnb", 65_536);
            let mut daemon = builder.start();
            set_kernel_limit("msgmnb", 16_384);
            daemon.queue().remove().unwrap();
            wait_until("it is made anew", || Queue::open(daemon.key()).is_ok());
            good_request_is_answered(daemon.key());
            daemon.wait_for_log("max_bytes = 65536");
            daemon.stop();
        }
    });
}

#[test]
fn a_msgmnb_that_was_lowered_prevents_no_start_after_any_crash() {
    in_an_ipc_namespace("a_msgmnb_that_was_lowered_prevents_no_start_after_any_crash", || {
        let mut builder = with_a_large_queue().start().crash();
        set_kernel_limit("msgmnb", 16_384);
        for _ in 0..3 {
            let daemon = builder.start();
            good_request_is_answered(daemon.key());
            builder = daemon.crash();
        }
        builder.start().stop();
    });
}

#[test]
fn a_mode_that_somebody_changed_is_mended_also_where_msgmnb_was_lowered() {
    in_an_ipc_namespace("a_mode_that_somebody_changed_is_mended_also_where_msgmnb_was_lowered", || {
        let mut daemon = with_a_large_queue().start();
        set_kernel_limit("msgmnb", 16_384);
        for round in 0..2 {
            daemon.queue().set(&QueueSettings { mode: Some(0), ..QueueSettings::default() }).unwrap();
            wait_until("its mode is as configured", || daemon.queue().stat().unwrap().mode == 0o662);
            let stat = daemon.queue().stat().unwrap();
            assert_eq!(stat.max_bytes, 16_384, "in round {round}");
        }
        daemon.wait_for_log("its mode is as configured again");
        daemon.queue().set(&QueueSettings { max_bytes: Some(263), ..QueueSettings::default() }).unwrap();
        wait_until("its size is what may be had", || daemon.queue().stat().unwrap().max_bytes == 16_384);
        good_request_is_answered(daemon.key());
        set_kernel_limit("msgmnb", 65_536);
        wait_until("its size is as configured", || daemon.queue().stat().unwrap().max_bytes == 65_536);
        daemon.stop();
    });
}

#[test]
fn the_size_that_msgmnb_forbade_is_set_once_msgmnb_is_raised_again() {
    in_an_ipc_namespace("the_size_that_msgmnb_forbade_is_set_once_msgmnb_is_raised_again", || {
        let daemon = with_a_large_queue().start();
        set_kernel_limit("msgmnb", 16_384);
        control(&daemon, "drain");
        wait_until("the door is closed", || daemon.queue().stat().unwrap().mode == 0o640);
        control(&daemon, "resume");
        wait_until("the door is open again", || daemon.queue().stat().unwrap().mode == 0o662);
        assert_eq!(daemon.queue().stat().unwrap().max_bytes, 16_384);
        set_kernel_limit("msgmnb", 65_536);
        wait_until("the size is as configured", || daemon.queue().stat().unwrap().max_bytes == 65_536);
        daemon.stop();
    });
}

#[test]
fn a_start_that_fails_gives_the_mode_back_also_where_msgmnb_was_lowered() {
    in_an_ipc_namespace("a_start_that_fails_gives_the_mode_back_also_where_msgmnb_was_lowered", || {
        set_kernel_limit("msgmnb", 65_536);
        let builder = DaemonBuilder::new().user(STRANGER).start().crash();
        let left = Queue::open(builder.key()).unwrap();
        left.set(&QueueSettings { mode: Some(0o622), ..QueueSettings::default() }).unwrap();
        assert_eq!(left.stat().unwrap().max_bytes, 65_536);
        set_kernel_limit("msgmnb", 16_384);
        let table = table_path(builder.runtime_directory(), builder.key());
        std::fs::remove_file(&table).unwrap();
        std::fs::create_dir(&table).unwrap();
        let failed = builder.run();
        assert_eq!(failed.code(), 1, "{failed:?}");
        let stat = Queue::open(builder.key()).unwrap().stat().unwrap();
        assert_eq!((stat.msqid, stat.mode), (left.id(), 0o622), "{failed:?}");
    });
}

#[test]
fn an_answer_that_msgmax_forbids_by_now_is_no_removed_queue() {
    in_an_ipc_namespace("an_answer_that_msgmax_forbids_by_now_is_no_removed_queue", || {
        let mut daemon = Daemon::start();
        daemon.freeze();
        let queue = daemon.queue();
        queue.send(REQUEST_MTYPE, &encode_request(own_pid(), b"too long for now")).unwrap();
        set_kernel_limit("msgmax", 200);
        daemon.thaw();
        daemon.wait_for_log("kernel.msgmax was lowered below the 264 bytes of an answer");
        set_kernel_limit("msgmax", 8192);
        good_request_is_answered(daemon.key());
        let finished = daemon.stop();
        assert!(finished.stderr.contains("send_failed=1"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("queue_removed"), "{}", finished.stderr);
    });
}

#[test]
fn a_group_that_stands_for_none_is_refused_by_name() {
    let finished = DaemonBuilder::new().set("queue", "group = \"4294967295\"").run();
    assert_eq!(finished.code(), 1);
    assert!(finished.stderr.contains("is no group"), "{}", finished.stderr);
}
