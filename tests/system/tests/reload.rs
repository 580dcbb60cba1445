//! Reloads: what a change reaches, and what a change that is refused leaves as it was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::table_path;
use msgq_core::limits::msgmnb;
use msgq_core::queue::Queue;
use msgqd_system_tests::{
    Daemon, DaemonBuilder, Finished, Process, STRANGER, as_user, ask, good_request_is_answered, is_root, test_client,
    wait_until,
};
use nix::sys::signal::Signal;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

/// Where the header of a table has its daemon's PID, and its identity.
const OWNER_AT: u64 = 48;
const IDENTITY_AT: u64 = 64;

/// Writes the configuration of `builder` and asks the daemon to read it.
fn reload(daemon: &mut Daemon, builder: &DaemonBuilder) {
    let earlier = outcomes(daemon);
    let _ = builder.write_config();
    daemon.signal(Signal::SIGHUP);
    wait_until("the reload has an outcome", || outcomes(daemon) > earlier);
}

fn outcomes(daemon: &Daemon) -> usize {
    daemon.log().matches("reloaded the configuration").count() + daemon.log().matches("the reload was refused").count()
}

/// Threads of the daemon that receive requests.
fn workers(daemon: &Daemon) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("worker-")).count()
}

/// How many programs the daemon runs.
fn children(daemon: &Daemon) -> usize {
    let output = Command::new("pgrep").args(["--parent", &daemon.pid().to_string()]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split_whitespace().count()
}

#[test]
fn workers_that_wait_for_their_turn_take_the_new_handler_at_once() {
    let echo = DaemonBuilder::new();
    let pool = echo
        .clone()
        .set("handler", "kind = \"worker\"\nmax_concurrency = 6")
        .set("handler", &format!("command = [{:?}]", test_client("worker")));
    let mut daemon = pool.start();
    for _ in 0..3 {
        wait_until("the pool runs", || children(&daemon) == 6);
        reload(&mut daemon, &echo);
        wait_until("the programs of the old handler are gone", || children(&daemon) == 0);
        reload(&mut daemon, &pool);
    }
    assert!(!daemon.log().contains("refused"), "{}", daemon.log());
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn workers_that_are_not_wanted_any_more_leave_although_nobody_asks() {
    let builder = DaemonBuilder::new();
    let mut daemon = builder.clone().workers(8).start();
    reload(&mut daemon, &builder.workers(2));
    wait_until("six workers have left", || workers(&daemon) == 2);
    good_request_is_answered(daemon.key());
    daemon.stop();
}

fn ask_for(daemon: &Daemon, text: &str) -> String {
    String::from_utf8(ask(&daemon.queue(), text.as_bytes()).1).unwrap()
}

/// The test fails unless the daemon is as it was before the reload that it refused with `reason`.
#[track_caller]
fn is_refused_and_changes_nothing(daemon: &mut Daemon, builder: &DaemonBuilder, reason: &str) {
    let (before, workers_before) = (daemon.queue().stat().unwrap(), workers(daemon));
    reload(daemon, builder);
    let log = daemon.log();
    assert!(log.lines().last().unwrap().contains(reason), "{reason:?} is missing: {log}");
    let after = daemon.queue().stat().unwrap();
    assert_eq!((after.mode, after.gid, after.max_bytes), (before.mode, before.gid, before.max_bytes), "{reason}");
    wait_until("there are as many workers as before", || workers(daemon) == workers_before);
    assert_eq!(ask_for(daemon, "who"), "Processed: who", "{reason}");
    daemon.queue().remove().unwrap();
    wait_until("the queue is made anew", || Queue::open(daemon.key()).is_ok());
    let anew = daemon.queue().stat().unwrap();
    assert_eq!((anew.mode, anew.max_bytes), (before.mode, before.max_bytes), "{reason}: the plan for a new queue");
}

/// Everything else about the daemon.
fn changed(builder: &DaemonBuilder) -> DaemonBuilder {
    builder.clone().set("handler", "kind = \"exec\"\ncommand = [\"/bin/echo\", \"new handler\"]")
}

#[test]
fn a_reload_with_more_workers_than_there_is_room_for_changes_nothing() {
    let builder = DaemonBuilder::new();
    let mut daemon = builder.clone().workers(4).start();
    let too_many = changed(&builder).workers(200).set("queue", "mode = \"0600\"\nmax_bytes = 4096");
    is_refused_and_changes_nothing(&mut daemon, &too_many, "200 workers do not fit");
    daemon.stop();
}

#[test]
fn a_reload_that_finds_no_thread_changes_nothing() {
    if !is_root() {
        return eprintln!("not shown: only root can start the daemon as another user");
    }
    let builder = DaemonBuilder::new().user(STRANGER);
    let mut daemon = builder.clone().workers(4).start();
    let pid = daemon.pid().to_string();
    let mut no_thread_more = as_user(STRANGER, Path::new("/usr/bin/prlimit"));
    let _ = Process::run(no_thread_more.args(["--nproc=1", "--pid", &pid])).succeeded();
    for workers in [2, 4, 8] {
        let other = changed(&builder).workers(workers).set("queue", "mode = \"0600\"\nmax_bytes = 4096");
        is_refused_and_changes_nothing(&mut daemon, &other, "LimitNPROC=");
    }
    daemon.stop();
}

#[test]
fn a_reload_with_a_size_that_the_kernel_refuses_changes_nothing() {
    if !is_root() {
        return eprintln!("not shown: only root can start the daemon as another user");
    }
    let builder = DaemonBuilder::new().user(STRANGER);
    let mut daemon = builder.clone().workers(4).start();
    for workers in [2, 4, 8] {
        let too_large = format!("mode = \"0600\"\nmax_bytes = {}", msgmnb() + 1);
        let too_large = changed(&builder).workers(workers).set("queue", &too_large);
        is_refused_and_changes_nothing(&mut daemon, &too_large, "kernel.msgmnb");
    }
    let fits = changed(&builder).workers(8).set("queue", "mode = \"0600\"");
    reload(&mut daemon, &fits);
    assert_eq!((ask_for(&daemon, "who").as_str(), workers(&daemon)), ("new handler", 8), "{}", daemon.log());
    assert_eq!(daemon.queue().stat().unwrap().mode, 0o600);
    daemon.stop();
}

#[test]
fn whoever_asks_for_a_reload_hears_what_became_of_it() {
    let builder = DaemonBuilder::new();
    let daemon = builder.clone().workers(4).start();
    let ask = |builder: DaemonBuilder| builder.arg("--reload").run();
    for (refused, reason) in [
        (builder.clone().workers(200), "200 workers do not fit"),
        (builder.clone().set("service", "outbox_capacity = 64"), "outbox_capacity cannot change"),
        (builder.clone().set("queue", "group = \"no-such-group\""), "there is no group"),
        (builder.clone().set("service", "wrokers = 3"), "wrokers"),
    ] {
        let heard = ask(refused);
        assert_eq!(heard.code(), 1, "{reason}: {heard:?}");
        assert!(heard.stderr.contains(reason), "{reason}: {heard:?}");
    }
    for mode in [0o600, 0o640, 0o666] {
        let _ = ask(builder.clone().set("queue", &format!("mode = \"{mode:04o}\""))).succeeded();
        assert_eq!(daemon.queue().stat().unwrap().mode, mode, "it returned before the change was made");
    }
    good_request_is_answered(daemon.key());
    daemon.stop();
    let alone = ask(builder);
    assert_eq!(alone.code(), 1, "{alone:?}");
    assert!(alone.stderr.contains("no server"), "{alone:?}");
}

/// `msgqd --reload` as whoever runs this test, who is told nothing of the server's directory.
fn reload_by_key_alone(builder: &DaemonBuilder) -> Finished {
    let asked = builder.clone().root().arg("--reload").command();
    let mut command = Command::new(asked.get_program());
    Process::run(command.args(asked.get_args()).env_remove("RUNTIME_DIRECTORY"))
}

#[test]
fn root_reloads_the_service_of_another_user_whose_directory_it_does_not_name() {
    if !is_root() {
        eprintln!("not run: only root may ask the server of another user");
        return;
    }
    let builder = DaemonBuilder::new().user(STRANGER);
    let with_mode = |mode: u32| builder.clone().set("queue", &format!("mode = \"{mode:04o}\""));
    let daemon = with_mode(0o660).start();
    for mode in [0o600, 0o640] {
        let heard = reload_by_key_alone(&with_mode(mode));
        assert_eq!(heard.code(), 0, "{heard:?}");
        assert_eq!(daemon.queue().stat().unwrap().mode, mode, "{}", daemon.log());
    }
    let builder = daemon.crash();
    let alone = reload_by_key_alone(&builder);
    assert_eq!(alone.code(), 1, "{alone:?}");
    for word in ["no server says that it serves queue", "/run/msgqd", "RUNTIME_DIRECTORY=", "kill -HUP"] {
        assert!(alone.stderr.contains(word), "{word}: {alone:?}");
    }
}

#[test]
fn nobody_is_sent_a_signal_whose_number_stands_in_a_table_of_another_user() {
    if !is_root() {
        eprintln!("not run: only root may signal everybody");
        return;
    }
    let daemon = DaemonBuilder::new().user(STRANGER).start();
    let table = table_path(daemon.builder().runtime_directory(), daemon.key());
    let mut bystander = Process::start(Command::new("sleep").arg("600"));
    let file = std::fs::OpenOptions::new().write(true).open(&table).unwrap();
    // An identity of 0 is an unknown one.
    file.write_all_at(&bystander.pid().to_ne_bytes(), OWNER_AT).unwrap();
    file.write_all_at(&[0; 8], IDENTITY_AT).unwrap();
    let heard = Process::run(&mut daemon.builder().clone().root().arg("--reload").command());
    assert_eq!(heard.code(), 1, "{heard:?}");
    assert!(bystander.is_running(), "{heard:?}");
}

#[test]
fn a_reload_that_changes_nothing_speaks_of_lines_left_out_only_where_there_are_some() {
    let mut daemon = DaemonBuilder::new().set("queue", "mode = \"0660\"").start();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("nothing differs from before");
    let line = daemon.log().lines().last().unwrap().to_owned();
    assert_eq!(line, "msgqd: reloaded the configuration: nothing differs from before");
    daemon.stop();
}
