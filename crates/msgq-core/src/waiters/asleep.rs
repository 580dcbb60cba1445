//! How long a thread has slept. The scheduler notes when it last ran, by a clock of the CPU on which that was, which leaves
//! out what a hypervisor or interrupts took: clocks of two CPUs may differ by minutes, so each is read on its own CPU.

use crate::proc_text::proc_text;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::HashMap;
use std::time::Duration;

/// CPUs whose clocks are read.
const MAX_CPUS: usize = 64;

/// The clocks of CPUs by number, each read when it is first needed; `None` for one that this thread may not run on.
#[derive(Debug, Default)]
pub(super) struct OwnClocks {
    clocks: HashMap<usize, Option<Duration>>,
}

impl OwnClocks {
    /// How long at least a thread has slept; `None` where the kernel does not tell.
    pub(super) fn asleep_for(&mut self, pid: i32, tid: i32) -> Option<Duration> {
        let last_ran = last_ran(&format!("/proc/{pid}/task/{tid}"))?;
        let cpu = last_cpu(pid, tid)?;
        if self.clocks.len() >= MAX_CPUS && !self.clocks.contains_key(&cpu) {
            return None;
        }
        // A clock that was read before the thread slept shows no time since.
        let now = (*self.clocks.entry(cpu).or_insert_with(|| clock_of(cpu)))?;
        Some(now.saturating_sub(last_ran))
    }
}

/// This thread's own time on that CPU, on which it runs for a moment.
fn clock_of(cpu: usize) -> Option<Duration> {
    if cpu >= CpuSet::MAX_CPU {
        return None;
    }
    let before = sched_getaffinity(None).ok()?;
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).ok()?;
    let now = last_ran("/proc/thread-self");
    let restored = sched_setaffinity(None, &before);
    now.filter(|_| restored.is_ok())
}

/// `se.exec_start` of `/proc/PID/task/TID/sched`, in milliseconds; kernels without CONFIG_SCHED_DEBUG lack the file.
fn last_ran(thread: &str) -> Option<Duration> {
    exec_start(&proc_text(&format!("{thread}/sched")).ok()?)
}

fn exec_start(sched: &str) -> Option<Duration> {
    let line = sched.lines().find_map(|line| line.strip_prefix("se.exec_start"))?;
    let ms: f64 = line.trim_start_matches([' ', ':']).trim().parse().ok()?;
    // 0 stands there while a thread that was woken on another CPU has not run there yet (migrate_task_rq_fair).
    Duration::try_from_secs_f64(ms / 1000.0).ok().filter(|ran| !ran.is_zero())
}

/// Field 39 of proc_pid_stat(5).
fn last_cpu(pid: i32, tid: i32) -> Option<usize> {
    let stat = proc_text(&format!("/proc/{pid}/task/{tid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(36)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_on_its_way_to_another_cpu_has_no_time_at_which_it_last_ran() {
        assert_eq!(
            exec_start("x (1, #threads: 1)\n-----\nse.exec_start      :     1500.250000\n"),
            Some(Duration::from_micros(1_500_250))
        );
        assert_eq!(exec_start("se.exec_start                                :             0.000000\n"), None);
        assert_eq!(exec_start(""), None);
    }
}
