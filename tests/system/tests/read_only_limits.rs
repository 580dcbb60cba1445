//! Where /proc/sys is read-only, as in a container, nobody is told to run a command that fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{DaemonBuilder, Finished, Process, is_root, msgqctl, msgqd};
use std::process::Command;

/// Runs a script where `kernel.msgmnb` is 8000, `kernel.msgmax` 200, and neither can be written any more; `None` where
/// only root could make that. `$MSGQCTL`, `$MSGQD`, `$KEY`, `$CONFIG` and `$LOG` are there.
#[track_caller]
fn in_a_container(builder: &DaemonBuilder, script: &str) -> Option<Finished> {
    if !is_root() {
        eprintln!("not shown: only root can make namespaces and mount");
        return None;
    }
    let text = format!(
        "mount --bind /proc/sys /proc/sys
        echo 8000 >/proc/sys/kernel/msgmnb
        echo 200 >/proc/sys/kernel/msgmax
        mount -o remount,bind,ro /proc/sys
        {script}"
    );
    let mut command = Command::new("unshare");
    command.args(["--ipc", "--mount", "--", "sh", "-ec", &text]).env_remove("INVOCATION_ID");
    command.env("MSGQCTL", msgqctl()).env("MSGQD", msgqd()).env("KEY", builder.key().to_string());
    command.env("CONFIG", builder.write_config()).env("RUNTIME_DIRECTORY", builder.runtime_directory());
    Some(Process::run(command.env("LOG", builder.directory().join("log"))))
}

#[track_caller]
fn names_the_runtimes_option(said: &str, limit: &str) {
    let option = format!("docker run --sysctl {limit}=");
    for word in [option.as_str(), "/proc/sys is read-only", "securityContext.sysctls", "--allowed-unsafe-sysctls"] {
        assert!(said.contains(word), "{word:?} is missing: {said}");
    }
    for word in ["sysctl -w", "/etc/sysctl.d"] {
        assert!(!said.contains(word), "{word:?} fails there: {said}");
    }
}

fn with_a_large_queue() -> DaemonBuilder {
    DaemonBuilder::new().set("queue", "max_bytes = 16384")
}

#[test]
fn doctor_names_the_runtimes_option_for_each_limit() {
    let script = r#""$MSGQCTL" --key "$KEY" --config "$CONFIG" doctor || true"#;
    let Some(finished) = in_a_container(&with_a_large_queue(), script) else { return };
    let text = finished.succeeded().stdout;
    names_the_runtimes_option(&text, "kernel.msgmnb");
    names_the_runtimes_option(&text, "kernel.msgmax");
    let script = r#"for i in 1 2 3 4 5 6 7 8 9; do ipcmk -Q >/dev/null; done
        umount /proc/sys; echo 9 >/proc/sys/kernel/msgmni; mount --bind /proc/sys /proc/sys
        mount -o remount,bind,ro /proc/sys; "$MSGQCTL" --key "$KEY" --config "$CONFIG" doctor || true"#;
    let finished = in_a_container(&with_a_large_queue(), script).unwrap().succeeded();
    names_the_runtimes_option(&finished.stdout, "kernel.msgmni");
}

#[test]
fn a_daemon_whose_size_is_refused_names_the_runtimes_option() {
    let script = r#"setpriv --bounding-set -sys_resource "$MSGQD" --key "$KEY" --config "$CONFIG""#;
    let Some(finished) = in_a_container(&with_a_large_queue(), script) else { return };
    assert_ne!(finished.code(), 0, "{finished:?}");
    assert!(finished.stderr.contains("max_bytes = 16384"), "{finished:?}");
    names_the_runtimes_option(&finished.stderr, "kernel.msgmnb");
}

#[test]
fn a_configuration_whose_messages_are_too_long_names_the_runtimes_option() {
    let builder = DaemonBuilder::new().texts_of(1000);
    let Some(finished) = in_a_container(&builder, r#""$MSGQD" --check-config --config "$CONFIG""#) else { return };
    assert_ne!(finished.code(), 0, "{finished:?}");
    names_the_runtimes_option(&finished.stderr, "kernel.msgmax");
}

#[test]
fn an_answer_that_is_too_long_for_a_limit_lowered_since_names_the_runtimes_option() {
    let script = r#"umount /proc/sys
        echo 8192 >/proc/sys/kernel/msgmax
        "$MSGQD" --key "$KEY" --config "$CONFIG" >"$LOG" 2>&1 & daemon=$!
        for i in $(seq 300); do grep -q 'serving queue' "$LOG" && break; sleep 0.1; done
        kill -STOP $daemon
        timeout 20 "$MSGQCTL" --key "$KEY" --config "$CONFIG" send x --timeout 20s >/dev/null 2>&1 & client=$!
        for i in $(seq 300); do ipcs -q | grep -q ' 264 ' && break; sleep 0.1; done
        echo 200 >/proc/sys/kernel/msgmax
        mount --bind /proc/sys /proc/sys
        mount -o remount,bind,ro /proc/sys
        kill -CONT $daemon
        for i in $(seq 300); do grep -q 'cannot answer' "$LOG" && break; sleep 0.1; done
        kill -KILL $client $daemon || true
        cat "$LOG""#;
    let Some(finished) = in_a_container(&DaemonBuilder::new().set("service", "workers = 1"), script) else { return };
    let said = finished.stdout.lines().find(|line| line.contains("cannot answer")).unwrap_or_default().to_owned();
    assert!(!said.is_empty(), "{finished:?}");
    names_the_runtimes_option(&said, "kernel.msgmax");
}
