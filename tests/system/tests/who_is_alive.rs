//! Who serves a queue is decided by what others cannot take or remove: whoever may read the directory of a server, or even
//! write it, can neither keep the next server from its queue nor have a living one taken for dead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::{claim_path, lock_path, table_path, whole_file};
use msgq_core::queue::Queue;
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Language, Process, can_trace, good_request_is_answered, is_root, load_client, msgqctl,
    msgqd, test_client, wait_until, wrapped, write_program,
};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::Signal;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Removes the lock files of a server, as somebody who tidies up might do.
fn remove_locks(builder: &DaemonBuilder) {
    for entry in std::fs::read_dir(builder.runtime_directory()).unwrap().flatten() {
        if !entry.file_name().to_string_lossy().ends_with(".table") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
fn a_shared_lock_on_the_lock_file_does_not_keep_the_service_from_starting_after_a_crash() {
    let left = Daemon::start().crash();
    let file = File::open(lock_path(left.runtime_directory(), left.key())).unwrap();
    fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_RDLCK))).unwrap();
    let daemon = left.start();
    good_request_is_answered(daemon.key());
    let stat = Process::run(
        Command::new(msgqctl())
            .args(["--key", &daemon.key().to_string(), "stat", "--json"])
            .env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory()),
    );
    assert!(stat.stdout.contains("\"serving\""), "{}", stat.stdout);
    let second = daemon.builder().run();
    assert!(second.stderr.contains(&format!("(PID {})", daemon.pid())), "{}", second.stderr);
    drop(file);
    daemon.stop();
}

#[test]
fn a_server_whose_lock_files_were_removed_is_alive_for_whoever_asks() {
    let daemon = DaemonBuilder::new().set("queue", "mode = \"0640\"").start();
    remove_locks(daemon.builder());
    let given_up = daemon.builder().clone().arg("--after-failure").run();
    assert!(given_up.stderr.contains("nothing to do"), "{}", given_up.stderr);
    let removal = daemon.builder().clone().arg("--remove-left-queues").run();
    assert!(removal.stderr.contains("nothing to do"), "{}", removal.stderr);
    let second = daemon.builder().clone().set("queue", "max_bytes = 9000").run();
    assert_eq!(second.code(), 1, "{second:?}");
    assert!(second.stderr.contains(&format!("another msgqd (PID {})", daemon.pid())), "{}", second.stderr);
    assert_eq!(daemon.queue().stat().unwrap().mode, 0o640, "who does not serve has changed the queue");
    let stat = Process::run(
        Command::new(msgqctl())
            .args(["--key", &daemon.key().to_string(), "stat", "--json"])
            .env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory()),
    );
    assert!(stat.stdout.contains("\"serving\""), "{}", stat.stdout);
    good_request_is_answered(daemon.key());
    daemon.stop();
}

/// Who looks for servers from another runtime directory refuses to start and leaves the queue alone.
#[track_caller]
fn assert_is_left_alone(builder: &DaemonBuilder, pid: i32, refusal: &str) {
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let builder = builder.clone().env("RUNTIME_DIRECTORY", elsewhere.path());
    let before = Queue::open(builder.key()).unwrap().stat().unwrap();
    let second = builder.clone().set("queue", "max_bytes = 9000").run();
    assert_eq!(second.code(), 1, "{second:?}");
    assert!(second.stderr.contains(refusal) && second.stderr.contains(&format!("PID {pid}")), "{}", second.stderr);
    let given_up = builder.clone().arg("--after-failure").run();
    assert!(given_up.stderr.contains("nothing to do"), "{}", given_up.stderr);
    let after = Queue::open(builder.key()).unwrap().stat().unwrap();
    assert_eq!((after.msqid, after.mode, after.max_bytes), (before.msqid, before.mode, before.max_bytes));
    good_request_is_answered(builder.key());
    let left: Vec<_> = std::fs::read_dir(elsewhere.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_server_of_the_same_user_that_keeps_its_files_elsewhere_is_noticed() {
    let daemon = Daemon::start();
    assert_is_left_alone(daemon.builder(), daemon.pid(), "another msgqd");
    remove_locks(daemon.builder());
    std::fs::remove_file(table_path(daemon.builder().runtime_directory(), daemon.key())).unwrap();
    assert_is_left_alone(daemon.builder(), daemon.pid(), "another msgqd");
    let given_up = daemon.builder().clone().arg("--after-failure").run();
    assert!(given_up.stderr.contains("nothing to do"), "{}", given_up.stderr);
    daemon.stop();
}

/// Keeps what this process starts from becoming the program that it is to run, until the value is dropped: it has until then what its
/// parent had open.
fn hold_children_of(pid: i32) -> Process {
    let options = ["-qq", "-f", "--trace=execve", "--inject=execve:delay_enter=1000s", "--output=/dev/null", "-p"];
    let tracer = Process::start(Command::new("strace").args(options).arg(pid.to_string()));
    wait_until("each thread is traced", || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let mut states =
            threads.map(|thread| std::fs::read_to_string(thread.path().join("status")).unwrap_or_default());
        states.all(|state| !state.contains("TracerPid:\t0\n"))
    });
    tracer
}

/// The processes that have this file open.
fn processes_with(file: &Path) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_it_open = |pid: &i32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.into_iter().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| link == file))
    };
    pids.filter(has_it_open).collect()
}

/// A server that was killed while it started a command, and what keeps that command from running: until the value is dropped it has
/// the server's locks.
fn killed_while_it_starts_a_command() -> (DaemonBuilder, i32, Process) {
    let builder = DaemonBuilder::new().set("handler", "kind = \"exec\"\ncommand = [\"cat\"]");
    let daemon = builder.start();
    let claim = claim_path(builder.runtime_directory(), builder.key());
    let pid = daemon.pid();
    let held = hold_children_of(pid);
    let _client = Process::start(&mut load_client(Language::C, daemon.key(), 3, "first"));
    wait_until("a child has the lock", || processes_with(&claim).iter().any(|other| *other != pid));
    let _ = daemon.crash();
    (builder, pid, held)
}

#[test]
fn a_command_that_a_killed_server_was_just_starting_does_not_stand_for_a_living_one() {
    if !can_trace() || !is_root() {
        return eprintln!("not shown: strace is missing, or may not trace any process here");
    }
    for is_elsewhere in [false, true] {
        let (builder, pid, held) = killed_while_it_starts_a_command();
        let stat = Process::run(
            Command::new(msgqctl())
                .args(["--key", &builder.key().to_string(), "stat"])
                .env("RUNTIME_DIRECTORY", builder.runtime_directory()),
        );
        let dead = format!("PID {pid} was killed or crashed");
        let text = stat.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&dead), "{text}");
        let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
        let next = if is_elsewhere { builder.env("RUNTIME_DIRECTORY", elsewhere.path()) } else { builder };
        let mut next = next.without_settings_of("handler").spawn();
        std::thread::sleep(Duration::from_millis(300));
        assert!(next.process().is_running(), "{}", next.log());
        drop(held);
        next.wait_for_log("serving queue");
        good_request_is_answered(next.key());
        next.stop();
    }
}

/// True while one call of the process takes long, as strace delays it.
fn is_delayed(pid: i32) -> bool {
    (0..10).all(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.contains("tracing stop")
    })
}

#[test]
fn a_lock_that_ends_while_its_holder_is_looked_for_stands_for_no_server() {
    if !can_trace() || !is_root() {
        return eprintln!("not shown: strace is missing, or may not trace any process here");
    }
    let (builder, _, held) = killed_while_it_starts_a_command();
    let program = builder.directory().join("slow-to-look");
    // Its first look at all processes takes so long.
    let text = format!(
        "#!/bin/sh\nexec strace -D -qq -f --signal=none --trace-path=/proc --inject=openat:delay_enter=10s:when=1 \
         --output=/dev/null {} \"$@\"\n",
        msgqd().display()
    );
    write_program(&program, &text);
    let mut next = builder.without_settings_of("handler").program(program).spawn();
    wait_until("it begins to look for the holder", || is_delayed(next.pid()));
    drop(held);
    next.wait_for_log("serving queue");
    good_request_is_answered(next.key());
    next.stop();
}

/// A daemon in a PID namespace of its own, where it is PID 1, or the child of a shell that is.
fn in_a_pid_namespace(builder: &DaemonBuilder, is_first: bool) -> Command {
    let shell: &[&str] = if is_first { &[] } else { &["sh", "-c", "\"$0\" \"$@\"; exit $?"] };
    let words = [&["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"], shell].concat();
    wrapped(&words, &builder.command())
}

#[test]
fn a_server_in_a_pid_namespace_of_its_own_is_named_by_its_number_here() {
    if !is_root() {
        return eprintln!("not shown: only root can make a PID namespace");
    }
    let builder = DaemonBuilder::new();
    let mut first = Process::start(&mut in_a_pid_namespace(&builder, true));
    first.wait_for_stderr("serving queue");
    let claim = claim_path(builder.runtime_directory(), builder.key());
    let &[pid] = processes_with(&claim).as_slice() else { panic!("one process has it open") };
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    for builder in [builder.clone(), builder.clone().env("RUNTIME_DIRECTORY", elsewhere.path())] {
        let second = builder.run();
        assert!(second.stderr.contains(&format!("another msgqd (PID {pid})")), "{}", second.stderr);
    }
    assert_eq!(std::fs::read_to_string(&claim).unwrap(), "1\n", "its number there");
    // Where neither shows the other its processes, that number is somebody else's.
    let hidden = Process::run(&mut in_a_pid_namespace(&builder, false));
    assert_eq!(hidden.code(), 1, "{}", hidden.stderr);
    assert!(hidden.stderr.contains("no server was found among the processes that are shown here"), "{}", hidden.stderr);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    let _ = first.finish();
}

#[test]
fn a_living_server_of_another_kind_keeps_its_queue() {
    let builder = DaemonBuilder::new();
    let mut server = Process::start(Command::new(test_client("server")).arg(builder.key().to_string()));
    server.wait_for_stdout("serving");
    assert_is_left_alone(&builder, server.pid(), "is served by another program");
    server.signal(Signal::SIGKILL);
    wait_until("it is gone", || !server.is_running());
    let daemon = builder.start();
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn a_server_that_stops_removes_only_files_of_its_own() {
    let daemon = Daemon::start();
    let directory = daemon.builder().runtime_directory().to_owned();
    remove_locks(daemon.builder());
    let names = ["lock", "claim", "table"];
    let of_another: Vec<_> = names.iter().map(|end| lock_path(&directory, daemon.key()).with_extension(end)).collect();
    for path in &of_another {
        let _ = std::fs::remove_file(path);
        std::fs::write(path, "of another").unwrap();
    }
    let builder = daemon.builder().clone();
    let _ = daemon.stop();
    assert!(Queue::open(builder.key()).is_err());
    for path in of_another {
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "of another", "{}", path.display());
    }
}

#[test]
fn without_proc_a_second_server_of_a_queue_is_refused() {
    if !is_root() {
        return eprintln!("not shown: only root can take /proc away");
    }
    let without_proc = |builder: &DaemonBuilder| {
        let script = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
        wrapped(&["unshare", "--mount", "--", "sh", "-c", script], &builder.command())
    };
    let daemon = Daemon::start();
    let second = Process::run(&mut without_proc(daemon.builder()));
    assert!(second.stderr.contains(&format!("another msgqd (PID {})", daemon.pid())), "{}", second.stderr);
    let builder = daemon.builder().clone();
    daemon.stop();

    let mut first = Process::start(&mut without_proc(&builder));
    first.wait_for_stderr("serving queue");
    let second = builder.run();
    assert!(second.stderr.contains(&format!("another msgqd (PID {})", first.pid())), "{}", second.stderr);
    good_request_is_answered(builder.key());
    first.signal(Signal::SIGTERM);
    let _ = first.finish().succeeded();
}
