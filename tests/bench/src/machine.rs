//! What the numbers were measured on.

use crate::failure::{Failure, Result};
use serde::Serialize;

/// The head of a report.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Name and release.
    pub kernel: String,
    /// As in /proc/cpuinfo.
    pub cpu_model: String,
    /// CPUs that this process may use.
    pub cpus: usize,
    /// Whether the kernel makes scheduling groups by session; all of the benchmark is in one.
    pub autogroup: bool,
    /// `kernel.msgmnb` in the namespace of the run, in bytes.
    pub msgmnb: u64,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            cpu_model: model.map_or("unknown", |(_, model)| model).to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, Into::into),
            autogroup: read("/proc/sys/kernel/sched_autogroup_enabled").trim() == "1",
            msgmnb: msgq_core::limits::msgmnb(),
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The last CPU that this process may use: the first ones have most interrupts.
///
/// # Errors
/// `NotRun` where /proc does not say.
pub fn last_cpu() -> Result<u32> {
    let status = read("/proc/self/status");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let last = list.and_then(|list| list.rsplit([',', '-']).next()?.trim().parse().ok());
    last.ok_or_else(|| Failure::NotRun("/proc/self/status has no Cpus_allowed_list".to_owned()))
}

/// Raises the limits of queues as far as this process may; in an IPC namespace of its own that is nobody else's matter.
/// What is left too low shows where it is needed.
pub fn raise_limits() {
    let own_namespace = std::fs::read_link("/proc/self/ns/ipc").ok() != std::fs::read_link("/proc/1/ns/ipc").ok();
    if !own_namespace {
        return;
    }
    for (path, value) in [
        ("/proc/sys/kernel/msgmnb", 8 << 20),
        ("/proc/sys/fs/mqueue/msg_max", 4096),
        ("/proc/sys/fs/mqueue/queues_max", 4096),
    ] {
        let _ = std::fs::write(path, value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_kernel_and_a_cpu() {
        let machine = Machine::this();
        assert!(machine.kernel.len() > "Linux ".len());
        assert!(machine.cpus >= 1);
        assert!(last_cpu().unwrap() < 4096);
    }
}
