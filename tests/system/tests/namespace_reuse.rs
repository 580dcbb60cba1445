//! The kernel gives the number of an IPC namespace that is gone to a new one, in which the same key is another queue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::instance::ipc_namespace_id;
use msgqd_system_tests::{DaemonBuilder, Process, is_root, msgqctl, wait_until, wrapped};
use nix::sys::signal::Signal;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// So often a new namespace is made until one gets the number that is wanted.
const ATTEMPTS: usize = 2000;

/// The daemon in a new IPC namespace, after `before` in a shell, if it has this number or any will do.
fn in_a_new_namespace(builder: &DaemonBuilder, number: &str, before: &str) -> Process {
    let is_it = r#"case "$0" in any|"$(stat -Lc %i /proc/self/ns/ipc)") echo "it is" >&2;; *) exit;; esac"#;
    let script = format!(r#"{is_it}; {before}; exec "$@""#);
    Process::start(&mut wrapped(&["unshare", "--ipc", "--", "sh", "-c", &script, number], &builder.command()))
}

/// As [`in_a_new_namespace`], in one that got this number again; `None`, and said so, when none did.
fn in_a_namespace_with(builder: &DaemonBuilder, number: &str, before: &str) -> Option<Process> {
    let found = (0..ATTEMPTS).find_map(|_| {
        let mut process = in_a_new_namespace(builder, number, before);
        wait_until("its number is known", || process.stderr().contains("it is") || !process.is_running());
        let ended = if process.is_running() { String::new() } else { process.stderr() };
        (process.is_running() || ended.contains("it is")).then_some(process)
    });
    if found.is_none() {
        eprintln!("not shown: no new namespace got the number {number}");
    }
    found
}

/// Starts a daemon in a namespace that ends with it, closes its door and kills it; returns the namespace's number.
fn leave_a_namespace(builder: &DaemonBuilder) -> String {
    let mut server = in_a_new_namespace(builder, "any", ":");
    server.wait_for_stderr("serving queue");
    let number = std::fs::metadata(format!("/proc/{}/ns/ipc", server.pid())).unwrap().ino().to_string();
    let _ = close_door(builder, &mut server);
    server.signal(Signal::SIGKILL);
    wait_until("it is gone", || !server.is_running());
    number
}

fn close_door(builder: &DaemonBuilder, server: &mut Process) -> String {
    let mut command = Command::new("nsenter");
    command.args(["--ipc", "--target", &server.pid().to_string(), "--"]).arg(msgqctl());
    command.args(["--key", &builder.key().to_string(), "drain", "--reason", "new disk"]);
    let closed = Process::run(command.env("RUNTIME_DIRECTORY", builder.runtime_directory())).succeeded();
    server.wait_for_stderr("the door is closed by");
    closed.stdout
}

/// Says so when it cannot be shown.
fn can_be_shown() -> bool {
    let can = is_root() && ipc_namespace_id() != 0;
    if !can {
        eprintln!("not shown: only root can make namespaces, and Linux before 6.18 gives them no other identity");
    }
    can
}

#[test]
fn what_is_left_of_a_namespace_that_is_gone_means_nothing_in_a_new_one_with_its_number() {
    if !can_be_shown() {
        return;
    }
    let builder = DaemonBuilder::new();
    let number = leave_a_namespace(&builder);
    let Some(mut second) = in_a_namespace_with(&builder, &number, ":") else { return };
    second.wait_for_stderr("serving queue");
    let log = second.stderr();
    assert!(!log.contains("the door is closed") && log.contains("mode 0660"), "{log}");
    assert!(!log.contains("killed or crashed"), "{log}");
    let closed = close_door(&builder, &mut second);
    assert!(closed.contains("closed for new requests") && !closed.contains("already"), "{closed}");
    second.signal(Signal::SIGTERM);
    let _ = second.finish().succeeded();
}

#[test]
fn removal_of_the_package_leaves_a_queue_of_a_new_namespace_alone_that_an_old_table_names() {
    if !can_be_shown() {
        return;
    }
    let builder = DaemonBuilder::new();
    let number = leave_a_namespace(&builder);
    let make_queue = format!("perl -e 'msgget({}, 01600) // die'", builder.key());
    for give_up in ["--remove-left-queues", "--after-failure"] {
        let builder = builder.clone().without_key_argument().set("log", "= no TOML").arg(give_up);
        let Some(given_up) = in_a_namespace_with(&builder, &number, &make_queue) else { return };
        let given_up = given_up.finish().succeeded();
        assert!(!given_up.stderr.contains("removed queue"), "{}", given_up.stderr);
    }
}
