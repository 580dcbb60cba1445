//! Which system calls msgqd makes, over all that it does: no other than `systemd/system-calls.txt` lists, and each of these is in
//! the filter of its unit. `MSGQD_WRITE_SNAPSHOTS=1` adds what is missing to the list.
//!
//! strace follows the server and what it starts up to where another program begins, which is no longer msgqd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod confined_modes;

use confined_modes::MODES;
use msgqd_system_tests::{DaemonBuilder, can_trace, msgqd, write_program};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// The file with the names; lines that begin with # are for people.
fn list_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../systemd/system-calls.txt")
}

fn names_in(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

fn listed() -> BTreeSet<String> {
    names_in(&std::fs::read_to_string(list_path()).unwrap_or_default())
}

/// Where strace writes what each thread calls.
struct Traces {
    directory: tempfile::TempDir,
}

impl Traces {
    fn new() -> Self {
        let traces = Self { directory: tempfile::tempdir().unwrap() };
        // With -D the server keeps the PID of who started it, so that signals reach it.
        let program = format!(
            "#!/bin/sh\nexec strace -D -qq -ff --signal=none --output={}/trace {} \"$@\"\n",
            traces.directory.path().display(),
            msgqd().display()
        );
        write_program(&traces.program(), &program);
        traces
    }

    fn program(&self) -> PathBuf {
        self.directory.path().join("traced")
    }

    fn calls(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let traces = entries.filter(|path| path.file_name().is_some_and(|name| name != "traced"));
        traces.flat_map(|path| calls_of_msgqd(&String::from_utf8_lossy(&std::fs::read(path).unwrap()))).collect()
    }
}

/// The names of the calls in a thread's trace, up to where it becomes another program. Its first line may be how it became
/// msgqd.
fn calls_of_msgqd(trace: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((name, _)) = line.split_once('(') else { continue };
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            continue;
        }
        // A negative number is no call: strace looked at a thread that was being killed.
        if name.starts_with("syscall_0xffffffff") {
            continue;
        }
        names.insert(name.to_owned());
        if name == "execve" && number > 0 && line.ends_with("= 0") {
            break;
        }
    }
    names
}

#[test]
fn msgqd_makes_no_system_call_that_is_not_listed() {
    if cfg!(not(target_arch = "x86_64")) {
        return eprintln!("not shown: the list of system calls is that of x86-64");
    }
    if !can_trace() {
        return eprintln!("not shown: strace is missing, or may not trace here");
    }
    let traces = Traces::new();
    for (name, mode) in MODES {
        println!("{name}");
        mode(&DaemonBuilder::new().program(traces.program()));
    }
    let (seen, listed) = (traces.calls(), listed());
    assert!(seen.contains("msgrcv") && seen.contains("execve") && seen.contains("pidfd_open"), "{seen:?}");
    let missing: Vec<&String> = seen.difference(&listed).collect();
    if std::env::var_os("MSGQD_WRITE_SNAPSHOTS").is_some() && !missing.is_empty() {
        write_list(seen.union(&listed));
        return;
    }
    let unseen: Vec<&String> = listed.difference(&seen).collect();
    if !unseen.is_empty() {
        println!("listed in {}, and not seen here: {unseen:?}", list_path().display());
    }
    assert_eq!(missing, [] as [&String; 0], "these are made and not listed in {}", list_path().display());
}

fn write_list<'a>(names: impl Iterator<Item = &'a String>) {
    let text = std::fs::read_to_string(list_path()).unwrap();
    let head = text.lines().filter(|line| line.starts_with('#')).map(str::to_owned);
    let lines: Vec<String> = head.chain(names.cloned()).collect();
    std::fs::write(list_path(), lines.join("\n") + "\n").unwrap();
}

/// A name itself; or the names in a set of systemd's, and in the sets within it; `None` where systemd does not tell.
fn calls_of_set(set: &str) -> Option<BTreeSet<String>> {
    if !set.starts_with('@') {
        return Some(BTreeSet::from([set.to_owned()]));
    }
    let output = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", set]).output().ok()?;
    let names = names_in(&String::from_utf8(output.stdout).unwrap());
    let (sets, calls): (Vec<String>, Vec<String>) =
        names.into_iter().filter(|name| name != set).partition(|name| name.starts_with('@'));
    let within = sets.iter().filter_map(|set| calls_of_set(set)).flatten();
    Some(calls.into_iter().chain(within).collect())
}

/// What the unit's lines allow, in their order.
fn allowed_by(unit: &str) -> Option<BTreeSet<String>> {
    let mut allowed = BTreeSet::new();
    for line in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let sets = line.trim_start_matches('~').split_whitespace().map(calls_of_set);
        let calls: BTreeSet<String> = sets.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
        match line.starts_with('~') {
            true => allowed.retain(|name| !calls.contains(name)),
            false => allowed.extend(calls),
        }
    }
    Some(allowed)
}

#[test]
fn the_filter_of_each_unit_lets_through_every_call_that_is_listed() {
    // systemd allows these to every program that it starts (the set @default), under other names too.
    let Some(default) = calls_of_set("@default").filter(|calls| !calls.is_empty()) else {
        return eprintln!("not shown: systemd-analyze is missing (Debian: systemd)");
    };
    for unit in ["msgqd.service", "msgqd-failed.service"] {
        let text = std::fs::read_to_string(list_path().with_file_name(unit)).unwrap();
        let mut allowed = allowed_by(&text).unwrap();
        allowed.extend(default.iter().cloned());
        let refused: Vec<String> = listed().difference(&allowed).cloned().collect();
        assert_eq!(refused, [] as [&str; 0], "{unit} refuses what msgqd does");
    }
}
