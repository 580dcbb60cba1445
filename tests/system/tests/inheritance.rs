//! What the daemon inherits from whoever starts it: signals, descriptors, limits, the place of PID 1.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::REQUEST_MTYPE;
use msgq_core::queue::Queue;
use msgqd_system_tests::{
    DaemonBuilder, Process, ask, good_request_is_answered, is_root, msgqctl, msgqd, wait_until, write_program,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Command;

/// A daemon that a shell script starts, whose last words are these and the daemon's command line.
fn started_by(script: &str) -> DaemonBuilder {
    let builder = DaemonBuilder::new();
    let path = builder.directory().join("start");
    write_program(&path, &format!("#!/bin/sh\n{script} {} \"$@\"\n", msgqd().display()));
    builder.program(path)
}

fn running(builder: DaemonBuilder, command: &str) -> DaemonBuilder {
    let command = format!(r#"command = ["/bin/sh", "-c", '{command}']"#);
    builder.set("handler", "kind = \"exec\"").set("handler", &command).drain_timeout_ms(500)
}

#[test]
fn where_sigchld_was_ignored_commands_are_answered() {
    let daemon = running(started_by("exec env --ignore-signal=CHLD"), "echo done").start();
    assert_eq!(ask(&daemon.queue(), b"one"), (0, b"done".to_vec()));
    daemon.stop();
}

#[test]
fn signals_that_were_ignored_are_not_ignored_by_commands() {
    let script = "exec env --ignore-signal=HUP,INT,QUIT,PIPE,ALRM,TERM,CHLD,USR1,XFSZ";
    let daemon = running(started_by(script), "grep SigIgn /proc/self/status").start();
    let (status, text) = ask(&daemon.queue(), b"one");
    let mask = u64::from_str_radix(String::from_utf8(text).unwrap().trim_start_matches("SigIgn:").trim(), 16).unwrap();
    // From 32 on they are the C library's own.
    assert_eq!((status, mask & 0x7fff_ffff), (0, 0), "{mask:x}");
    daemon.stop();
}

#[test]
fn where_all_signals_were_blocked_it_can_be_stopped() {
    for workers in [1, 4] {
        let mut daemon = started_by("exec env --block-signal").workers(workers).start();
        good_request_is_answered(daemon.key());
        daemon.signal(Signal::SIGHUP);
        daemon.wait_for_log("nothing differs from before");
        let log = daemon.stop().stderr;
        assert!(!log.contains("did not"), "the stop did not reach every thread:\n{log}");
    }
}

#[test]
fn commands_get_no_descriptor_that_the_daemon_inherited() {
    let script = "exec 7</dev/null 8>/dev/null\nexec";
    let daemon = running(started_by(script), "ls /proc/$$/fd | tr \"\\n\" \" \"").start();
    let (status, text) = ask(&daemon.queue(), b"one");
    let text = String::from_utf8(text).unwrap();
    let own = text.split_whitespace().filter(|number| ["7", "8"].contains(number)).count();
    assert_eq!((status, own), (0, 0), "{text}");
    daemon.stop();
}

#[test]
fn a_limit_of_the_size_of_files_does_not_kill_it() {
    let daemon = started_by("ulimit -f 1\nexec").start();
    good_request_is_answered(daemon.key());
    let log = daemon.stop().stderr;
    assert!(log.contains("ulimit -f") || log.contains("LimitFSIZE="), "nothing says what is to be raised:\n{log}");
}

#[test]
fn a_log_file_that_is_as_long_as_files_may_be_does_not_kill_it() {
    let log = tempfile::NamedTempFile::new().unwrap();
    // Longer than 100000 blocks of any shell, and all else that the server writes is shorter.
    log.as_file().set_len(200 << 20).unwrap();
    let mut daemon = started_by(&format!("exec 2>>{}\nulimit -f 100000\nexec", log.path().display())).spawn();
    wait_until("it serves", || Queue::open(daemon.key()).is_ok());
    good_request_is_answered(daemon.key());
    daemon.signal(Signal::SIGHUP);
    ask_in_a_wrong_way(&daemon.queue());
    good_request_is_answered(daemon.key());
    assert_eq!(log.as_file().metadata().unwrap().len(), 200 << 20, "its lines had room");
    daemon.stop();
}

/// Something to log.
fn ask_in_a_wrong_way(queue: &Queue) {
    queue.send(REQUEST_MTYPE, b"").unwrap();
    wait_until("it is taken", || queue.stat().unwrap().messages == 0);
}

#[test]
fn of_several_runtime_directories_the_first_is_used() {
    let builder = DaemonBuilder::new();
    let (first, second) = (builder.runtime_directory().join("first"), builder.runtime_directory().join("second"));
    for directory in [&first, &second] {
        std::fs::create_dir(directory).unwrap();
    }
    let both = format!("{}:{}", first.display(), second.display());
    let daemon = builder.env("RUNTIME_DIRECTORY", &both).start();
    let files = std::fs::read_dir(&first).unwrap().count();
    assert_eq!(files, 3, "claim, lock and table are elsewhere: {}", daemon.log());
    let mut stat = Command::new(msgqctl());
    let stat = Process::run(stat.args(["--key", &daemon.key().to_string(), "stat"]).env("RUNTIME_DIRECTORY", &both));
    assert!(stat.stdout.contains("serving"), "{stat:?}");
    daemon.stop();
}

fn children(pid: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()).collect()
}

#[test]
fn as_pid_1_it_reaps_what_commands_leave_behind() {
    if !is_root() {
        return eprintln!("not shown: only root can make a PID namespace");
    }
    let leaver = "setsid sleep 0.2 >/dev/null 2>&1 </dev/null & echo done";
    let script = "exec unshare --pid --fork --kill-child --mount-proc";
    let daemon = running(started_by(script), leaver).start();
    let inner = children(daemon.pid())[0];
    for _ in 0..5 {
        let mut client = Command::new("nsenter");
        client.args(["--target", &inner.to_string(), "--pid", "--mount"]).arg(msgqctl());
        let sent = Process::run(client.args(["--key", &daemon.key().to_string(), "send", "one"])).succeeded();
        assert!(sent.stdout.contains("done"), "{sent:?}");
    }
    wait_until("nothing is left of the commands", || children(inner).is_empty());
    kill(Pid::from_raw(inner), Signal::SIGTERM).unwrap();
    let _ = daemon.finish().succeeded();
}

#[test]
fn a_command_for_which_no_descriptor_is_left_names_the_limit_to_be_raised() {
    let daemon = running(DaemonBuilder::new(), "echo done").workers(1).start();
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count();
    let mut prlimit = Command::new("prlimit");
    let _ = Process::run(prlimit.arg(format!("--pid={}", daemon.pid())).arg(format!("--nofile={open}:"))).succeeded();
    let (status, text) = ask(&daemon.queue(), b"one");
    let text = String::from_utf8(text).unwrap();
    assert_eq!((status, text.contains("raise LimitNOFILE=")), (-1, true), "{text}");
    daemon.stop();
}

#[test]
fn commands_have_the_limit_of_descriptors_that_the_daemon_was_started_with() {
    let command = "sleep 0.3; echo \"$(ulimit -Sn) $(ulimit -Hn)\"";
    let daemon = running(started_by("ulimit -Sn 300; ulimit -Hn 2000\nexec"), command).start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let own = limits.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
    assert!(own.split_whitespace().eq("Max open files 2000 2000 files".split(' ')), "its own is raised: {own}");
    assert_eq!(ask(&daemon.queue(), b"one"), (0, b"300 2000".to_vec()));
    daemon.stop();
}

#[test]
fn without_a_free_descriptor_the_log_does_not_say_that_the_door_is_closed() {
    let daemon = DaemonBuilder::new().start();
    let pid = daemon.pid();
    let is_free = |number: &u32| !std::path::Path::new(&format!("/proc/{pid}/fd/{number}")).is_symlink();
    wait_until("it tells of its lack of descriptors", || {
        let open = (0..).find(is_free).unwrap();
        let mut prlimit = Command::new("prlimit");
        // The soft limit alone: not everybody may raise the other one again.
        let _ = Process::run(prlimit.arg(format!("--pid={pid}")).arg(format!("--nofile={open}:"))).succeeded();
        daemon.log().contains("Too many open files")
    });
    assert!(!daemon.log().contains("so the door is closed"), "nobody closed it: {}", daemon.log());
    daemon.stop();
}
