//! What runs, and what is installed.

use super::*;
use std::os::unix::fs::FileExt;

#[test]
fn a_daemon_whose_program_was_replaced_on_disk_is_told() {
    let builder = configured();
    let program = builder.copy_for_everyone(&msgqd_system_tests::msgqd());
    let daemon = builder.program(program.clone()).start();
    doctor(daemon.builder()).says("replaced_program", "fine", &[&program.display().to_string()]);
    // As a package manager does it: a new file under the old name.
    msgqd_system_tests::copy_program(&msgqd_system_tests::msgqd(), &program.with_extension("new"));
    std::fs::rename(program.with_extension("new"), &program).unwrap();
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["replaced_program"]);
    diagnosis.says("replaced_program", "warning", &["replaced on disk", &program.display().to_string(), "restart"]);
    daemon.stop();
}

#[test]
fn a_daemon_of_another_version_is_told() {
    let daemon = configured().start();
    let table = table_of(daemon.builder());
    let own = env!("CARGO_PKG_VERSION").as_bytes();
    let head = std::fs::read(&table).unwrap();
    let at = head.windows(own.len()).position(|bytes| bytes == own).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&table).unwrap();
    file.write_all_at(b"9.8.7", at.try_into().unwrap()).unwrap();
    let diagnosis = doctor(daemon.builder());
    diagnosis.finds(&["versions"]);
    diagnosis.says("versions", "warning", &["the daemon runs version 9.8.7", "msgqctl is"]);
    daemon.stop();
}

#[test]
fn a_package_of_another_version_is_told() {
    if !Path::new("/var/lib/dpkg/status").exists() {
        eprintln!("not run: this is no Debian");
        return;
    }
    let text = r#"
        printf 'Package: msgqd\nStatus: install ok installed\nMaintainer: x\nArchitecture: all\nVersion: %s\nDescription: x\n\n' \
            "$VERSION" >"$FILE"
        mount --bind "$FILE" /var/lib/dpkg/status
        "$MSGQCTL" --json doctor"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    let namespaces = ["--ipc", "--mount", "--propagation", "private"];
    let own = env!("CARGO_PKG_VERSION");
    for (version, state) in [("9.8.7-1".to_owned(), "warning"), (format!("1:{own}-2"), "fine")] {
        let Some(finished) = script(&namespaces, &[("FILE", &path), ("VERSION", &version)], text) else { return };
        Diagnosis::read(&finished).says("package", state, &[&version, "msgqctl is"]);
    }
}
