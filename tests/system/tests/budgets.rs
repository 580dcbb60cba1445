//! Limits on tasks and descriptors that are too low for what is configured: told at the start, and before a reload.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::{REQUEST_MTYPE, encode_request};
use msgq_core::queue::{MessageBuffer, Queue};
use msgqd_system_tests::{
    Daemon, DaemonBuilder, LIMIT, STRANGER, Until, eventually, good_request_is_answered, is_root, msgqd, wait_until,
    write_program,
};
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

const COMMANDS: &str = "kind = \"exec\"\ncommand = [\"/bin/cat\"]\nmax_concurrency = 40";

/// A daemon that a shell script starts, whose last words are these and the daemon's command line.
fn started_by(script: &str) -> DaemonBuilder {
    let builder = DaemonBuilder::new();
    let path = builder.directory().join("start");
    write_program(&path, &format!("#!/bin/sh\n{script}\nexec {} \"$@\"\n", msgqd().display()));
    builder.program(path)
}

/// It starts, and says this; and a reload from another handler to this one is refused with the same.
fn is_told(builder: &DaemonBuilder, parts: &[&str]) {
    let told = |daemon: &Daemon| {
        let log = daemon.log();
        parts.iter().for_each(|part| assert!(log.contains(part), "{part:?} is missing: {log}"));
    };
    let daemon = builder.clone().workers(2).set("handler", COMMANDS).start();
    told(&daemon);
    daemon.stop();

    let mut daemon = builder.clone().workers(2).start();
    assert!(!daemon.log().contains("at the most"), "{}", daemon.log());
    let _ = builder.clone().workers(2).set("handler", COMMANDS).write_config();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("the reload was refused and nothing was changed");
    told(&daemon);
    good_request_is_answered(daemon.key());
    daemon.stop();
}

#[test]
fn too_few_descriptors_for_the_handler_are_told_with_the_number_and_the_setting() {
    is_told(&started_by("ulimit -n 200"), &["384 open descriptors", "may have 200", "LimitNOFILE="]);
}

/// So many clients ask at once, each a thread of its own that lives on until `may_leave`: their statuses.
fn ask_from_threads(queue: &Queue, clients: usize, answered: &AtomicUsize, may_leave: &Until) -> Vec<i32> {
    let ask = || {
        let client = nix::unistd::gettid().as_raw();
        queue.send(REQUEST_MTYPE, &encode_request(client, b"hello")).unwrap();
        let mut buffer = MessageBuffer::new();
        let is_answered = eventually(LIMIT, || queue.try_receive(client.into(), &mut buffer).unwrap());
        answered.fetch_add(1, Ordering::Relaxed);
        let _ = eventually(LIMIT, || may_leave.is_over());
        let status = buffer.body().first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
        status.filter(|_| is_answered).unwrap_or(i32::MIN)
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn commands_get_their_descriptors_beside_hundreds_of_clients_that_live() {
    const BYSTANDERS: usize = 450;
    const COUNT: usize = 40;
    let quick = started_by("ulimit -n 512").workers(COUNT);
    let slow = r#"command = ["/bin/sh", "-c", "sleep 0.5; cat"]"#;
    let slow =
        quick.clone().set("handler", "kind = \"exec\"\nmax_concurrency = 40\ntimeout_ms = 60000").set("handler", slow);
    for begins_slow in [true, false] {
        let mut daemon = if begins_slow { slow.start() } else { quick.start() };
        let queue = daemon.queue();
        let mut reloads = 0;
        let mut reload = |builder: &DaemonBuilder| {
            let _ = builder.write_config();
            daemon.signal(Signal::SIGHUP);
            reloads += 1;
            wait_until("it is reloaded", || daemon.log().matches("reloaded the configuration").count() == reloads);
        };
        if begins_slow {
            // So that the many do not take long.
            reload(&quick);
        }
        let (answered, none, may_leave, at_once) =
            (AtomicUsize::new(0), AtomicUsize::new(0), Until::default(), Until::default());
        drop(at_once.guard());
        let statuses = std::thread::scope(|scope| {
            let _guard = may_leave.guard();
            scope.spawn(|| ask_from_threads(&queue, BYSTANDERS, &answered, &may_leave));
            wait_until("all of them are answered", || answered.load(Ordering::Relaxed) == BYSTANDERS);
            reload(&slow);
            ask_from_threads(&queue, COUNT, &none, &at_once)
        });
        assert!(statuses.iter().all(|status| *status == 0), "{statuses:?}: {}", daemon.log());
        daemon.stop();
    }
}

/// A cgroup that is removed at the end.
struct Cgroup(PathBuf);

impl Cgroup {
    /// In a hierarchy of which this test may make groups that limit tasks or memory; `limits` are files and what they say.
    fn new(controller: &str, limits: &[(&str, u64)]) -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("msgqd-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let roots = [format!("/sys/fs/cgroup/{controller}"), "/sys/fs/cgroup".to_owned()];
        let groups = roots.iter().map(|root| PathBuf::from(root).join(&name));
        let is_set = |group: &Self| {
            limits.iter().any(|(file, limit)| std::fs::write(group.0.join(file), limit.to_string()).is_ok())
        };
        groups.filter(|group| std::fs::create_dir(group).is_ok()).map(Self).find(is_set)
    }

    /// What has a daemon started in it.
    fn builder(&self) -> DaemonBuilder {
        started_by(&format!("echo $$ >{}", self.0.join("cgroup.procs").display()))
    }

    fn of_tasks(tasks: u64) -> Option<Self> {
        Self::new("pids", &[("pids.max", tasks)])
    }

    fn of_memory(bytes: u64) -> Option<Self> {
        Self::new("memory", &[("memory.limit_in_bytes", bytes), ("memory.max", bytes)])
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

const NO_CGROUP: &str = "not shown: only root can make a cgroup, and not in every container";

#[test]
fn too_few_tasks_for_the_handler_are_told_with_the_number_and_the_setting() {
    let Some(group) = Cgroup::of_tasks(30) else { return eprintln!("{NO_CGROUP}") };
    let max = group.0.join("pids.max").display().to_string();
    is_told(&group.builder(), &["more tasks", "40 for the handler", &format!("of the 30 in {max}"), "TasksMax="]);
}

/// Neither starts nor passes the check, and says this.
fn is_refused(builder: &DaemonBuilder, parts: &[&str]) {
    for arguments in [&[][..], &["--check-config"]] {
        let builder = arguments.iter().fold(builder.clone(), DaemonBuilder::arg);
        let finished = builder.run();
        assert_eq!(finished.code(), 1, "{arguments:?}: {finished:?}");
        parts.iter().for_each(|part| assert!(finished.stderr.contains(part), "{part:?} is missing: {finished:?}"));
    }
}

#[test]
fn a_server_that_cannot_have_its_own_threads_is_refused_with_the_setting_to_raise() {
    let Some(group) = Cgroup::of_tasks(20) else { return eprintln!("{NO_CGROUP}") };
    let refused = group.builder().workers(40);
    is_refused(&refused, &["43 threads", "service.workers", "TasksMax=", "pids.max"]);
}

#[test]
fn a_table_that_does_not_fit_into_the_memory_of_the_unit_is_refused_before_the_kernel_kills_the_server() {
    let Some(group) = Cgroup::of_memory(24 << 20) else { return eprintln!("{NO_CGROUP}") };
    let refused = group.builder().set("service", "outbox_capacity = 65536");
    is_refused(&refused, &["MiB of memory", "service.outbox_capacity", "MemoryMax=", "24 MiB"]);
    // The built-in settings fit.
    group.builder().start().stop();
}

#[test]
fn what_may_not_be_enough_is_told_by_the_check_too() {
    let told = |builder: &DaemonBuilder, parts: &[&str]| {
        let finished = builder.clone().arg("--check-config").run().succeeded();
        parts.iter().for_each(|part| assert!(finished.stderr.contains(part), "{part:?} is missing: {finished:?}"));
    };
    let few_descriptors = started_by("ulimit -n 200").set("handler", COMMANDS);
    told(&few_descriptors, &["odd, but possible", "384 open descriptors", "LimitNOFILE="]);
    if !is_root() {
        return eprintln!("not shown: only root can lower the lock of memory for another user");
    }
    let little_lock = started_by("ulimit -l 64").user(STRANGER);
    told(&little_lock, &["locked memory", "64 KiB", "LimitMEMLOCK=", "service.outbox_capacity"]);
    let good = started_by("ulimit -n 4096").arg("--check-config").run().succeeded();
    assert_eq!(good.stderr, "", "{good:?}");
}
