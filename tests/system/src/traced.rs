use crate::{Daemon, Process, wait_until};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::process::Command;

/// System calls that the threads which take and answer requests made while `work` ran, by name, but for those that failed:
/// a look at an empty queue is no part of a request. What the other threads do goes by time, and by what else is on the
/// machine: after a start the first one looks at each table that was left there, however long that takes.
///
/// strace must be there.
#[must_use]
pub fn calls_to_serve(daemon: &Daemon, work: impl FnOnce()) -> BTreeMap<String, u64> {
    let summary = daemon.builder().directory().join("strace");
    let mut strace = Command::new("strace");
    strace.args(["--summary-only", "--output"]).arg(&summary);
    let threads = serving_threads(daemon.pid());
    assert!(threads.len() >= 2, "a courier and a worker: {threads:?}");
    for thread in &threads {
        strace.args(["--attach", thread]);
    }
    let mut strace = Process::start(&mut strace);
    wait_until("each thread is traced", || strace.stderr().matches("attached").count() == threads.len());
    work();
    strace.signal(Signal::SIGINT);
    let _ = strace.finish();
    let summary = std::fs::read_to_string(&summary).unwrap();
    summary.lines().filter_map(succeeded_calls).filter(|(name, _)| name != "total").collect()
}

fn serving_threads(pid: i32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let serving = tasks.filter(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        name == "courier\n" || name.starts_with("worker-")
    });
    serving.map(|task| task.file_name().into_string().unwrap()).collect()
}

/// A row of strace's summary: share, seconds, microseconds of each, calls, errors if there were any, name.
fn succeeded_calls(row: &str) -> Option<(String, u64)> {
    let words: Vec<&str> = row.split_whitespace().collect();
    let calls: u64 = words.get(3)?.parse().ok()?;
    let errors = if words.len() == 6 { words.get(4)?.parse().ok()? } else { 0 };
    Some(((*words.last()?).to_owned(), calls - errors))
}
