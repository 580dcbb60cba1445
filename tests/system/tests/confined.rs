//! The server in the confinement of its unit: a umask that opens nothing, a user namespace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{DaemonBuilder, is_root, msgqctl, msgqd, write_program};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A server that a shell starts with this line, in which `PROGRAM` stands for the server.
fn started_by(line: &str) -> DaemonBuilder {
    let builder = DaemonBuilder::new();
    let path = builder.directory().join("start");
    write_program(&path, &format!("#!/bin/sh\n{}\n", line.replace("PROGRAM", &msgqd().display().to_string())));
    builder.program(path)
}

fn modes_of(directory: &Path) -> Vec<(String, u32)> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let mode = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o777)
    };
    let mut modes: Vec<_> = entries.map(mode).collect();
    modes.sort();
    modes
}

#[test]
fn the_group_can_read_what_the_server_keeps_and_write_none_of_it_whatever_the_umask_is() {
    for umask in ["077", "000"] {
        let daemon = started_by(&format!("umask {umask}; exec PROGRAM \"$@\"")).start();
        let modes = modes_of(daemon.builder().runtime_directory());
        assert!(modes.iter().any(|(name, _)| name.ends_with(".table")), "{modes:?}");
        for (name, mode) in &modes {
            let wanted = if name.ends_with(".claim") { 0o600 } else { 0o640 };
            assert_eq!(*mode, wanted, "{name} under umask {umask}: {modes:?}");
        }
        daemon.stop();
    }
}

#[test]
fn the_note_of_a_closed_door_can_be_read_by_the_server_whatever_the_operators_umask_is() {
    if !is_root() {
        return eprintln!("not shown: only root closes the door of another user's server");
    }
    let daemon = DaemonBuilder::new().user(65534).start();
    let drained = std::process::Command::new("sh")
        .args(["-c", "umask 077; exec \"$0\" \"$@\""])
        .arg(msgqctl())
        .args(["--key", &daemon.key().to_string(), "drain"])
        .env("RUNTIME_DIRECTORY", daemon.builder().runtime_directory())
        .output()
        .unwrap();
    assert!(drained.status.success(), "{drained:?}");
    let modes = modes_of(daemon.builder().runtime_directory());
    let note = modes.iter().find(|(name, _)| name.ends_with(".closed")).unwrap();
    assert_eq!(note.1, 0o644, "{modes:?}");
    daemon.stop();
}

#[test]
fn of_several_directories_of_its_unit_the_server_uses_the_one_that_bears_its_name() {
    let builder = DaemonBuilder::new();
    let [other, own] = ["answers", "msgqd"].map(|name| builder.runtime_directory().join(name));
    std::fs::create_dir(&other).unwrap();
    std::fs::create_dir(&own).unwrap();
    // The manager sorts them, so another program's may come first.
    let several = format!("{}:{}", other.display(), own.display());
    let mut daemon = builder.env("RUNTIME_DIRECTORY", several).spawn();
    daemon.wait_for_log("serving queue");
    assert_eq!(modes_of(&other), [], "another program's directory was used");
    assert!(modes_of(&own).iter().any(|(name, _)| name.ends_with(".table")));
    daemon.stop();
}

#[test]
fn a_group_that_has_no_number_in_the_servers_user_namespace_is_named_with_what_to_do() {
    if !is_root() {
        return eprintln!("not shown: only root has a group of another number to give the queue to");
    }
    let builder = started_by("exec unshare --user --map-root-user PROGRAM \"$@\"").set("queue", "group = \"nogroup\"");
    let finished = builder.run();
    assert_eq!(finished.code(), 1, "{finished:?}");
    for word in ["group nogroup (65534)", "user namespace", "PrivateUsers=no", "Group=nogroup"] {
        assert!(finished.stderr.contains(word), "{word:?} is missing: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains("no such queue"), "{}", finished.stderr);
}
