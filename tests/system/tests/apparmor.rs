//! The AppArmor profile: the parser takes it, and under it the server does all that it does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod confined_modes;

use confined_modes::MODES;
use msgqd_system_tests::{DaemonBuilder, ask, is_root, msgqd, write_program};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PARSER: &str = "/usr/sbin/apparmor_parser";

fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../packaging/apparmor/msgqd")
}

/// The parser, which finds what the profile includes in `/etc/apparmor.d`; `None`, and said so, where it is missing.
fn parse(arguments: &[&str], profile: &Path) -> Option<Output> {
    if !Path::new(PARSER).exists() {
        eprintln!("not shown: apparmor_parser is missing (Debian: apparmor)");
        return None;
    }
    Some(Command::new(PARSER).arg("--skip-cache").args(arguments).arg(profile).output().unwrap())
}

#[test]
fn the_parser_takes_the_profile_and_not_a_mistake_in_it() {
    let Some(parsed) = parse(&["--skip-kernel-load"], &shipped()) else { return };
    assert!(parsed.status.success(), "{parsed:?}");
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("broken");
    let text = std::fs::read_to_string(shipped()).unwrap();
    std::fs::write(&broken, text.replace("set=(exists)", "set=(exist)")).unwrap();
    assert!(!parse(&["--skip-kernel-load"], &broken).unwrap().status.success());
}

/// The shipped profile under a name of the test's own, in the kernel until it is dropped.
struct Loaded {
    directory: tempfile::TempDir,
    name: String,
}

impl Loaded {
    fn new() -> Option<Self> {
        let enabled = std::fs::read_to_string("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
        if enabled.trim() != "Y" {
            eprintln!("not shown: this kernel has no AppArmor, or it is switched off");
            return None;
        }
        if !is_root() {
            eprintln!("not shown: only root can load an AppArmor profile");
            return None;
        }
        let loaded =
            Self { directory: tempfile::tempdir().unwrap(), name: format!("msgqd-test-{}", std::process::id()) };
        let text = std::fs::read_to_string(shipped()).unwrap();
        let text = text.replace("profile msgqd ", &format!("profile {} ", loaded.name));
        std::fs::write(loaded.path(), text.replace("peer=msgqd,", &format!("peer={},", loaded.name))).unwrap();
        let added = parse(&["--add"], &loaded.path())?;
        assert!(added.status.success(), "{added:?}");
        Some(loaded)
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("profile")
    }

    /// A server under the profile.
    fn builder(&self) -> DaemonBuilder {
        let program = self.directory.path().join("confined");
        let line = format!("exec aa-exec --profile={} -- {} \"$@\"", self.name, msgqd().display());
        write_program(&program, &format!("#!/bin/sh\n{line}\n"));
        DaemonBuilder::new().program(program)
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = parse(&["--remove"], &self.path());
    }
}

#[test]
fn under_the_profile_the_server_does_all_that_it_does() {
    let Some(profile) = Loaded::new() else { return };
    for (name, mode) in MODES {
        println!("{name}");
        mode(&profile.builder());
    }
}

#[test]
fn under_the_profile_a_handler_cannot_read_what_its_user_may_but_it_need_not() {
    let Some(profile) = Loaded::new() else { return };
    let builder = profile.builder().set("handler", "kind = 'exec'");
    let daemon = builder.set("handler", "command = ['/bin/cat', '/etc/shadow']").start();
    let (status, text) = ask(&daemon.queue(), b"");
    assert_eq!((status, String::from_utf8(text).unwrap().contains("Permission denied")), (-1, true));
    daemon.stop();
}
