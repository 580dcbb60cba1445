//! The unit, as its files say it; what only a living systemd tells is checked in the container.

use super::*;

/// A machine with an installed unit and without a daemon, with `$FILES` in /etc/systemd. What runs on the real one keeps its
/// files below /run and /dev/shm, and its configuration in /etc/msgqd.
const WITH_UNIT: &str = r#"
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /dev/shm
    if [ -d /etc/msgqd ]; then mount -t tmpfs tmpfs /etc/msgqd; fi
    mount -t tmpfs tmpfs /etc/systemd && mkdir -p /etc/systemd/system/msgqd.service.d
    printf '[Service]\nExecStart=/usr/sbin/msgqd\nPrivateIPC=no\n' >/etc/systemd/system/msgqd.service
    eval "$FILES"
    "$MSGQCTL" --json doctor"#;

#[track_caller]
fn diagnose(files: &str) -> Option<Diagnosis> {
    let namespaces = ["--ipc", "--mount", "--propagation", "private"];
    Some(Diagnosis::read(&script(&namespaces, &[("FILES", files)], WITH_UNIT)?))
}

#[test]
fn settings_that_take_the_queue_away_are_found_in_drop_ins_and_the_command_takes_them_back() {
    for (check, setting, why) in [
        ("unit_private_ipc", "PrivateIPC", "namespace of its own"),
        ("unit_remove_ipc", "RemoveIPC", "deletes the queue"),
        ("unit_dynamic_user", "DynamicUser", "implies RemoveIPC"),
    ] {
        let drop_in = format!("printf '[Service]\\n{setting}=yes\\n' >/etc/systemd/system/msgqd.service.d/bad.conf");
        let Some(diagnosis) = diagnose(&drop_in) else { return };
        diagnosis.finds(&["daemon", check]);
        let file = format!("{setting}=yes, from /etc/systemd/system/msgqd.service.d/bad.conf");
        diagnosis.says(check, "problem", &[&file, why, "systemctl restart msgqd.service"]);
        let mend = diagnosis.mend(check);
        let mended = format!("{drop_in}\n{}", mend.lines().next().unwrap());
        diagnose(&mended).unwrap().says(check, "fine", &["=no"]);
    }
}

#[test]
fn a_unit_as_it_is_shipped_has_nothing_against_it() {
    let unit =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systemd/msgqd.service")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), unit).unwrap();
    let copy = format!("cp {} /etc/systemd/system/msgqd.service", file.path().display());
    let Some(diagnosis) = diagnose(&copy) else { return };
    diagnosis.finds(&["daemon"]);
    assert_eq!(diagnosis.mend("daemon"), "systemctl start msgqd.service");
    diagnosis.says("unit_state", "not_applicable", &["systemd is not the init"]);
}

/// Starts a daemon in another IPC namespace with these options of unshare(1), which holds a lock that doctor sees.
fn daemon_elsewhere(options: &str) -> String {
    format!(
        r#"mkdir /run/msgqd
        RUNTIME_DIRECTORY=/run/msgqd unshare --ipc {options} -- "$MSGQD" >/run/log 2>&1 &
        trap "kill $!" EXIT
        for i in $(seq 600); do grep -q 'serving queue' /run/log && break; sleep 0.1; done"#
    )
}

#[test]
fn a_daemon_in_another_ipc_namespace_that_the_unit_does_not_run_is_named_and_not_taken_for_the_units() {
    let Some(diagnosis) = diagnose(&daemon_elsewhere("")) else { return };
    diagnosis.finds(&["daemon"]);
    assert_eq!(diagnosis.mend("daemon"), "systemctl start msgqd.service");
    diagnosis.says(
        "ipc_namespace",
        "not_applicable",
        &["the daemon of msgqd.service does not run", "another msgqd (PID"],
    );
}

#[test]
fn the_unit_of_whoever_has_the_number_of_a_daemon_in_other_namespaces_is_not_advised_to_be_restarted() {
    // In its own PID namespace the daemon is PID 1, as the first process of this one is.
    let files = [
        "printf '[Service]\\nPrivateIPC=yes\\n' >/etc/systemd/system/ssh.service",
        "echo 0::/system.slice/ssh.service >/run/cgroup && mount --bind /run/cgroup /proc/1/cgroup",
        &daemon_elsewhere("--pid --fork --kill-child --mount-proc"),
    ];
    let namespaces = ["--ipc", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc"];
    let Some(finished) = script(&namespaces, &[("FILES", &files.join("\n"))], WITH_UNIT) else { return };
    let diagnosis = Diagnosis::read(&finished);
    assert!(!finished.stdout.contains("ssh.service"), "{}", finished.stdout);
    diagnosis.finds(&["daemon"]);
}

#[test]
fn a_systemd_that_does_not_answer_is_said_and_the_files_are_read_instead() {
    let silent = r"mkdir -p /run/systemd/system /run/bin
        printf '#!/bin/sh\nexec sleep 600\n' >/run/bin/systemctl && chmod 755 /run/bin/systemctl
        export PATH=/run/bin:$PATH
        printf '[Service]\nRemoveIPC=1\n' >/etc/systemd/system/msgqd.service.d/bad.conf";
    let Some(diagnosis) = diagnose(silent) else { return };
    diagnosis.says("unit_state", "not_checked", &["systemctl did not answer within 5 s"]);
    diagnosis.says("unit_remove_ipc", "problem", &["bad.conf"]);
    let absent = diagnose("mkdir -p /run/systemd/system").unwrap();
    absent.says("unit_enabled", "not_checked", &["systemctl"]);
}

#[test]
fn a_daemon_that_was_started_by_hand_has_no_unit_to_look_at() {
    let daemon = configured().start();
    let diagnosis = doctor(daemon.builder());
    for check in ["unit_state", "unit_enabled", "unit_private_ipc", "unit_remove_ipc", "unit_dynamic_user"] {
        diagnosis.says(check, "not_applicable", &["systemd does not run the daemon"]);
    }
    daemon.stop();
}

/// A configuration of this queue, and a unit whose user did not make it.
fn made_by_a_client(takeover: &str) -> String {
    format!(
        r#"printf '[Service]\nUser=nobody\nGroup=nogroup\n' >/etc/systemd/system/msgqd.service.d/user.conf
        printf '[queue]\nkey = 0x12345678\ntakeover = "{takeover}"\n' >/run/c.toml
        printf '#!/bin/sh\nexec %s --config /run/c.toml "$@"\n' "$MSGQCTL" >/run/msgqctl
        chmod +x /run/msgqctl; MSGQCTL=/run/msgqctl
        setpriv --reuid 54871 --regid 54871 --clear-groups perl -e 'msgget(0x12345678, 01660) // die $!'"#
    )
}

#[test]
fn a_queue_that_a_client_made_before_the_service_is_told_with_the_command_that_gives_it_away() {
    let Some(diagnosis) = diagnose(&made_by_a_client("empty")) else { return };
    diagnosis.says("queue_owner", "warning", &["belongs to user 54871, and msgqd.service runs as nobody", "empty"]);
    assert_eq!(diagnosis.mend("queue_owner"), "msgqd --config /run/c.toml --take-over nobody:nogroup");
    let refuses = diagnose(&made_by_a_client("refuse")).unwrap();
    refuses.says("queue_owner", "problem", &["refuse", "in /run/c.toml", "does not start"]);
    let own = made_by_a_client("empty").replace("User=nobody", "User=54871");
    assert!(!diagnose(&own).unwrap().report.to_string().contains("queue_owner"));
}

/// A queue with msgqd's own key, of a program of which nothing is known; `$first` is another process to end.
const QUEUE_OF_OTHERS: &str = r#"
    echo 100 >/proc/sys/kernel/msgmax
    "$SERVER" 0x12345678 >/run/log 2>&1 &
    trap "kill $first $!" EXIT
    for i in $(seq 600); do grep -q serving /run/log && break; sleep 0.1; done"#;

#[test]
fn on_a_queue_that_nobody_knows_no_check_is_made_that_assumes_msgqd() {
    let server = format!("SERVER={}\n", msgqd_system_tests::test_client("server").display());
    let bad = "printf '[Service]\\nPrivateIPC=yes\\nRemoveIPC=yes\\n' >/etc/systemd/system/msgqd.service.d/bad.conf";
    let Some(diagnosis) = diagnose(&format!("first=\n{server}{bad}\n{QUEUE_OF_OTHERS}")) else { return };
    diagnosis.finds(&[]);
    let of_msgqd = ["table", "pid_namespace", "unit_state", "unit_enabled", "unit_private_ipc", "unit_remove_ipc"];
    let more = ["unit_dynamic_user", "replaced_program", "versions", "package", "msgmax", "ipc_namespace", "daemon"];
    for check in of_msgqd.iter().chain(&more) {
        diagnosis.says(check, "not_applicable", &[]);
    }
    diagnosis.says("unit_state", "not_applicable", &["tells that msgqd is meant to serve queue 0x12345678"]);
    let elsewhere =
        format!("{server}{}\nfirst=$!\n{QUEUE_OF_OTHERS}\nrm /etc/systemd/system/msgqd.service", daemon_elsewhere(""));
    let diagnosis = diagnose(&elsewhere).unwrap();
    diagnosis.finds(&[]);
    diagnosis.says("ipc_namespace", "not_applicable", &["nothing tells that it should serve the one that is here"]);
}
