#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use super::*;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// A shell that has ended, and a process of its group that goes on.
fn ended_leader_and_member() -> (Child, nix::unistd::Pid) {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 60 & echo $!"]).process_group(0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let leader = nix::unistd::Pid::from_raw(child.id().cast_signed());
    waitid(Id::Pid(leader), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    (child, nix::unistd::Pid::from_raw(line.trim().parse().unwrap()))
}

#[test]
fn a_child_that_cannot_be_watched_since_somebody_else_reaped_it_takes_nobody_along() {
    let (child, member) = ended_leader_and_member();
    // By now its number, and that of its group, may be a stranger's.
    waitpid(nix::unistd::Pid::from_raw(child.id().cast_signed()), None).unwrap();
    assert!(Process::new(child, Arc::new(StderrLog::new("sh".to_owned()))).is_err());
    // Longer than a SIGKILL takes.
    std::thread::sleep(Duration::from_millis(100));
    let is_alive = !std::fs::read_to_string(format!("/proc/{member}/stat")).unwrap_or_default().contains(") Z")
        && nix::sys::signal::kill(member, None).is_ok();
    let _ = nix::sys::signal::kill(member, nix::sys::signal::Signal::SIGKILL);
    assert!(is_alive, "it was killed");
}
