//! How msgqd starts: without a configuration, with one, beside another instance, on a queue that is there already.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::table_path;
use msgq_core::limits::msgmnb;
use msgq_core::queue::{Queue, QueueKey, QueueSettings};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, PATIENCE_MS, Process, STRANGER, crowd, good_request_is_answered, is_root, msgqd,
    test_client, wait_until, wrapped,
};
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::Command;

#[test]
fn without_any_configuration_it_serves_the_default_queue_and_says_how_to_try_it() {
    if !is_root() {
        return eprintln!("not shown: the default key may be in use, and only root can make an IPC namespace");
    }
    let runtime = tempfile::tempdir().unwrap();
    let script = "if [ -d /etc/msgqd ]; then mount -t tmpfs tmpfs /etc/msgqd; fi; exec \"$0\"";
    let mut command = Command::new("unshare");
    command.args(["--ipc", "--mount", "--", "sh", "-c", script]).arg(msgqd());
    let mut daemon = Process::start(command.env("RUNTIME_DIRECTORY", runtime.path()));
    daemon.wait_for_stderr("msgqctl send hello");
    let log = daemon.stderr();
    for part in ["serving queue 0x12345678", "mode 0660", "16384 bytes", "handler echo"] {
        assert!(log.contains(part), "{part:?} is missing: {log}");
    }
    assert!(!log.contains("--key"), "the default key needs no hint: {log}");
    let pid = daemon.pid().to_string();
    let mut client = Command::new("nsenter");
    client.args(["--ipc", "--target", &pid, "--"]).arg(test_client("example")).arg("hello");
    assert_eq!(Process::run(&mut client).succeeded().stdout, "Processed: hello\n");
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
}

#[test]
fn the_line_that_says_how_to_try_it_names_another_key() {
    let daemon = Daemon::start();
    let hint = format!("msgqctl --key {} send hello", daemon.key());
    assert!(daemon.log().contains(&hint), "{hint:?} is missing: {}", daemon.log());
}

#[test]
fn mode_group_and_size_are_those_of_the_configuration() {
    let builder = DaemonBuilder::new().set("queue", "mode = \"0606\"").set("queue", "max_bytes = 8000");
    let group = nix::unistd::Group::from_gid(nix::unistd::Gid::current()).unwrap().unwrap();
    let daemon = builder.set("queue", &format!("group = {:?}", group.name)).start();
    let stat = daemon.queue().stat().unwrap();
    assert_eq!((stat.mode, stat.max_bytes, stat.gid), (0o606, 8000, group.gid.as_raw()));
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn the_key_may_be_given_as_a_number_or_as_text() {
    for form in ["{}", "\"{}\""] {
        let builder = DaemonBuilder::new().without_key_argument();
        let line = format!("key = {}", form.replace("{}", &builder.key().to_string()));
        let daemon = builder.set("queue", &line).start();
        good_request_is_answered(daemon.key());
        daemon.stop();
    }
}

#[test]
fn the_key_may_be_given_as_a_path_and_id_as_in_ftok() {
    let builder = DaemonBuilder::new().without_key_argument();
    let file = builder.directory().join("named.by");
    std::fs::write(&file, "").unwrap();
    let key = QueueKey::from_path(&file, 65).unwrap();
    let mut daemon = builder.set("queue", &format!("key = {{ path = {:?}, id = 65 }}", file.display())).start();
    good_request_is_answered(key);
    daemon.signal(Signal::SIGTERM);
    let _ = daemon.finish().succeeded();
    assert!(Queue::open(key).is_err());
}

#[test]
fn a_second_instance_is_refused_with_the_pid_of_the_first() {
    for workers in [1, 4] {
        let first = DaemonBuilder::new().workers(workers).start();
        let second = first.builder().run();
        assert_eq!((second.code(), second.stdout.as_str()), (1, ""), "{second:?}");
        let expected = format!("another msgqd (PID {}) already serves queue {}", first.pid(), first.key());
        assert!(second.stderr.contains(&expected), "{expected:?} is missing: {}", second.stderr);
        assert!(!second.stderr.contains("kill"), "the first is well: {}", second.stderr);
        good_request_is_answered(first.key());
        first.stop();
    }
}

#[test]
fn a_queue_left_by_a_dead_instance_is_adopted_and_what_waits_in_it_is_served() {
    for workers in [1, 4] {
        let builder = DaemonBuilder::new().workers(workers).set("queue", "mode = \"0640\"");
        let builder = builder.set("queue", "max_bytes = 12000").start().crash();
        let left = Queue::open(builder.key()).unwrap();
        let settings = QueueSettings { mode: Some(0o666), max_bytes: Some(9000), ..QueueSettings::default() };
        left.set(&settings).unwrap();
        let waiting = Process::start(&mut crowd(builder.key(), 25, 1, PATIENCE_MS));
        wait_until("requests wait", || left.stat().unwrap().messages == 25);

        let daemon = builder.start();
        let finished = waiting.finish().succeeded();
        assert!(finished.stdout.contains("answered 25 of 25"), "{}", finished.stdout);
        let stat = daemon.queue().stat().unwrap();
        assert_eq!((stat.msqid, stat.mode, stat.max_bytes), (left.id(), 0o640, 12000));
        good_request_is_answered(daemon.key());
        daemon.stop();
    }
}

#[test]
fn a_queue_of_a_foreign_owner_is_refused_with_the_command_to_inspect_it() {
    if !is_root() {
        return eprintln!("not shown: only root can start the daemon as another user");
    }
    let builder = DaemonBuilder::new();
    let foreign = Queue::create(builder.key(), 0o666).unwrap();
    let refused = builder.clone().user(STRANGER).run();
    assert_eq!(refused.code(), 1, "{refused:?}");
    for part in [
        &format!("queue {} (msqid {}) belongs to root (uid 0)", builder.key(), foreign.id()),
        "nobody (uid 65534)",
        &format!("ipcs -q -i {}", foreign.id()),
    ] {
        assert!(refused.stderr.contains(part), "{part:?} is missing: {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("ipcrm"), "its server may be alive: {}", refused.stderr);
    assert_eq!(Queue::open(builder.key()).unwrap().stat().unwrap().mode, 0o666, "it was changed");

    foreign.remove().unwrap();
    let left = builder.user(STRANGER).start().crash();
    let refused = left.root().run();
    assert_eq!(refused.code(), 1, "{refused:?}");
    for part in ["belongs to nobody (uid 65534)", "not to root (uid 0)"] {
        assert!(refused.stderr.contains(part), "{part:?} is missing: {}", refused.stderr);
    }
}

#[test]
fn a_size_above_the_systems_limit_names_the_sysctl_to_set() {
    if !is_root() {
        return eprintln!("not shown: only root can start the daemon as another user");
    }
    let size = msgmnb() + 1;
    let builder = DaemonBuilder::new().user(STRANGER).set("queue", &format!("max_bytes = {size}"));
    let refused = builder.run();
    assert_eq!(refused.code(), 1, "{refused:?}");
    for part in ["kernel.msgmnb", &size.to_string(), "sysctl"] {
        assert!(refused.stderr.contains(part), "{part:?} is missing: {}", refused.stderr);
    }
    assert!(Queue::open(builder.key()).is_err(), "a queue of a daemon that did not start was left");
}

/// The command of `builder` under a limit of one process, so that no thread can be had.
fn without_threads(builder: &DaemonBuilder) -> Command {
    wrapped(&["prlimit", "--nproc=1"], &builder.command())
}

#[test]
fn a_start_that_fails_after_the_queue_was_made_leaves_neither_queue_nor_files() {
    let builder = DaemonBuilder::new();
    let in_the_way = table_path(builder.runtime_directory(), builder.key());
    std::fs::create_dir(&in_the_way).unwrap();
    let failed = builder.run();
    assert_eq!(failed.code(), 1, "{failed:?}");
    assert!(failed.stderr.contains(&in_the_way.display().to_string()), "{failed:?}");
    assert!(Queue::open(builder.key()).is_err(), "clients would hang in a queue that nobody serves");
    std::fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(std::fs::read_dir(builder.runtime_directory()).unwrap().count(), 0);
    builder.start().stop();
}

#[test]
fn a_start_that_finds_no_thread_leaves_neither_queue_nor_files() {
    if !is_root() {
        return eprintln!("not shown: only root can start the daemon as another user");
    }
    // A user of its own: the limit counts the processes of all tests.
    let builder = DaemonBuilder::new().user(54_321);
    let failed = Process::run(&mut without_threads(&builder));
    assert_eq!(failed.code(), 1, "{failed:?}");
    assert!(failed.stderr.contains("cannot start the engine"), "{failed:?}");
    assert!(Queue::open(builder.key()).is_err(), "clients would hang in a queue that nobody serves");
    assert_eq!(std::fs::read_dir(builder.runtime_directory()).unwrap().count(), 0);
}

#[test]
fn a_start_that_fails_leaves_the_queue_of_an_earlier_server_as_it_was() {
    let builder = DaemonBuilder::new().start().crash();
    let left = Queue::open(builder.key()).unwrap();
    let settings = QueueSettings { mode: Some(0o622), max_bytes: Some(9000), ..QueueSettings::default() };
    left.set(&settings).unwrap();
    let table = table_path(builder.runtime_directory(), builder.key());
    std::fs::remove_file(&table).unwrap();
    std::fs::create_dir(&table).unwrap();
    assert_eq!(builder.run().code(), 1);
    let stat = Queue::open(builder.key()).unwrap().stat().unwrap();
    assert_eq!((stat.msqid, stat.mode, stat.max_bytes), (left.id(), 0o622, 9000));
}

fn check_config(file: &Path) -> msgqd_system_tests::Finished {
    Process::run(Command::new(msgqd()).arg("--config").arg(file).arg("--check-config"))
}

#[test]
fn check_config_says_that_a_good_file_is_good_and_starts_nothing() {
    let builder = DaemonBuilder::new().without_key_argument();
    let file = builder.clone().set("queue", &format!("key = \"{}\"", builder.key())).workers(3).write_config();
    let finished = check_config(&file).succeeded();
    assert_eq!(finished.stdout, format!("{}: ok\n", file.display()));
    assert!(Queue::open(builder.key()).is_err());
}

#[test]
fn check_config_shows_the_place_of_an_error() {
    for (table, line, place) in [
        ("service", "wrokers = 3", ":2:1"),
        ("service", "workers = 0", ":2:11"),
        ("queue", "mode = \"9999\"", ":2:8"),
        ("queue", "key = ", ":2:"),
    ] {
        let builder = DaemonBuilder::new().set(table, line);
        let file = builder.write_config();
        let finished = check_config(&file);
        assert_eq!((finished.code(), finished.stdout.as_str()), (1, ""), "{line}: {finished:?}");
        for part in [&format!("{}{place}", file.display()), line, "^"] {
            assert!(finished.stderr.contains(part), "{line}: {part:?} is missing:\n{}", finished.stderr);
        }
    }
}

#[test]
fn a_configuration_file_that_is_not_there_is_an_error() {
    let finished = check_config(Path::new("/nonexistent/msgqd.toml"));
    assert_eq!(finished.code(), 1, "{finished:?}");
    assert!(finished.stderr.contains("/nonexistent/msgqd.toml"), "{}", finished.stderr);
}

#[test]
fn the_flags_are_answered_and_an_unknown_one_is_a_usage_error() {
    let run = |flag: &str| Process::run(Command::new(msgqd()).arg(flag));
    assert!(run("--version").succeeded().stdout.starts_with("msgqd "));
    let help = run("--help").succeeded().stdout;
    for flag in ["--config", "--check-config", "--reload", "--key", "--log-level", "--version", "--help"] {
        assert!(help.contains(flag), "{flag} is missing: {help}");
    }
    assert_eq!(run("--no-such-flag").code(), 2);
    assert_eq!(Process::run(Command::new(msgqd()).args(["--key", "0"])).code(), 2);
}

#[test]
fn whatever_stands_in_the_tables_place_the_start_comes_to_an_end() {
    let builder = DaemonBuilder::new();
    let path = table_path(builder.runtime_directory(), builder.key());
    let fifo = || nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let link = || std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    for in_the_way in [&fifo as &dyn Fn(), &link] {
        in_the_way();
        let mut daemon = builder.start();
        daemon.wait_for_log("cannot use the table of an earlier server");
        good_request_is_answered(daemon.key());
        daemon.stop();
    }
}
