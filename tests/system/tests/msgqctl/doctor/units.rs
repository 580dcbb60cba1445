//! The unit, as its files say it; what only a living systemd tells is checked in the container.

use super::*;

/// A machine with an installed unit and without a daemon, with `$FILES` in /etc/systemd.
const WITH_UNIT: &str = r#"
    mount -t tmpfs tmpfs /run
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
