//! Keys that are made from a file and an id, as ftok(3) makes them: which ids there are, what gives one key twice, and what
//! becomes of a key when its file is made anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::queue::{Queue, QueueKey};
use msgqd_system_tests::{Daemon, DaemonBuilder, Finished, Process, good_request_is_answered, wait_until};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A daemon whose configuration has the key of a new file, with this id as TOML has it.
fn with_id(id: &str) -> (DaemonBuilder, PathBuf) {
    let builder = DaemonBuilder::new().without_key_argument().drain_timeout_ms(100);
    let file = builder.directory().join("named.by");
    std::fs::write(&file, "").unwrap();
    // The inode is no other test's, and so no other test's key, also once the file is replaced.
    std::fs::hard_link(&file, builder.directory().join("same.inode")).unwrap();
    (builder.set("queue", &key_line(&file, id)), file)
}

fn key_line(file: &Path, id: &str) -> String {
    format!("key = {{ path = {:?}, id = {id} }}", file.display())
}

/// The key as the C library makes it.
fn ftok(file: &Path, id: i32) -> QueueKey {
    let program = "import ctypes,sys; print(ctypes.CDLL(None).ftok(sys.argv[1].encode(), int(sys.argv[2])))";
    let mut python = Command::new("python3");
    let printed = Process::run(python.args(["-c", program]).arg(file).arg(id.to_string())).succeeded().stdout;
    QueueKey::new(printed.trim().parse().unwrap()).unwrap()
}

fn end(mut daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
}

fn checked(builder: &DaemonBuilder) -> Finished {
    builder.clone().arg("--check-config").run()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
}

#[test]
fn every_id_that_c_takes_gives_the_key_of_the_c_library_and_one_beyond_8_bits_is_told() {
    let ids = [("0", 0, None), ("'A'", 65, None), ("255", 255, None), ("300", 300, Some(44)), ("-1", -1, Some(255))];
    for (id, number, same) in ids {
        let (builder, file) = with_id(id);
        let daemon = builder.start();
        good_request_is_answered(ftok(&file, number));
        let (check, log) = (checked(&builder).succeeded().stderr, daemon.log());
        for said in [check, log] {
            match same {
                Some(same) => says(&said, &[&format!("id = {number} is the same as id = {same}"), "low 8 bits"]),
                None => assert!(!said.contains("low 8 bits"), "{id}: {said}"),
            }
        }
        end(daemon);
    }
}

#[test]
fn what_is_no_id_is_an_error_that_says_what_is_one() {
    for id in ["'AB'", "''", "'é'", "1.5", "4294967296", "true"] {
        let (builder, _file) = with_id(id);
        let refused = builder.run();
        assert_eq!(refused.code(), 1, "{id}: {refused:?}");
        says(&refused.stderr, &["test.toml:", "^", "one character"]);
    }
}

#[test]
fn two_queues_of_one_configuration_with_the_same_key_are_an_error_with_the_line_and_a_mark() {
    let (builder, file) = with_id("65");
    let other = builder.directory().join("other.name");
    std::fs::hard_link(&file, &other).unwrap();
    let number = ftok(&file, 65);
    let reply = |path: &Path, id: i32| format!("{{ path = {:?}, id = {id} }}", path.display());
    for second in [reply(&other, 65), reply(&file, 65 + 256), number.to_string()] {
        let builder = builder.clone().set("protocol", &format!("reply = {{ key = {second} }}"));
        for refused in [builder.run(), checked(&builder)] {
            assert_eq!(refused.code(), 1, "{refused:?}");
            says(
                &refused.stderr,
                &["test.toml:", "^", "the second queue has the key of the first", &number.to_string()],
            );
        }
    }
}

#[test]
fn another_configuration_beside_this_one_with_the_same_key_is_named() {
    let (builder, file) = with_id("65");
    let other = builder.directory().join("orders.toml");
    let line = key_line(&file, "321");
    std::fs::write(&other, format!("[queue]\n{line}\n[handler]\nkind = 'no such kind'\n")).unwrap();
    std::fs::write(builder.directory().join("notes.txt"), "[queue]\n").unwrap();
    let key = ftok(&file, 65).to_string();
    let daemon = builder.start();
    for said in [checked(&builder).succeeded().stderr, daemon.log()] {
        says(&said, &[&key, &other.display().to_string(), "one server"]);
        assert_eq!(said.matches("one server").count(), 1, "{said}");
    }
    end(daemon);
    std::fs::write(&other, "[queue]\nkey = 5\n").unwrap();
    assert!(!checked(&builder).succeeded().stderr.contains("orders"));
}

#[test]
fn a_file_that_is_made_anew_under_the_server_is_told_with_both_keys() {
    let (builder, file) = with_id("65");
    let served = ftok(&file, 65);
    let mut daemon = builder.start();
    says(&daemon.log(), &["named.by", "another key once that file is made anew"]);
    let new = builder.directory().join("new");
    std::fs::write(&new, "").unwrap();
    let other = ftok(&new, 65);
    std::fs::rename(&new, &file).unwrap();
    daemon.wait_for_log(&format!("gives key {other} now"));
    let line = daemon.log().lines().find(|line| line.contains("gives key")).unwrap().to_owned();
    says(&line, &["named.by", &format!("serves queue {served}"), "restart"]);
    std::fs::remove_file(&file).unwrap();
    daemon.wait_for_log("is gone");
    good_request_is_answered(served);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.finish().succeeded().stderr.matches("gives key").count(), 1);
    assert!(Queue::open(served).is_err());
}

#[test]
fn a_reload_after_the_file_was_made_anew_goes_on_with_the_queue_that_is_served() {
    let (builder, file) = with_id("65");
    let served = ftok(&file, 65);
    let mut daemon = builder.start();
    let new = builder.directory().join("new");
    std::fs::write(&new, "").unwrap();
    std::fs::rename(&new, &file).unwrap();
    let refused = builder.clone().arg("--reload").run();
    assert_eq!(refused.code(), 1, "{refused:?}");
    says(&refused.stderr, &["named.by have been made anew", "msgqd --key KEY --reload"]);
    let mut reload = builder.set("queue", "max_bytes = 8000").command();
    let _ = Process::run(reload.args(["--reload", "--key", &served.to_string()])).succeeded();
    daemon.wait_for_log("reloaded the configuration");
    let queue = Queue::open(served).unwrap();
    assert_eq!(queue.stat().unwrap().max_bytes, 8000);
    queue.remove().unwrap();
    wait_until("the queue of the same key is made anew", || Queue::open(served).is_ok());
    good_request_is_answered(served);
    end(daemon);
    assert!(Queue::open(ftok(&file, 65)).is_err());
}

#[test]
fn a_file_that_does_not_exist_is_named_with_what_to_do() {
    let (builder, file) = with_id("65");
    std::fs::remove_file(&file).unwrap();
    for refused in [builder.run(), checked(&builder)] {
        assert_eq!(refused.code(), 1, "{refused:?}");
        says(&refused.stderr, &["named.by", "queue.key", "must exist before"]);
    }
}
