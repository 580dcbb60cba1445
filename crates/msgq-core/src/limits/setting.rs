//! Who can set a limit of the kernel, seen from where this process runs.

use std::os::unix::fs::MetadataExt;

/// The inode of the first IPC namespace, `PROC_IPC_INIT_INO` of `include/linux/proc_ns.h`.
const FIRST_IPC_NAMESPACE: u64 = 0xefff_ffff;

/// Where limits of the kernel are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitPlace {
    /// Here, by root.
    Here,
    /// /proc/sys is read-only here, and the limits are those of the host.
    Host,
    /// /proc/sys is read-only here, and the limits are those of a container.
    Runtime,
    /// /proc/sys is read-only for this unit of systemd in a container, and perhaps for the container too.
    UnitInContainer,
}

impl LimitPlace {
    /// As it is for this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let has_own_limits = std::fs::metadata("/proc/self/ns/ipc").is_ok_and(|it| it.ino() != FIRST_IPC_NAMESPACE);
        Self::of(is_proc_sys_read_only(), has_own_limits, std::env::var_os("INVOCATION_ID").is_some())
    }

    fn of(is_read_only: bool, has_own_limits: bool, is_unit: bool) -> Self {
        match (is_read_only, has_own_limits, is_unit) {
            (false, ..) => Self::Here,
            (true, false, _) => Self::Host,
            (true, true, false) => Self::Runtime,
            (true, true, true) => Self::UnitInContainer,
        }
    }

    /// How a limit (`kernel.msgmnb`) is raised: the end of a sentence.
    #[must_use]
    pub fn how_to_set(self, name: &str, value: impl std::fmt::Display) -> String {
        let by_sysctl = format!("sysctl -w {name}={value} (and in /etc/sysctl.d/ to keep it)");
        let by_runtime = format!(
            "docker run --sysctl {name}={value}, or in Kubernetes securityContext.sysctls of the pod, which \
             the kubelet must allow with --allowed-unsafe-sysctls=kernel.msg*"
        );
        match self {
            Self::Here => by_sysctl,
            Self::Host => format!("{by_sysctl}, on the host, since /proc/sys is read-only here"),
            Self::Runtime => format!("{by_runtime}, since /proc/sys is read-only here"),
            Self::UnitInContainer => {
                format!("{by_sysctl}, outside of this unit; where /proc/sys is read-only too: {by_runtime}")
            }
        }
    }
}

/// How a limit of the kernel is raised from where this process runs: the end of a sentence.
#[must_use]
pub fn how_to_set_limit(name: &str, value: impl std::fmt::Display) -> String {
    LimitPlace::of_this_process().how_to_set(name, value)
}

fn is_proc_sys_read_only() -> bool {
    rustix::fs::statvfs("/proc/sys").is_ok_and(|it| it.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_named_only_where_it_can_work() {
        let here = LimitPlace::of(false, true, true).how_to_set("kernel.msgmnb", 1);
        assert_eq!(here, "sysctl -w kernel.msgmnb=1 (and in /etc/sysctl.d/ to keep it)");
        let on_host = LimitPlace::of(true, false, true).how_to_set("kernel.msgmnb", 1);
        assert!(on_host.starts_with("sysctl -w kernel.msgmnb=1") && on_host.contains("on the host"), "{on_host}");
        let in_container = LimitPlace::of(true, true, false).how_to_set("kernel.msgmnb", 1);
        assert!(in_container.starts_with("docker run --sysctl kernel.msgmnb=1"), "{in_container}");
        assert!(!in_container.contains("sysctl -w"), "{in_container}");
        let in_unit = LimitPlace::of(true, true, true).how_to_set("kernel.msgmnb", 1);
        assert!(in_unit.contains("outside of this unit") && in_unit.contains("docker run"), "{in_unit}");
    }
}
